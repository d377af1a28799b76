// Package testkit runs real nodes in virtual time, for tests: ours and those of a user's state machine.
//
// A [Loop] runs the actors of any number of nodes on the test's own goroutine, one message at a time, in an order that
// a seed decides, on a clock that moves only when nothing else can. A [Cluster] is a cluster of nodes on it: real
// actors, mailboxes and supervision, the real log on disks in memory, and a [Network] with latencies and partitions.
// A minute of its time takes milliseconds, nothing depends on how fast the machine is, and the same seed gives the same
// run again, so that a failure can be looked at as often as it takes.
//
//	c := testkit.NewCluster(t, definition, testkit.Options{Seed: 1})
//	c.Write(command)                   // await a leader, propose, await the answer
//	c.Crash(c.AwaitLeader())
//	c.Write(another)
//	c.AwaitApplied()
//	c.Machine(1)                       // look at the state machine of n1
//
// Nothing in a test may wait for a node in the usual way, as [actors.Node.Write] does: on one goroutine there would be
// nobody to do the work. So proposals are messages, [Cluster.Propose] returns at once, and the answer is in the
// [Result] when the loop has run far enough: [Loop.Run], [Loop.Advance], [Cluster.Await].
//
// Faults are verbs: [Cluster.Crash], [Cluster.CrashAt] and [Cluster.Restart], [Cluster.Disk] for one that fails,
// [Loop.Stall] and [Loop.Resume] for an actor that hangs (a disk, a state machine), [Loop.Slow] for one that is slow, a
// [Loop.Watch] that panics for an actor that does, and Partition, Cut, Drop and Heal of the network.
//
// While a cluster runs, every step of every engine, every sync and every message is checked for the safety of Raft (see
// sim/check). A violation fails the test with the seed.
//
// State machines with snapshots take them as they do elsewhere; [Cluster.TriggerSnapshot] asks for one, and [Cluster.Files]
// tells what lies on a disk. Writing one is a single turn, so that commands go on meanwhile is for tests of the other kind.
//
// What it does not do: actors do not run side by side, so data races are for the race detector and tests of the ordinary
// kind. Two things of protoactor look at the wall clock: how often an actor may be restarted within ten seconds, and how
// many dead letters are logged.
package testkit
