package sim

import (
	"fmt"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// Fault is a kind of what went wrong.
type Fault uint8

// The kinds of faults, as they took effect.
const (
	Dropped Fault = iota
	Duplicated
	Delayed
	Reordered
	Unreachable
	Split
	OneWay
	Bridge
	Isolated
	PowerLoss
	Killed
	LostFlush
	PartialFlush
	InterruptedStart
	FailedSync
	SlowWrite
	Stalled
	Paused
	LateTick
	Drift
	Wiped
	Rejoined
	Retired
	ChunkLost
	ChunkDamaged
	NoRoom
	Flickered
	FailedStart
	Littered
	Rotten
	RotRefused
	DiskFilled
	DiskRanOut
	CutInFiles
	Relapsed
	Struck
	Marooned
	HeldByCut
	Held
	SlowLink
	SlowTransfer
	BusyKeeper
	SlowRestore
	LongOutage
	Mislabelled
	FailedKeeping
	CutInSnapshots
	Lull
	HardTransfer
	HeldUp
	ToAndFro
	SilentRemoved
	Misconfigured
	faultKinds
)

var faultNames = [faultKinds]string{
	"message dropped", "message duplicated", "message held for long", "message overtaken", "message into a cut or a dead node",
	"symmetric partition", "one-way cut", "bridge partition", "leader cut off",
	"power loss", "process killed", "crash lost a whole flush", "crash lost a part of a flush", "crash while starting",
	"failed sync", "write on a slow disk", "disk stalled", "node paused", "late tick", "drifting clock",
	"disk wiped", "wiped member added again", "removed node stopped for good", "snapshot chunk lost", "snapshot damaged on the way",
	"no room for a snapshot", "life of a flickering machine cut short", "device failed at a start", "file left by somebody",
	"damage to a disk judged", "of these refused as damage",
	"disk nearly filled by others", "disk ran out of room", "crash in a change of files",
	"crash soon after a switch to a snapshot",
	"candidate struck", "leader on an island with an operator", "message held by a cut",
	"message in a connection that hangs", "message on a slow link", "slow transfer of a snapshot", "slow file of a snapshot",
	"slow restore", "member gone for long", "snapshot labelled wrongly", "file of a snapshot failed", "crash in a file of a snapshot",
	"clients quiet", "transfer in trouble", "connection held up", "leadership to and fro", "silent voter removed", "misconfigured start",
}

// String names the fault.
func (f Fault) String() string { return faultNames[f] }

// Call is a kind of what became of clients' requests.
type Call uint8

// The kinds of calls and answers.
const (
	Proposed Call = iota
	Accepted
	Acknowledged
	Replaced
	Redirected
	Refused
	ReadAsked
	ReadConfirmed
	ReadByLease
	ReadServed
	ReadRefused
	ChangeRefused
	Changed
	Transferred
	NotTransferred
	callKinds
)

var callNames = [callKinds]string{
	"proposals", "proposals accepted", "commands acknowledged", "commands replaced", "requests redirected", "proposals refused",
	"reads", "reads confirmed", "of these by lease", "reads served", "reads refused", "changes refused", "changes acknowledged",
	"leadership transferred", "leadership not transferred",
}

// String names the call.
func (c Call) String() string { return callNames[c] }

// SnapshotFact is a kind of what happened with snapshots.
type SnapshotFact uint8

// The kinds of what happens with snapshots.
const (
	Captured SnapshotFact = iota
	Begun
	Resumed
	Interrupted
	Aborted
	Installed
	snapshotFacts
)

var snapshotNames = [snapshotFacts]string{
	"snapshots captured", "transfers begun", "of these resumed", "transfers interrupted", "transfers aborted", "snapshots installed",
}

// String names the fact.
func (f SnapshotFact) String() string { return snapshotNames[f] }

// Errand is a kind of what operators' tools set out to do.
type Errand uint8

// The kinds of errands.
const (
	Readded Errand = iota
	MachineReplaced
	Hastened
	Announced
	errandKinds
)

var errandNames = [errandKinds]string{
	"members to be added again", "members to be replaced", "learners to be promoted in haste", "members added before their start",
}

// String names the errand.
func (e Errand) String() string { return errandNames[e] }

// changeKinds is one above the greatest kind of change.
const changeKinds = engine.ChangeUpdateAddress + 1

// Counters count what happened in a run, to show that it was not vacuous.
type Counters struct {
	Faults    [faultKinds]int
	Calls     [callKinds]int
	Snapshots [snapshotFacts]int
	Changes   [changeKinds]int // accepted, by kind
	Errands   [errandKinds]int
	Segments  struct{ Freed, Recycled uint64 }
	Leaders   int // terms that had one
	Calm      int // ticks that the cluster needed in the end
	Default   int // runs with the default weather
	Combined  int // runs that committed entries through a change, an installed snapshot and a change of leader

	newest   engine.Term
	combined bool
}

// led takes note of a leader.
func (c *Counters) led(term engine.Term) {
	if term > c.newest {
		c.newest = term
		c.Leaders++
	}
}

// acknowledged takes note of a command that was committed and answered.
func (c *Counters) acknowledged() {
	c.Calls[Acknowledged]++
	c.combined = c.combined || c.Leaders > 1 && c.Calls[Changed] > 0 && c.Snapshots[Installed] > 0
}

func (c *Counters) changed(target *node) {
	c.Calls[Changed]++
	if target != nil && target.wiped {
		c.Faults[Rejoined]++
	}
}

// cut takes note of a crash in the middle of a write.
func (c *Counters) cut(cut *cut) {
	if cut.only != nil {
		c.Faults[CutInFiles]++
	}
	switch {
	case !cut.dirty || cut.odds < 0 || cut.odds == 1:
	case cut.odds == 0:
		c.Faults[LostFlush]++
	default:
		c.Faults[PartialFlush]++
	}
}

// Add adds the counters of another run.
func (c *Counters) Add(other *Counters) {
	addAll(c.Faults[:], other.Faults[:])
	addAll(c.Calls[:], other.Calls[:])
	addAll(c.Snapshots[:], other.Snapshots[:])
	addAll(c.Changes[:], other.Changes[:])
	addAll(c.Errands[:], other.Errands[:])
	c.Segments.Freed += other.Segments.Freed
	c.Segments.Recycled += other.Segments.Recycled
	c.Leaders += other.Leaders
	c.Calm += other.Calm
	c.Default += other.Default
	c.Combined += other.Combined
}

func addAll(sums, others []int) {
	for i := range sums {
		sums[i] += others[i]
	}
}

// finishCounting turns what is true of the run into numbers.
func (w *world) finishCounting() {
	if w.weather.Default {
		w.counters.Default = 1
	}
	if w.counters.combined {
		w.counters.Combined = 1
	}
	for _, n := range w.nodes {
		w.countSegments(n)
	}
}

// countSegments takes note of what a log did with its segments in the present life.
func (w *world) countSegments(n *node) {
	if n.storage != nil {
		m := n.storage.Metrics()
		w.counters.Segments.Freed += m.Freed
		w.counters.Segments.Recycled += m.Recycled
	}
}

// String lists every counter, one a line.
func (c *Counters) String() string {
	var b strings.Builder
	line := func(count int, name string) { fmt.Fprintf(&b, "%10d  %s\n", count, name) }
	for kind, count := range c.Faults {
		line(count, Fault(kind).String())
	}
	for kind, count := range c.Calls {
		line(count, Call(kind).String())
	}
	for kind := engine.ChangeBind + 1; kind < changeKinds; kind++ {
		line(c.Changes[kind], "changes: "+kind.String())
	}
	for kind, count := range c.Errands {
		line(count, Errand(kind).String())
	}
	for kind, count := range c.Snapshots {
		line(count, SnapshotFact(kind).String())
	}
	line(int(c.Segments.Freed), "segments freed")
	line(int(c.Segments.Recycled), "segments recycled")
	line(c.Leaders, "terms with a leader")
	line(c.Calm, "ticks until everything worked in the end")
	return b.String()
}
