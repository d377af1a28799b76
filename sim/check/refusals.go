package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkRefusals: who is refused a change of the membership is told a reason that holds, because what to do about it hangs on
// that: one waits, forces, or starts the target first.
func checkRefusals(n *node, event engine.Event, actions []engine.Action) error {
	asked, ok := event.(*engine.ProposeConfigChange)
	if !ok {
		return nil
	}
	for _, action := range actions {
		if refused, ok := action.(*engine.ConfigChangeRejected); ok && !n.holdsTrue(refused.Reason, asked.Change) {
			return violated("refusals", "%v refuses to %v %v: %v, which is not so: commit %d, members %v",
				n.peer.ID, asked.Change.Kind, asked.Change.Target, refused.Reason, n.status.Commit, n.status.Membership.Members)
		}
	}
	return nil
}

// holdsTrue reports whether a reason can be the one for refusing a change.
func (n *node) holdsTrue(reason engine.ChangeRefusal, change engine.ConfigChange) bool {
	target, found := n.status.Membership.Lookup(change.Target)
	switch reason {
	case engine.RefuseNotReady:
		return !n.committedInTerm() || hasUnboundVoter(n.status.Membership)
	case engine.RefuseChangeInProgress:
		return n.changesInFlight()
	case engine.RefuseUnknownNode:
		return !found
	case engine.RefuseAlreadyVoter, engine.RefuseNotLearner:
		return found && target.Role == engine.Voter
	case engine.RefuseAlreadyLearner:
		return found && target.Role == engine.Learner
	case engine.RefuseNotReached:
		return change.Kind == engine.ChangeAddVoter || change.Kind == engine.ChangePromote && target.Incarnation == 0
	case engine.RefuseTooFarBehind:
		return change.Kind == engine.ChangePromote && !change.Force && target.Incarnation != 0
	case engine.RefuseBusy, engine.RefuseInvalidTarget:
	}
	return true
}

// committedInTerm reports whether the newest entry that the node knows to be committed is of its own term.
func (n *node) committedInTerm() bool {
	last := n.memory.log.base
	if e, found := n.memory.log.at(n.status.Commit); found {
		last = e.Position()
	}
	return last.Term == n.status.Term
}

// changesInFlight reports whether a change that somebody asked for is not known to be committed.
func (n *node) changesInFlight() bool {
	return slices.ContainsFunc(n.configurations, func(c configurationAt) bool {
		return c.position.Index > n.status.Commit && c.Change != engine.ChangeBind && c.Change != engine.ChangeFounders
	})
}

func hasUnboundVoter(m engine.Membership) bool {
	return slices.ContainsFunc(m.Members, func(m engine.Member) bool { return m.Role == engine.Voter && m.Incarnation == 0 })
}
