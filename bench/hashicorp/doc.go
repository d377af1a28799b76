// Package hashicorp is hashicorp/raft with raft-wal, tuned for throughput where its configuration allows it: batches of
// up to 1,024 entries from the apply channel and in one message, batched applies, a log cache so that followers are
// served from memory. Pipelining keeps its default depth: with a deeper one followers make more syncs for each write.
// Timeouts are those of the other systems.
//
// Syncs are the appends of raft-wal, which makes one each; the few of its metadata are not counted.
package hashicorp
