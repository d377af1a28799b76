package check

import "github.com/yggr-go/yggr/engine"

// checkIdentity: a node campaigns only if its newest configuration names it a voter, in its incarnation, or the one
// before while the newest is not known to be committed. A joiner without a configuration never does, nor does a member
// that lost its disk and is another incarnation.
//
// Anybody may grant a vote, as it counts only for a candidate whose configuration names the voter's incarnation. The
// exception is a candidate whose log is only the founders' entry: it counts whoever comes under a founder's id, so a
// node that its own configuration does not name gives it nothing. A founder that no leader has bound yet may vote; whom
// that elects is election_quorum.go's matter.
func checkIdentity(n *node, event engine.Event, actions []engine.Action) error {
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		if campaigns(send.Message) && !n.mayCampaign() {
			return violated("identity", "%v campaigns, and no configuration that it may go by names it a voter: %v", n.peer, n.status.Membership.Members)
		}
		if self, member := n.status.Membership.Lookup(n.peer.ID); grants(send.Message) && asksNewborn(event) &&
			(!member || self.Incarnation != 0 && self.Incarnation != n.peer.Incarnation) {
			return violated("identity", "%v votes for a candidate that has heard of no leader, and is no member of %v", n.peer, n.status.Membership.Members)
		}
	}
	return nil
}

// mayCampaign looks at the newest configuration, and at the one before while that is not known to be committed.
func (n *node) mayCampaign() bool {
	if n.votesIn(n.status.Membership) {
		return true
	}
	last := len(n.configurations) - 1
	return last > 0 && n.configurations[last].position.Index > n.status.Commit && n.votesIn(n.configurations[last-1].Membership)
}

func (n *node) votesIn(m engine.Membership) bool {
	self, member := m.Lookup(n.peer.ID)
	return member && self.Role == engine.Voter && (self.Incarnation == 0 || self.Incarnation == n.peer.Incarnation)
}

// campaigns reports whether a message asks for votes.
func campaigns(message engine.Message) bool {
	switch message.(type) {
	case *engine.RequestPreVote, *engine.RequestVote:
		return true
	default:
	}
	return false
}

// grants reports whether a message is a vote for somebody.
func grants(message engine.Message) bool {
	switch m := message.(type) {
	case *engine.RequestPreVoteResponse:
		return m.Granted
	case *engine.RequestVoteResponse:
		return m.Granted
	default:
	}
	return false
}

// asksNewborn reports whether the event is the request of a candidate whose log is only the founders' entry.
func asksNewborn(event engine.Event) bool {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return false
	}
	founded := engine.Position{Term: 1, Index: 1}
	switch m := incoming.Message.(type) {
	case *engine.RequestPreVote:
		return m.Last == founded
	case *engine.RequestVote:
		return m.Last == founded
	default:
	}
	return false
}
