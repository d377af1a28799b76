// Package actors runs a Raft node as a tree of protoactor-go actors. It is what users of the library import.
//
// # Two ways in
//
// Those who think in calls start a node and keep its handle:
//
//	node, err := actors.Start(ctx, system, definition, cfg)
//	response, err := node.Write(ctx, command)
//	value, err := actors.Query(ctx, node, func(m *machine) string { return m.value })
//
// Those who think in actors take [NewProps], spawn the raft actor under a supervisor of their own, send it
// [Propose] and [Read], and watch its PID. Both meet the same actor.
//
// # The tree
//
//	raft (driver)            the PID that users hold; owns the engine; parent of the rest
//	├── ticker               wall time → ticks, the only one that knows the clock; at most one tick is queued
//	├── persistence          owns the log and hard state; one write and one sync for everything queued
//	├── apply                owns the state machine; applies in log order and answers the callers
//	├── snapshot             writes snapshots and keeps their files, off every hot path
//	├── transfer             sends snapshots to other nodes, and receives them
//	└── transport            owns the transport's life and its routes
//
// The driver receives, asks the engine and does what it says; everything clever is on the engine's side. What
// must be durable goes to the persistence actor together with the messages that wait for it, in one queue, and
// leaves that queue in its order: the sync first, then the messages.
//
//	Write ─▶ proposal lane ─▶ driver ─▶ engine ─┬─▶ persistence ─ persisted ─▶ driver ─▶ engine ─▶ apply ─▶ answer
//	                                            └─▶ followers ──── appended ──────┘
//
// A linearizable read sees every write that was acknowledged before it, and writes nothing. The engine asks a majority
// whether it still leads, once for all reads that wait, and the read runs on the apply actor behind everything that was
// committed when it came.
//
//	Read ──▶ read lane ─▶ driver ─▶ engine ─▶ voters ─ answers ─▶ driver ─▶ engine ─▶ apply ─▶ answer
//
// # Backpressure
//
// The driver's mailbox has lanes. Ticks, completions and peer messages pass before clients. Proposals have a
// bound, Config.MaxPendingProposals, held from acceptance to answer: beyond it a caller gets [ErrBusy] at once, on
// its own goroutine, and the driver is not woken. Whatever is queued when the driver turns to the lane becomes one
// batch: one append, one sync, one message to each follower, without waiting for more to come. Reads have a lane and a
// bound of their own, Config.MaxPendingReads.
//
// # Answers
//
// Every proposal is answered exactly once, and each error tells what to do next and whether the command may have
// been applied (see errors.go). [OutcomeUnknownError] is the honest answer when a command was accepted and
// leadership, node or context ended before its end was seen; retry only what is idempotent.
//
// # Supervision
//
// The driver may be restarted by any strategy: it re-reads its durable state and starts fresh children and a fresh
// machine. Ticker, snapshot, transfer and transport actors are started anew alone when they fail. A failed write or sync and a
// panic in the state machine end the node for good: a sync is never retried, because the kernel may have dropped
// the data, and a replay would meet the same command again. The raft actor then stays, answers Status with the cause
// and everything else with [FatalError], and publishes [Fatal] on the event stream.
package actors
