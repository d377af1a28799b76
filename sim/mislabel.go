package sim

import (
	"errors"

	"github.com/yggr-go/yggr/engine"
)

// mislabel lets a host put a wrong label on a snapshot of its machine: what the node believes by then, in place of what was
// true where the machine stands. A snapshot is for ever, so an engine that can tell stops the node.
func (w *world) mislabel(n *node, c *chance) {
	s := &n.machine.state
	last := n.status.Last
	label := engine.SnapshotMeta{ID: ^uint64(0), Position: s.position, Membership: s.membership, ConfigurationIndex: s.configuration, Size: 1}
	switch {
	case last.Index > n.status.Commit && c.happens(0.7):
		label.Position = last
	case s.configuration > 1:
		label.ConfigurationIndex -= 1 + engine.Index(c.intN(int(s.configuration)-1))
	default:
		label.ConfigurationIndex++
	}
	if label.Position.Index <= max(1, n.status.Snapshot.Index) || label.Validate() != nil {
		return
	}
	w.counters.Faults[Mislabelled]++
	w.tell("%v labels a snapshot with %v and configuration %d", n.id, label.Position, label.ConfigurationIndex)
	n.mislabelled = true
	w.step(n, &engine.SnapshotTaken{Now: w.time(n), Snapshot: label})
	if n.mislabelled && w.err == nil {
		w.failf("labels", "%v takes a snapshot %v of configuration %d; its machine is at %v, with configuration %d",
			n.id, label, label.ConfigurationIndex, s.position, s.configuration)
	}
}

// stopped ends a process whose engine has stopped for good because of such a label, and lets a better one begin.
func (w *world) stopped(n *node, fatal *engine.Fatal) {
	var wrong *engine.SnapshotLabelError
	if !n.mislabelled || !errors.As(fatal.Err, &wrong) {
		w.failf("fatal", "%v stops for good: %v", n.id, fatal.Err)
		return
	}
	n.mislabelled = false
	n.files = n.files.Kill()
	w.endLife(n)
	w.comeBack(n, 5*tick)
}
