package engine

// recvRequestPreVote answers whether we would vote for the sender in the term it proposes (dissertation §9.6).
// It changes nothing here: no term, no vote, no timer.
func (e *Engine) recvRequestPreVote(from Peer, m *RequestPreVote) {
	if m.Term == 0 {
		return
	}
	e.tellIfOutside(from)
	reason := e.whyRefuse(from, m.Term, m.Last)
	if reason == "" && e.sticky() {
		reason = "it hears a live leader"
	}
	if reason != "" && e.state.Term == 0 {
		return // a joiner has no term to refuse with
	}
	answer := &RequestPreVoteResponse{Term: e.state.Term, Round: m.Round}
	if reason == "" {
		answer.Term, answer.Granted = m.Term, true
		e.metrics.PreVotesGranted++
	} else {
		e.metrics.PreVotesDenied++
	}
	if e.tracing {
		e.traceVote("pre-vote", from, m.Term, reason)
	}
	e.sendNow(from.ID, answer)
}

// recvRequestVote grants or refuses a vote (dissertation §3.4, §3.6.1). While a leader is heard the request is
// ignored, its term included (§4.2.3), unless the leader itself asked for the election (§3.10).
func (e *Engine) recvRequestVote(from Peer, m *RequestVote) {
	if m.Term == 0 {
		return
	}
	e.tellIfOutside(from)
	if m.Term >= e.state.Term && e.sticky() && !m.Transfer {
		if e.tracing {
			e.tracef("%v ignores the request of %v for a vote at term %d: it hears a live leader", e.cfg.ID, from.ID, m.Term)
		}
		return
	}
	if m.Term > e.state.Term {
		e.adoptTerm(m.Term)
	}
	reason := e.whyRefuse(from, m.Term, m.Last)
	if e.tracing {
		e.traceVote("vote", from, m.Term, reason)
	}
	if reason != "" {
		e.metrics.VotesDenied++
		e.sendNow(from.ID, &RequestVoteResponse{Term: e.state.Term, Candidate: from.Incarnation})
		return
	}
	e.metrics.VotesGranted++
	e.state.Vote, e.state.VoteIncarnation = from.ID, from.Incarnation
	e.resetElectionTimer()
	e.sendDurable(from.ID, &RequestVoteResponse{Term: e.state.Term, Granted: true, Candidate: from.Incarnation})
}

// whyRefuse says why a candidate does not get our vote in the given term; empty when it does. The vote went to one
// incarnation: a candidate that lost its disk may have led the term already.
func (e *Engine) whyRefuse(from Peer, term Term, last Position) string {
	switch {
	case term < e.state.Term:
		return "its term is over"
	case term == e.state.Term && e.state.Vote != 0 && e.state.voted() != from:
		return "the vote is given"
	case !e.mayGrant(last):
		return "no configuration names us"
	case last.Before(e.log.last()):
		return "its log is behind"
	}
	return ""
}

func (e *Engine) traceVote(what string, from Peer, term Term, reason string) {
	if reason == "" {
		e.tracef("%v grants %v its %s for term %d", e.cfg.ID, from.ID, what, term)
		return
	}
	e.tracef("%v refuses %v its %s for term %d: %s (term %d, vote %v, log up to %v)",
		e.cfg.ID, from.ID, what, term, reason, e.state.Term, e.state.Vote, e.log.last())
}
