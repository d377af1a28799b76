package check

import "github.com/yggr-go/yggr/engine"

// checkMonotonic: within one life the term, the commit index and the applied index never fall, in a term the
// vote never changes (dissertation §3.3, §3.4, §3.5), and applied ≤ commit ≤ last.
func checkMonotonic(n *node, before engine.Status) error {
	after, id := n.status, n.peer.ID
	switch {
	case after.Term < before.Term:
		return violated("monotonic", "%v falls from term %d to %d", id, before.Term, after.Term)
	case after.Commit < before.Commit:
		return violated("monotonic", "%v falls from commit %d to %d", id, before.Commit, after.Commit)
	case after.Applied < before.Applied:
		return violated("monotonic", "%v falls from applied %d to %d", id, before.Applied, after.Applied)
	case after.Term == before.Term && before.Vote != 0 && after.Vote != before.Vote:
		return violated("monotonic", "%v moves its vote of term %d from %v to %v", id, after.Term, before.Vote, after.Vote)
	case after.Applied > after.Commit || after.Commit > after.Last.Index:
		return violated("monotonic", "%v has applied %d, committed %d and ends at %v", id, after.Applied, after.Commit, after.Last)
	case after.Last != n.memory.log.last():
		return violated("monotonic", "%v says that its log ends at %v, its Persist actions end at %v", id, after.Last, n.memory.log.last())
	}
	return nil
}
