package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// What operators do about leadership and about members in trouble, while clients go on reading, or everybody is quiet.

// lull lets clients have nothing to propose for a while: load comes in bursts, and what a cluster does in between is what it
// does at night.
func (w *world) lull(c *chance) {
	w.counters.Faults[Lull]++
	w.quietUntil = max(w.quietUntil, w.now+engine.Instant(c.between(5*tick, 40*tick)))
}

// keepAsking lets clients ask a node for reads, one soon after another.
func (w *world) keepAsking(n *node, reads int, apart engine.Duration, c *chance) {
	at := engine.Duration(0)
	for range reads {
		at += c.between(0, apart)
		w.afterAt(n, at, func() { w.read(n) })
	}
}

// ableLeader returns a leader that hears its operator, and another voter of its membership; nil if there is none.
func (w *world) ableLeader(c *chance) (leader, other *node) {
	leader = w.leader()
	if leader == nil || leader.pausedUntil > w.now {
		return nil, nil
	}
	voters := slices.DeleteFunc(leader.status.Membership.Voters(), func(id engine.NodeID) bool { return id == leader.id })
	if len(voters) == 0 {
		return nil, nil
	}
	return leader, w.node(pick(c, voters))
}

// hardTransfer lets an operator move leadership because of what he sees, or although he does not see it: there is something
// wrong with the leader, or with who is to take over.
func (w *world) hardTransfer(c *chance) {
	leader, other := w.ableLeader(c)
	if leader == nil || !other.running() {
		return
	}
	w.counters.Faults[HardTransfer]++
	if c.happens(0.6) {
		w.lull(c)
	}
	switch trouble := c.intN(10); trouble {
	case 0:
		w.injectAt(other, injectPause, c)
	case 1:
		w.injectAt(other, injectKill, c)
	case 2:
		w.counters.Faults[Isolated]++
		w.cutOff(other, c.intN(3), c)
	case 3:
		w.holdUp(leader, other, c)
	case 4:
		w.injectAt(leader, injectStall, c)
	case 5, 6:
		w.counters.Faults[Isolated]++
		w.cutOff(leader, c.intN(3), c)
	default:
		if trouble > 7 {
			w.capture(other, c)
		}
		w.injectAt(other, injectStall, c)
	}
	target := other.id
	if c.happens(0.5) {
		target = 0
	}
	w.keepAsking(leader, 3, 2*tick, c)
	w.afterAt(leader, c.between(0, 12*tick), func() {
		if !w.over {
			w.askTransfer(leader, target)
		}
	})
}

// holdUp keeps what is sent between two nodes under way for a while, as a connection does that has lost its pace: all of it
// comes in the end.
func (w *world) holdUp(a, b *node, c *chance) {
	w.counters.Faults[HeldUp]++
	until := w.now + engine.Instant(c.between(2*tick, 20*tick))
	if c.happens(0.7) {
		w.network.link(a.id, b.id).heldBack = until
	}
	if c.happens(0.5) {
		w.network.link(b.id, a.id).heldBack = until
	}
}

// toAndFro lets an operator, or somebody who balances load, move leadership and think better of it as soon as that is done.
// Meanwhile clients read from whoever leads.
func (w *world) toAndFro(c *chance) {
	leader, other := w.ableLeader(c)
	if leader == nil {
		return
	}
	w.counters.Faults[ToAndFro]++
	w.askTransfer(leader, other.id)
	w.moveOn(leader, 1+c.intN(3), 40, c)
}

// moveOn looks every few milliseconds who leads, reads there, and sends a new leader's leadership back to the last one.
func (w *world) moveOn(last *node, moves, looks int, c *chance) {
	if w.over || looks == 0 {
		return
	}
	w.after(c.between(millisecond, 5*millisecond), func() {
		leader := w.leader()
		switch {
		case leader == nil || leader.pausedUntil > w.now || w.over:
		case leader != last && moves > 0:
			w.askTransfer(leader, last.id)
			last, moves = leader, moves-1
		default:
			w.read(leader)
		}
		w.moveOn(last, moves, looks-1, c)
	})
}

// replaceSilent lets an operator remove or demote a voter that does not answer any more, or that he believes not to, while
// reads wait for it.
func (w *world) replaceSilent(c *chance) {
	leader, other := w.ableLeader(c)
	if leader == nil || !w.settled() {
		return
	}
	w.counters.Faults[SilentRemoved]++
	how := c.intN(4)
	switch {
	case !other.running() || how == 0:
	case how == 1:
		w.injectAt(other, injectKill, c)
	case how == 2:
		w.injectAt(other, injectPause, c)
	default:
		w.cutOff(other, c.intN(3), c)
	}
	change := engine.ConfigChange{Kind: engine.ChangeRemove, Target: other.id}
	if c.happens(0.3) {
		change.Kind = engine.ChangeDemote
	}
	w.keepAsking(leader, 4, tick, c)
	w.afterAt(leader, c.between(0, 4*tick), func() {
		if after := resulting(leader.status.Membership, change); !w.over && len(after.Voters()) > 0 && w.viable(after) {
			w.askChange(leader, w.addressed(change))
			w.keepAsking(leader, 6, 10*millisecond, c)
		}
	})
}

// askUnlessQuiet lets a client ask for something if clients have anything to ask for.
func (w *world) askUnlessQuiet(c *chance, do func(*node)) {
	if w.quietUntil <= w.now {
		w.ask(c, do)
	}
}
