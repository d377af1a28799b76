package testkit

import (
	"time"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Enlist makes room for a node that is no founder and returns its id, the next one. It is down, and no member:
// [Cluster.Restart] starts it, [Cluster.Change] adds it, in either order.
func (c *Cluster[C, R]) Enlist() engine.NodeID {
	n := newNode(c, engine.NodeID(len(c.nodes)+1))
	n.joins = true
	c.nodes = append(c.nodes, n)
	return n.id
}

// Change has the leader, which it awaits, change the membership, and returns when the change is committed. An address
// that an addition does not name is the target's. The test fails if the change is not made after [Patience].
func (c *Cluster[C, R]) Change(change engine.ConfigChange) {
	c.t.Helper()
	if change.Address == "" && (change.Kind == engine.ChangeAddLearner || change.Kind == engine.ChangeAddVoter) {
		change.Address = remote.InProcessAddress(change.Target)
	}
	done, answered := false, true
	c.Await(change.Kind.String()+" "+change.Target.String(), func() bool {
		leader := c.Leader()
		if done || !answered || leader == 0 {
			return done
		}
		answered = false
		c.ask(c.node(leader), &actors.ChangeMembership{Change: change}, func(answer any) {
			if _, done = answer.(*actors.Receipt); !done {
				c.Loop.After(50*time.Millisecond, func() { answered = true })
			}
		})
		return false
	})
}
