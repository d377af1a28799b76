package sim

import (
	"errors"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// crash ends a process, by a power loss or alone, and lets it come back in a while. If the disk is writing, it comes in the
// middle of that, at one of the operations that the log makes of the file system. If it is idle, that is now, or in the
// middle of what it writes next.
func (w *world) crash(n *node, kill bool, away engine.Duration, c *chance) {
	operations := 1 + c.intN(3) // the second is mostly the sync of the write
	if c.happens(0.5) {
		operations = 1 + c.intN(16) // of a change of segments
	}
	n.cut.arm(operations, c)
	n.cut.away = away
	if kill {
		n.cut.odds = -1
	}
	switch {
	case n.disk.busy:
		_, _ = w.write(n, n.disk.queue[:n.disk.taken]) // nobody hears what becomes of it
	case c.happens(0.5):
		return
	}
	if !n.cut.done() {
		n.cut.copy = n.cut.crash()
	}
	w.fallDown(n)
}

// fallDown ends the process of a node whose disk was cut.
func (w *world) fallDown(n *node) {
	kill, away := n.cut.odds < 0, n.cut.away
	w.counters.cut(&n.cut)
	n.remember(n.files)
	n.files = n.cut.disarm()
	n.remember(n.files.Kill())
	if !kill && w.options.lyingDisk {
		n.files = n.opening
	}
	w.tell("%v loses its process (killed: %t)", n.id, kill)
	w.endLife(n)
	if !kill {
		w.reboot(n)
	}
	w.comeBack(n, away)
}

// fell ends the process of a node if its disk was cut while it did something.
func (w *world) fell(n *node) bool {
	if !n.cut.done() {
		return false
	}
	w.fallDown(n)
	return true
}

var errSync = errors.New("the device said no")

// failSync lets the next sync of a node's log fail.
func (w *world) failSync(n *node) {
	n.disk.failing = true
	n.faulty.Fail(persistence.Fault{Op: persistence.OpSync, Path: logPath, Err: errSync})
}

// diskFailed ends the process whose log could not write, as its host would. What was not synced is still in the page
// cache and counts as clean there; a new process reads it, and it is not on the disk.
func (w *world) diskFailed(n *node, err error) {
	if !n.disk.failing && n.noRoom(err) {
		w.ranOut(n)
		return
	}
	if !n.disk.failing {
		w.failf("disk", "%v cannot write: %v", n.id, err)
		return
	}
	w.counters.Faults[FailedSync]++
	w.tell("%v cannot sync, and stops", n.id)
	n.disk.failing = false
	n.files.FailWriteback()
	n.files = n.files.Kill()
	dead, faulty := n.storage, n.faulty
	w.endLife(n)
	w.judgeDead(n, dead, faulty)
	w.comeBack(n, 5*tick)
}

// wipe replaces a node's disk by an empty one, if the cluster can bear that. The node comes back as a joiner, or as a
// founder once more, which is a mistake that a minority of the founders may make. It counts for nothing until it is
// removed and added again.
func (w *world) wipe(n *node, c *chance) {
	if !w.settled() || !w.viable(n.status.Membership, n) {
		return
	}
	w.counters.Faults[Wiped]++
	founder := c.happens(0.5) && int(n.id) <= len(w.founders.Members) && w.operator.founders < (len(w.founders.Members)-1)/2
	if founder {
		w.operator.founders++
	}
	w.tell("%v loses its disk (comes back as founder: %t)", n.id, founder)
	w.endLife(n)
	n.wiped = true
	w.reincarnate(n, founder)
	w.comeBack(n, c.between(tick, 20*tick))
}

// retire stops a node for good that nobody needs.
func (w *world) retire(c *chance) {
	first := c.intN(len(w.nodes))
	for i := range w.nodes {
		n := w.nodes[(first+i)%len(w.nodes)]
		if !n.running() || !w.settled() || w.mayBeMember(n) {
			continue
		}
		w.counters.Faults[Retired]++
		w.tell("%v stops for good", n.id)
		w.endLife(n)
		n.retired = true
		return
	}
}

// mayBeMember reports whether any configuration that may come to count names a node.
func (w *world) mayBeMember(n *node) bool {
	for i := range w.operator.known {
		if _, found := w.operator.known[i].membership.Lookup(n.id); found {
			return true
		}
	}
	return false
}
