package testkit

import (
	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// TriggerSnapshot asks a node for a snapshot of its machine and returns at once. The result is the index that the node's
// log begins with then, or an error of actors.Node.TriggerSnapshot.
func (c *Cluster[C, R]) TriggerSnapshot(id engine.NodeID) *Result[engine.Index] {
	c.t.Helper()
	n := c.node(id)
	r := &Result[engine.Index]{loop: c.Loop, asked: c.Loop.Now()}
	if n.seat == nil {
		r.end(ErrDown)
		return r
	}
	c.ask(n, &actors.TriggerSnapshot{}, func(answer any) {
		switch answer := answer.(type) {
		case *actors.SnapshotTriggered:
			r.response = answer.Index
			r.end(nil)
		case *actors.ProposeFailed:
			r.end(answer.Err)
		default: // a dead letter: the actor is gone
			r.end(ErrDown)
		}
	})
	return r
}

// Files returns the names of the files in a node's directory, those of its snapshots included, sorted within each.
func (c *Cluster[C, R]) Files(id engine.NodeID) []string {
	c.t.Helper()
	n := c.node(id)
	var all []string
	for _, dir := range []string{dataPath, dataPath + "/snapshots"} {
		names, err := n.disk.List(dir)
		if err == nil {
			all = append(all, names...)
		}
	}
	return all
}
