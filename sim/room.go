package sim

import (
	"errors"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// plenty is a capacity that no disk of a run comes near, in bytes.
const plenty = 1 << 40

// fill lets something else on the machine take what a disk has left, down to a little, and give it back in a while. The
// log says so while there still is some room, and then its host takes no more proposals and makes snapshots. If it runs
// out all the same, the process ends.
func (w *world) fill(n *node, c *chance) {
	reserve := w.weather.disks.reserve
	left := int64(c.intN(int(2 * reserve)))
	if c.happens(0.2) {
		left = int64(c.intN(1 << 10))
	}
	w.counters.Faults[DiskFilled]++
	n.files.SetCapacity(plenty)
	free, err := n.files.FreeBytes(".")
	w.fail(err)
	n.files.SetCapacity(plenty - free + left)
	n.full = true
	w.tell("%v has a disk with %d bytes left, and wants %d", n.id, left, reserve)
	w.after(c.between(5*tick, 60*tick), func() { w.makeRoom(n) })
}

// makeRoom gives a disk all the room that it may want.
func (w *world) makeRoom(n *node) {
	n.full = false
	n.files.SetCapacity(0)
}

// noRoom reports whether a log failed because its disk is full.
func (n *node) noRoom(err error) bool { return n.full && errors.Is(err, persistence.ErrPoisoned) }

// ranOut ends a process whose log found no room. Nothing that it wrote is lost, and nothing is more durable than it was.
func (w *world) ranOut(n *node) {
	w.counters.Faults[DiskRanOut]++
	w.tell("%v has no room on its disk, and stops", n.id)
	n.files = n.files.Kill()
	w.endLife(n)
	w.comeBack(n, 5*tick)
}

// waitsForRoom reports whether a node that has no state yet found no room for one. A state that exists opens on any disk.
func (w *world) waitsForRoom(n *node) bool {
	exists, err := persistence.NewDir(n.files, logPath, persistence.Options{}).Exists()
	if !n.full || exists || err != nil {
		return false
	}
	n.files = n.files.Kill()
	w.comeBack(n, 5*tick)
	return true
}

// refusesWrites reports whether a host takes no proposals: a leader whose disk is nearly full.
func (w *world) refusesWrites(n *node) bool {
	if n.storage == nil || n.status.Role != engine.Leader || !n.storage.NearlyFull() {
		return false
	}
	w.counters.Calls[Proposed]++
	w.counters.Calls[Refused]++
	return true
}

// reliefTicks is how often a host takes a snapshot while its disk is nearly full.
const reliefTicks = 20

// relieve lets a host whose disk is nearly full take a snapshot now and then, which frees what is below it.
func (w *world) relieve(n *node) {
	if n.engine == nil || !n.storage.NearlyFull() {
		n.relief = 0
		return
	}
	if n.relief--; n.relief > 0 {
		return
	}
	n.relief = reliefTicks
	if n.machine.state.position.Index > n.status.Snapshot.Index {
		c := stream(w.options.Seed, ofMachine, uint64(n.id), uint64(n.life), n.machine.rounds, 2)
		w.capture(n, &c)
	}
}

// judgeRoom holds a log that has looked for room to what it says: nearly full below its reserve, and no longer with an
// eighth above it. What counts besides what is free is in files that the log has made ahead of need.
func (w *world) judgeRoom(n *node, found inventory) {
	free, err := n.files.FreeBytes(logPath)
	w.fail(err)
	reserve, told := w.weather.disks.reserve, n.storage.NearlyFull()
	if most := free + found.prepared; most < reserve && !told {
		w.failf("room", "%v has a disk with room for %d bytes at most, wants %d, and its log does not say that it is nearly full", n.id, most, reserve)
	}
	if free >= reserve+reserve/8 && told {
		w.failf("room", "%v has a disk with %d bytes left, wants %d, and its log still says that it is nearly full", n.id, free, reserve)
	}
}
