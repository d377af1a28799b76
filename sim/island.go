package sim

import "github.com/yggr-go/yggr/engine"

// island cuts the leader off together with a few others, its operator and some of its clients, who do not know of it: they
// write, read and change the membership there until the leader gives up. None of that is to count.
func (w *world) island(c *chance) {
	leader := w.leader()
	if leader == nil || leader.pausedUntil > w.now {
		return
	}
	w.counters.Faults[Marooned]++
	members := leader.status.Membership
	var joiner *node
	kind := pick(c, []engine.ChangeKind{engine.ChangeAddVoter, engine.ChangeAddVoter, engine.ChangeAddVoter, engine.ChangeAddLearner, engine.ChangeRemove, engine.ChangeDemote})
	target := pick(c, members.Members).ID
	if adds(kind) {
		if joiner = w.stranger(leader, c); joiner == nil {
			return
		}
		target = joiner.id
	}
	inhabitants := few(c)
	w.cutAway(func(n *node) bool { return n == leader || n == joiner || inhabitants(n) }, outage(c))
	if joiner != nil && leader.met[joiner.id] != (meeting{joiner.incarnation, joiner.life}) {
		w.shakeHands(leader, joiner.peer(), joiner.life)
	}
	e := newErrand(w.node(target), c, crowd)
	e.at, e.looks = leader, 20
	e.steps = append(e.steps, sometimes(c, 0.6, crowd)...)
	e.steps = append(e.steps, func(w *world, _ *errand, leader *node) bool {
		w.request(leader, engine.ConfigChange{Kind: kind, Target: target})
		return true
	}, func(w *world, _ *errand, leader *node) bool {
		w.keepReading(leader, 8, c)
		return true
	})
	w.set(e)
}

// stranger returns a node that runs and that the leader's configuration does not name; a new one if there is none.
func (w *world) stranger(leader *node, c *chance) *node {
	first := c.intN(len(w.nodes))
	for i := range w.nodes {
		n := w.nodes[(first+i)%len(w.nodes)]
		if _, found := leader.status.Membership.Lookup(n.id); !found && n.running() {
			return n
		}
	}
	n := w.newcomer()
	if n != nil {
		w.start(n)
	}
	if n != nil && !n.running() { // it lost power while it started
		return nil
	}
	return n
}

// few draws a set in which a quarter of all nodes is.
func few(c *chance) func(*node) bool {
	some, others := c.Uint64(), c.Uint64()
	return func(n *node) bool { return some&others>>n.id&1 != 0 }
}

// cutAway cuts everything between a part of the nodes and the others.
func (w *world) cutAway(inside func(*node) bool, d engine.Duration) {
	var directions [][2]*node
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if inside(a) != inside(b) {
				directions = append(directions, [2]*node{a, b})
			}
		}
	}
	w.sever(directions, d)
}
