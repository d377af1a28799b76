package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// strike is the fate of a node that is about to take over: when it asks for votes, it and its neighbours lose the rest of
// the cluster, and soon after that it dies. So a few have given it their votes, and nobody else knows.
type strike struct {
	neighbours func(*node) bool
	after      engine.Duration
	outage     engine.Duration
	replaced   bool // by a new machine, at once
	away       engine.Duration
	chance     *chance
}

// strikeCandidate asks for a handover, mostly, and lets the next candidate among the voters be struck.
func (w *world) strikeCandidate(c *chance) {
	n := w.anyMember(c)
	leader := w.leader()
	if n == nil || n == leader {
		return
	}
	n.struck = &strike{
		neighbours: w.rack(leader, n, c), after: c.between(microsecond, 3*millisecond), outage: c.between(2*tick, 40*tick),
		replaced: c.happens(0.7), away: c.between(tick/2, 20*tick), chance: c,
	}
	if c.happens(0.8) {
		w.askTransfer(leader, n.id)
	}
}

// campaigns lets fate come over a node that is about to ask for votes.
func (w *world) campaigns(n *node) {
	s := n.struck
	if n.struck = nil; w.over {
		return
	}
	w.counters.Faults[Struck]++
	w.tell("%v asks for votes and is struck", n.id)
	w.cutAway(func(m *node) bool { return m == n || s.neighbours(m) }, s.outage)
	w.afterAt(n, s.after, func() {
		if s.replaced && w.settled() && w.viable(n.status.Membership, n) {
			e := w.replacement(n, s.chance, true)
			e.steps = append(e.steps, takesOver()) // what was begun is to be done
			w.set(e)
			return
		}
		w.counters.Faults[PowerLoss]++
		w.crash(n, false, s.away, s.chance)
	})
}

// rack draws the neighbours of a node: mostly as many as the others can do without, and the leader is not one of them.
func (w *world) rack(leader, n *node, c *chance) func(*node) bool {
	voters := leader.status.Membership.Voters()
	if c.happens(0.3) || len(voters) < 5 {
		return few(c)
	}
	first, size := c.intN(len(voters)), 1+c.intN((len(voters)-1)/2-1)
	var inside []engine.NodeID
	for i := range voters {
		if id := voters[(first+i)%len(voters)]; id != leader.id && id != n.id && len(inside) < size {
			inside = append(inside, id)
		}
	}
	return func(m *node) bool { return slices.Contains(inside, m.id) }
}
