package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkNaming: what a voter holds counts for a commit only if it holds the entry that names this life of it as well, the
// oldest of those since when it is named without a gap. So what somebody acknowledged before it was bound, or before it was
// removed and added again, does not count afterwards. A leader is the exception: it holds what it wrote itself.
func (c *commitRule) checkNaming(n *node, before engine.Status) error {
	if !n.led(before) || n.status.Commit == before.Commit {
		return nil
	}
	p := engine.Position{Term: n.status.Term, Index: n.status.Commit}
	voters, count := 0, 0
	for _, m := range n.status.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		voters++
		holder := engine.Peer{ID: m.ID, Incarnation: m.Incarnation}
		named := n.namedSince(holder)
		holds := func(p engine.Position) bool { return slices.Contains(c.holders[p], holder) }
		if holds(p) && (holder == n.peer || named.Index <= p.Index || holds(named)) {
			count++
		}
	}
	if count <= voters/2 {
		return violated("commit rule", "%v commits %v, which %d of the %d voters of %v hold together with the entry that names them",
			n.peer.ID, p, count, voters, n.status.Membership)
	}
	return nil
}

// namedSince returns where the unbroken run of configurations begins that name a peer and end with the newest; zero if
// there is none.
func (n *node) namedSince(p engine.Peer) (since engine.Position) {
	for _, c := range slices.Backward(n.configurations) {
		if m, found := c.Membership.Lookup(p.ID); !found || m.Incarnation != p.Incarnation {
			break
		}
		since = c.position
	}
	return since
}
