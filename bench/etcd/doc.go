// Package etcd is etcd-raft with etcd's own WAL in a host made for it, as good as we could build one:
//
//   - one goroutine owns the RawNode; what arrives while it works is taken at once when it is done: all messages, then
//     all proposals as one multi-entry proposal
//   - a leader's messages leave before its own write (dissertation, 10.2.1), a follower's answers after it
//   - with AsyncStorageWrites ([Async]) the log is written by a second goroutine, which makes one write and one sync of
//     everything that waits; without it ([Sync]) by the first, as etcd's server does
//   - committed entries are applied by a goroutine of its own, which answers the clients without looking them up
//   - messages travel as length-prefixed raftpb over one TCP connection a direction, as many as wait in one system call
//   - pre-vote and check-quorum are on, the timeouts are those of the other systems, the in-memory log is compacted
//
// Proposals are not forwarded and there are no snapshots: a run that loses its leader is void anyway.
package etcd
