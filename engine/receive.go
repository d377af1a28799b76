package engine

// receive takes one message in. Messages from nodes outside of the configuration are not dropped: a joiner, or
// a follower that missed a change, must accept its leader.
func (e *Engine) receive(from Peer, message Message) {
	if message == nil || from.ID == 0 || from.ID == e.cfg.ID {
		return
	}
	e.meetMember(from)
	switch m := message.(type) {
	case *RequestPreVote:
		e.recvRequestPreVote(from, m)
	case *RequestPreVoteResponse:
		e.recvRequestPreVoteResponse(from, m)
	case *RequestVote:
		e.recvRequestVote(from, m)
	case *RequestVoteResponse:
		if e.currentAnswer(m.Term) {
			e.recvRequestVoteResponse(from, m)
		}
	case *AppendEntries:
		e.recvAppendEntries(from, m)
	case *AppendEntriesResponse:
		if e.currentAnswer(m.Term) && m.Number != 0 {
			e.recvAppendEntriesResponse(from, m)
		}
	case *Heartbeat:
		e.recvHeartbeat(from, m)
	case *HeartbeatResponse:
		if e.currentAnswer(m.Term) && m.Number != 0 {
			e.recvHeartbeatResponse(from, m)
		}
	case *TimeoutNow:
		e.recvTimeoutNow(from, m)
	case *SnapshotOffer:
		e.recvSnapshotOffer(from, m)
	case *SnapshotOfferResponse:
		if e.currentAnswer(m.Term) && m.Number != 0 {
			e.recvSnapshotOfferResponse(from, m)
		}
	case *Removed:
		e.recvRemoved(from, m)
	case *ProposalForward, *ProposalForwardResult: // the host's
	}
}

// currentAnswer adopts the term of an answer if it is later than ours, and reports whether the answer speaks
// for the term that we are in and were in when we asked (dissertation §3.3).
func (e *Engine) currentAnswer(term Term) bool {
	if term > e.state.Term {
		e.adoptTerm(term)
		return false
	}
	return term == e.state.Term
}

// acceptLeader takes a request of the leader of the given term and reports whether that is the current one, in
// which case it was heard. Any other is to be answered with our term: of an older one, and of a stranger that speaks
// for a term that we lead ourselves. Only a member can have won that too, which would prove that a vote was lost.
func (e *Engine) acceptLeader(from Peer, term Term) bool {
	if term < e.state.Term || term == 0 {
		return false
	}
	if term > e.state.Term {
		e.adoptTerm(term)
	}
	if e.role == Leader {
		if _, found := e.Membership().Lookup(from.ID); !found {
			return false
		}
		e.stop(&TwoLeadersError{Node: e.cfg.ID, Other: from, Term: term})
		return true
	}
	e.heard(from.ID)
	return true
}
