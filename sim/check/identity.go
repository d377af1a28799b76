package check

import "github.com/yggr-go/yggr/engine"

// checkIdentity: a node votes, for itself or for others, only while its newest configuration knows it. A joiner
// without a configuration never does, nor does a node whose configuration names another incarnation of it: it is
// a member that lost its disk, and with it its votes and what it acknowledged.
//
// A founder that no leader has bound yet may vote; whom that elects is election_quorum.go's matter.
func checkIdentity(n *node, actions []engine.Action) error {
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok || !supports(send.Message) {
			continue
		}
		self, member := n.status.Membership.Lookup(n.peer.ID)
		if !member {
			return violated("identity", "%v votes and is no member of %v", n.peer.ID, n.status.Membership)
		}
		if self.Incarnation != 0 && self.Incarnation != n.peer.Incarnation {
			return violated("identity", "%v votes, its configuration names incarnation %016x", n.peer, uint64(self.Incarnation))
		}
	}
	return nil
}

// supports reports whether a message is a vote for somebody: a request is one for the sender itself.
func supports(message engine.Message) bool {
	switch m := message.(type) {
	case *engine.RequestPreVote, *engine.RequestVote:
		return true
	case *engine.RequestPreVoteResponse:
		return m.Granted
	case *engine.RequestVoteResponse:
		return m.Granted
	default:
	}
	return false
}
