// Package sim runs whole clusters in virtual time, under faults that a seed decides on, and checks them after each step.
//
// A run is a function of its [Options]: engines, the real log and the real files of snapshots of package persistence on a
// simulated disk, a state machine that remembers what it was given, a network and clients, all in one goroutine. Whatever happens is an event in one
// queue, ordered by virtual time; whatever is left to chance is drawn from the seed. So the same options give the same
// history, to the last byte, on any machine.
//
//	schedule ──▶ injections: client calls, changes of the membership, faults
//	                │
//	     ┌──────────▼───────────────────────────────────────────────┐
//	     │ World: one queue of events, virtual time                 │
//	     │                                                          │
//	     │   node: engine ⇄ disk (persistence on MemFS)             │
//	     │                ⇄ machine (apply queue, snapshots)        │──▶ sim/check, client, liveness
//	     │                ⇄ network (loss, delay, partitions)       │
//	     └──────────────────────────────────────────────────────────┘
//
// # What is drawn when
//
// A seed decides three things. Its weather ([Weather]) says which faults the run suffers and how hard, and how the engines
// are configured: three of five seeds have the default, the others a random part of all faults, so that no fault hides
// behind another one. Its schedule is a list of injections, each with a point in time and a stream of chance of its own.
// The rest, such as how long a message takes, is drawn from streams that are keyed by what they are for: the fifth message
// from n1 to n2, the third write of n4. So an injection can be left out and the others stay what they are, which is
// what [Shrink] lives on.
//
// What operators do is part of the schedule as well: they hand leadership over while something is wrong with a disk or a
// connection, or to and fro, remove who does not answer while reads wait for it, and get a configuration wrong, which has to
// be refused. Hosts are careless: they write behind the entries that they are handed.
// Operators do not change one thing and go: a tool makes a series of changes, each as soon as a leader takes the one before
// (errand.go). Some faults wait for their moment: a candidate dies when a few have voted for it (strike.go), a leader is cut
// off together with an operator who does not know (island.go).
//
// # What is checked
//
// After every step the engine's own invariants and all of sim/check; in the machine, that all nodes go through the same
// states, by entries or by snapshots; at the client, that what is acknowledged happened after it was asked for and stays,
// and that reads are linearizable. When the steps are over a part of the cluster that can go on is healed, and must elect a
// leader and apply a new command everywhere within a bounded number of ticks.
//
// # What moves slowly
//
// A way between two nodes may be slow for a while, or a connection hangs and is replaced: what it still held comes by and by,
// behind messages that left much later, and maybe a second time. Snapshots may be slow where nothing else is: on their way,
// while they are written and synced, and while they are restored. A member may be gone for much longer than others wait for it;
// in the end nothing may be kept for one that stays away. A host may label a snapshot wrongly, and then its engine has to stop.
//
// # What the disk may do
//
// A crash is a power loss, or the death of the process alone. Either may hit in the middle of a write, at any operation of
// the file system; what was not synced survives sector by sector, or not. A sync may fail, which ends the process, and what
// it should have written is gone. A disk may be slow or stop for a while. It may be filled up by others, which its log has
// to say while there is room; if it runs out all the same, the process ends. An operation may fail while a node starts,
// somebody may leave files in its directory, and a machine may lose its power again and again.
//
// Some crashes are aimed at the changes of a log's files: a segment is made, named, freed, used again or removed. The size
// of segments may change from one life to the next, and another group may share the log, which has to find what it wrote
// as well. A log that idles must give up every file that nobody needs. Operations on files of snapshots fail, which costs that
// snapshot and nothing else, and processes end in the middle of making one durable.
//
// While a node runs its disk does not lie: what it has synced stays. While it is down a disk may be replaced by an empty one, or
// rot: bits turn, sectors, writes and files are lost or come back. Then its log has to be refused as damaged, and the node gets
// an empty disk; or it holds all that was durable, but for the last batch of a node that crashed before that was proven.
package sim
