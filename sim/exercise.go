package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// exercise requires of a cluster in which nothing is wrong what a user may expect then: nobody campaigns against a leader
// that lives, leadership moves when it is asked to, and then reads are served, the membership changes, and whoever
// was removed knows it.
func (w *world) exercise() bool {
	return w.steady() &&
		w.until(leaderBudget, "who was removed knows it", w.outsidersKnow) &&
		w.handOver() &&
		w.repeated("a read is served", &w.counters.Calls[ReadServed], w.read) &&
		w.repeated("the membership changes", &w.counters.Calls[Changed], w.changeAddress)
}

// steady lets two election timeouts pass from when everybody follows the leader, in which that stays so.
func (w *world) steady() bool {
	if !w.until(answerBudget, "what was begun is over", w.quiet) || !w.until(answerBudget, "everybody follows the leader", w.united) {
		return false
	}
	w.calm = w.leader()
	w.calmTerm = w.calm.status.Term
	begin := w.now
	length := 2 * engine.Duration(w.weather.electionMax+w.weather.uneven) * tick
	ok := w.until(answerBudget, "time passes", func() bool { return w.now.Since(begin) > length })
	w.calm = nil
	return ok
}

// united reports whether all members follow one leader.
func (w *world) united() bool {
	leader := w.leader()
	if leader == nil {
		return false
	}
	for _, n := range w.members() {
		if n.status.Term != leader.status.Term || n.status.Leader != leader.id {
			return false
		}
	}
	return true
}

// judgeCalm holds that no member disturbs a leader whom nothing is wrong with.
func (w *world) judgeCalm(n *node) {
	member, found := w.calm.status.Membership.Lookup(n.id)
	if !found || member.Incarnation != n.incarnation {
		return
	}
	if n.status.Term != w.calmTerm || n.status.Role != engine.Leader && n.status.Role != engine.Follower {
		w.failf("stability", "%v is a %v in term %d, and nothing is wrong with the leader of term %d\n%s",
			n.id, n.status.Role, n.status.Term, w.calmTerm, w.describe())
	}
}

// handOver requires that leadership moves, if there is anybody to move it to.
func (w *world) handOver() bool {
	voters := 0
	for _, n := range w.members() {
		if m, _ := w.leader().status.Membership.Lookup(n.id); m.Role == engine.Voter && n.running() {
			voters++
		}
	}
	if voters < 2 {
		return true
	}
	done, failed := w.counters.Calls[Transferred], w.counters.Calls[NotTransferred]
	w.askTransfer(w.leader(), 0)
	return w.until(answerBudget, "leadership is handed over", func() bool {
		if w.counters.Calls[NotTransferred] > failed {
			w.failf("liveness", "nothing is wrong, and leadership is not handed over\n%s", w.describe())
		}
		return w.counters.Calls[Transferred] > done
	})
}

// repeated asks the leader for something every few ticks until it is done.
func (w *world) repeated(what string, count *int, ask func(*node)) bool {
	before := *count
	var asked engine.Instant
	return w.until(answerBudget, what, func() bool {
		if leader := w.leader(); leader != nil && *count == before && w.now.Since(asked) > 5*tick {
			asked = w.now
			ask(leader)
		}
		return *count > before
	})
}

func (w *world) changeAddress(leader *node) {
	members := leader.status.Membership.Members
	w.askChange(leader, w.addressed(engine.ConfigChange{Kind: engine.ChangeUpdateAddress, Target: members[0].ID}))
}

// outsidersKnow reports whether every node that is no member follows, and does not believe itself a voter. One whose own
// configuration names no voter that could tell it asks strangers for ever, and disturbs nobody.
func (w *world) outsidersKnow() bool {
	leader := w.leader()
	if leader == nil {
		return false
	}
	members := leader.status.Membership
	for _, n := range w.nodes {
		if m, found := members.Lookup(n.id); !n.running() || found && m.Incarnation == n.incarnation {
			continue
		}
		self, named := n.status.Membership.Lookup(n.id)
		believes := named && self.Role == engine.Voter && self.Incarnation == n.incarnation && !n.status.Removed
		if (believes || n.status.Role != engine.Follower) && w.asksMembers(n, members) {
			return false
		}
	}
	return true
}

// asksMembers reports whether a node's own configuration names another voter that runs and is a member.
func (w *world) asksMembers(n *node, members engine.Membership) bool {
	return slices.ContainsFunc(n.status.Membership.Voters(), func(id engine.NodeID) bool {
		m, found := members.Lookup(id)
		voter := w.node(id)
		return found && voter != n && voter != nil && voter.running() && m.Incarnation == voter.incarnation
	})
}
