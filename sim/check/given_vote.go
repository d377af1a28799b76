package check

import "github.com/yggr-go/yggr/engine"

// checkGivenVote: a pre-vote says that the vote would be granted (dissertation §9.6). So who has given its vote of a term to
// a life of somebody says no to everybody else, other lives of that one included.
func checkGivenVote(n *node, event engine.Event, actions []engine.Action) error {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil
	}
	asked, ok := incoming.Message.(*engine.RequestPreVote)
	given := n.memory.state
	if !ok || asked.Term != given.Term || given.Vote == 0 {
		return nil
	}
	voted := engine.Peer{ID: given.Vote, Incarnation: given.VoteIncarnation}
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok && grantsPreVote(send.Message) && incoming.From != voted {
			return violated("pre-vote", "%v grants %v a pre-vote for term %d, in which its vote went to %v", n.peer.ID, incoming.From, asked.Term, voted)
		}
	}
	return nil
}
