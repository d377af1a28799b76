package check

import "github.com/yggr-go/yggr/engine"

// singleVote: in a term a node gives its vote to one candidate, whatever happens to it in between (dissertation
// §3.4). A node is an incarnation here: one that lost its disk cannot know its votes, and identity.go and
// election_quorum.go see to it that what it says does not count.
type singleVote struct {
	votes map[ballot]engine.NodeID
}

type ballot struct {
	voter engine.Peer
	term  engine.Term
}

// left looks at votes when they leave, for a vote that nobody heard of binds nobody. A candidate's request is
// its vote for itself.
func (s *singleVote) left(n *node, to engine.NodeID, message engine.Message) error {
	switch m := message.(type) {
	case *engine.RequestVote:
		return s.cast(ballot{n.peer, m.Term}, n.peer.ID)
	case *engine.RequestVoteResponse:
		if m.Granted {
			return s.cast(ballot{n.peer, m.Term}, to)
		}
	default:
	}
	return nil
}

func (s *singleVote) cast(b ballot, candidate engine.NodeID) error {
	earlier, voted := s.votes[b]
	if voted && earlier != candidate {
		return violated("single vote", "%v votes for %v in term %d and has voted for %v", b.voter.ID, candidate, b.term, earlier)
	}
	s.votes[b] = candidate
	return nil
}
