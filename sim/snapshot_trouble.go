package sim

import (
	"errors"
	"strings"

	"github.com/yggr-go/yggr/persistence"
)

// What goes wrong where a host keeps its snapshots: the device fails an operation on one of their files, which costs that
// snapshot and nothing else, or the process ends in the middle, and perhaps once more soon after it is back.

// snapshotOps are the operations on files of snapshots that fail.
var snapshotOps = []persistence.Op{
	persistence.OpCreate, persistence.OpWrite, persistence.OpWrite, persistence.OpSync, persistence.OpRename, persistence.OpSyncDir,
	persistence.OpSyncDir, persistence.OpRemove,
}

// keeper lets something go wrong in what a node's host does next with files of snapshots. What has not by the time that
// it is done will not: that is what the function it returns is for.
func (w *world) keeper(n *node) (done func()) {
	n.snapshots.orders++
	c := stream(w.options.Seed, ofTransfers, troubleOfKeeper, uint64(n.id), uint64(n.life), n.snapshots.orders)
	switch {
	case w.over || n.disk.failing || n.cut.left > 0:
	case c.happens(w.weather.failedKeeping):
		n.faulty.Fail(persistence.Fault{
			Op: pick(&c, snapshotOps), Path: snapshotsPath, After: c.intN(2), Err: errDevice, Done: c.happens(0.3), Short: c.intN(2 * sector),
		})
		return n.faulty.Heal
	case c.happens(w.weather.cutKeeping):
		w.counters.Faults[CutInSnapshots]++
		n.cut.arm(1+c.intN(4), &c)
		n.cut.only = ofSnapshots
		n.cut.away = c.between(tick/2, 4*tick)
		if c.happens(0.6) {
			n.cut.odds = -1
		}
		n.flickers = flickering{c.intN(3), flickerPatterns[0]}
	}
	return func() {}
}

// ofSnapshots is where a name or the content of a snapshot's file is at stake.
func ofSnapshots(op persistence.Op, path string) bool {
	return strings.HasPrefix(path, snapshotsPath) && (op == persistence.OpSync || op == persistence.OpRename || op == persistence.OpSyncDir)
}

// excused reports whether a snapshot could not be kept through no fault of the node's, and counts it.
func (w *world) excused(n *node, err error) bool {
	switch {
	case errors.Is(err, errDevice):
		w.counters.Faults[FailedKeeping]++
		return true
	case n.full:
		w.counters.Faults[NoRoom]++
		return true
	}
	return false
}
