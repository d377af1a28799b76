// Package engine is the Raft protocol of one node as a pure state machine.
//
// # What it is
//
// [Engine.Step] takes one event and returns the actions that follow from it. It is the only way forward: there
// is no other input and no other output, and the same events in the same order give the same actions, always.
//
//	                   ClientProposal
//	                    ProposeRead
//	                 ProposeConfigChange
//	   Tick  Incoming  TransferLeadership  Persisted  Applied  PeerSeen
//	     │      │            │             ▲          ▲       │
//	     ▼      ▼            ▼             │          │       ▼
//	┌───────────────────── Step ───────────┼──────────┼──────────┐
//	│  term, vote, log · role · commit     │          │          │
//	└──────┬─────────────┬───────────┬─────┼──────────┼──────────┘
//	       ▼             ▼           ▼     │          │
//	     Send        Persist…  Apply… ReadReady       │
//	       │             │           └──── │ ──▶ state machine
//	    transport       disk ──────────────┘
//
// The terms, the numbered sections and the figures that comments mention are those of Diego Ongaro's
// dissertation, "Consensus: Bridging Theory and Practice" (2014). A comment that begins with Deviation tells
// where this package does something else, and why.
//
// # What it is not
//
// It does no I/O and knows no clock: time enters as ticks, which drive the timers, and as the Now of every
// event, by which stickiness, leases and disks that hang are judged. It has no goroutine and no lock, so it is for one goroutine at a time.
// Its randomness is a source that the host gives it. Commands are bytes that it never looks into. It does not
// repair what a host broke: a broken invariant of its own panics in [Engine.CheckInvariants].
//
// # What the host promises
//
// A host keeps these promises, and the protocol keeps all others:
//
//  1. Actions are carried out in order. A [Send] with Wait leaves after every earlier Persist action is
//     durable; other sends may leave at once. When a write fails nothing more leaves, and the node stops.
//  2. [Persisted] is given for a Persist action when the sync that covers it returned, and in order.
//  3. [PersistLogEntries] replaces the durable log from its first index on.
//  4. [Apply] and [ApplySnapshot] reach the state machine in one order; [Applied] tells how far it is. A read that is
//     ready reaches it behind those before it.
//  5. Entries, commands and messages are never written to, by anybody, once they were handed over.
//  6. Messages come from where [Incoming] says: the transport has proved id and incarnation. They may be lost,
//     repeated, delayed and reordered.
//  7. [Recovered] is durable, and is all that was ever confirmed. The state machine was restored from its snapshot.
//  8. A snapshot is complete, verified and synced before the engine hears of it, and its file stays as long as
//     [Engine.SnapshotsInUse] names it. Its label says what the state machine had been given at that point.
//  9. [SendSnapshot] and [ReceiveSnapshot] each come to an end: with their result, also when nothing has moved for too
//     long, unless [AbortSnapshot] came before.
//
// The actions of a Step, and the slice of them, are valid until the next Step. What they point to is immutable
// and may be kept for ever.
//
// # What leaves when
//
// A message waits for the disk exactly if it is a promise that a crash could take back:
//
//	waits    RequestVote, a granted vote, an accepted append, a held snapshot
//	at once  appends, heartbeats and their answers, refusals, rejections, pre-votes and their answers, requests to
//	         campaign, notices of removal, offers
//
// A leader's own messages need not wait because it only leads once its term and its vote are durable; it writes
// its entries while they travel, and counts itself only up to what its own disk confirmed (§10.2.1).
//
// # Reading order
//
//	engine.go     the state, and Step: which event goes where
//	election.go   timers, who may campaign, who may vote, how votes are counted (§3.4, §9.6, §4.2.3)
//	check_quorum.go when a leader gives up (§6.2)
//	role.go       follower, pre-candidate, candidate, leader (§3.3)
//	receive.go    messages; recv_*.go has one file for each kind of them
//	log.go        the log and the configurations in it (§3.5, §4.1)
//	progress.go   what a leader knows of a follower; replicate.go sends by it
//	commit.go     what is committed (§3.6); apply.go hands it out
//	read_index.go linearizable reads (§6.4); lease.go does without the round (§6.4.1)
//	change.go     how the membership changes (§4.1); leaving.go ends what a change leaves behind (§4.2.2)
//	founders.go   how the incarnations of members that nobody had met get into the log
//	removed.go    how a removed node learns of it (§4.2.3)
//	transfer.go   how leadership is handed over (§3.10)
//	snapshot.go   labels, compaction (§5.1); hint.go asks for snapshots
//	transfer_snapshot.go a leader's side of a transfer; recv_snapshot_offer.go the follower's
//	durable.go    which part of the log is durable while writes are under way
//	output.go     actions and their order
//	invariants.go what is true after every Step
//
// # An example
//
// The smallest host: one node, whose disk and state machine answer at once.
//
//	for _, action := range node.Step(event) {
//		switch a := action.(type) {
//		case *engine.PersistHardState:
//			disk.SetHardState(a.State)
//			disk.Sync()                                // then feed Persisted{Seq: a.Seq}
//		case *engine.PersistLogEntries:
//			disk.Replace(a.Entries)
//			disk.Sync()                                // then feed Persisted{Seq: a.Seq}
//		case *engine.Send:
//			network.Send(a.To, a.Message)              // everything before it is durable
//		case *engine.Apply:
//			machine.Apply(a.Entries)                   // then feed Applied{Index: …}
//		}
//	}
//
// The package example runs three of them.
package engine
