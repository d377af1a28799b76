package check

import "github.com/yggr-go/yggr/engine"

// singleVote: in a term a node gives its vote to one candidate, whatever happens to it in between (dissertation
// §3.4). A node is an incarnation here, as voter and as candidate: a voter that lost its disk cannot know its votes,
// and identity.go and election_quorum.go see to it that what it says does not count; a candidate that lost its disk
// may have led the term in its earlier life.
type singleVote struct {
	votes map[ballot]engine.Peer
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
		return s.cast(ballot{n.peer, m.Term}, n.peer)
	case *engine.RequestVoteResponse:
		if m.Granted {
			return s.cast(ballot{n.peer, m.Term}, n.grantee(to, m.Term))
		}
	default:
	}
	return nil
}

func (s *singleVote) cast(b ballot, candidate engine.Peer) error {
	earlier, voted := s.votes[b]
	if voted && earlier != candidate {
		return violated("single vote", "%v votes for %v in term %d and has voted for %v", b.voter.ID, candidate, b.term, earlier)
	}
	s.votes[b] = candidate
	return nil
}

// grants takes note of which incarnation a vote went to: the answer itself names nobody.
func (n *node) grants(event engine.Event, actions []engine.Action) error {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil
	}
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		vote, ok := send.Message.(*engine.RequestVoteResponse)
		if !ok || !vote.Granted {
			continue
		}
		if earlier, voted := n.granted[vote.Term]; voted && earlier != incoming.From {
			return violated("single vote", "%v votes for %v in term %d and has voted for %v", n.peer.ID, incoming.From, vote.Term, earlier)
		}
		n.granted[vote.Term] = incoming.From
	}
	return nil
}

// grantee returns the candidate that a granted vote of this life answers.
func (n *node) grantee(to engine.NodeID, term engine.Term) engine.Peer {
	if candidate := n.granted[term]; candidate.ID == to {
		return candidate
	}
	return engine.Peer{ID: to}
}
