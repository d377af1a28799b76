package engine

// recvRequestPreVoteResponse counts an answer to the pre-vote under way (dissertation §9.6). A refusal from a
// later term is learned, even outside of a campaign: otherwise a long log with an old term and a short one with
// a newer term would refuse each other for ever.
func (e *Engine) recvRequestPreVoteResponse(from Peer, m *RequestPreVoteResponse) {
	if !m.Granted && m.Term > e.state.Term {
		e.adoptTerm(m.Term)
		return
	}
	if e.role != PreCandidate || m.Round != e.round || m.Granted && m.Term != e.state.Term+1 {
		return
	}
	if !e.votesFor(from) {
		e.traceUncounted(from, "pre-vote")
		return
	}
	e.tally(e.castBallot(from.ID, m.Granted))
}

// recvRequestVoteResponse counts an answer to the campaign under way (dissertation §3.4).
func (e *Engine) recvRequestVoteResponse(from Peer, m *RequestVoteResponse) {
	if e.role != Candidate || m.Candidate != e.cfg.Incarnation {
		return
	}
	if !e.votesFor(from) {
		e.traceUncounted(from, "vote")
		return
	}
	e.tally(e.castBallot(from.ID, m.Granted))
}

func (e *Engine) traceUncounted(from Peer, what string) {
	if e.tracing {
		e.tracef("%v does not count the %s of %v: its configuration does not name that incarnation a voter", e.cfg.ID, what, from)
	}
}
