package engine

// recvHeartbeat answers a leader's sign of life at once, whatever our disk does, and learns what is committed.
func (e *Engine) recvHeartbeat(from Peer, m *Heartbeat) {
	if m.Term == 0 {
		return
	}
	current := e.acceptLeader(from, m.Term)
	if e.fatal {
		return
	}
	answer := HeartbeatResponse{Term: e.state.Term} // without a number: see rejectAppend
	if current {
		answer.Number = m.Number
		e.commitUpTo(min(m.Commit, e.agreedWithLeader()), from.ID)
	}
	e.sendNow(from.ID, e.out.answers.put(answer))
}

// agreedWithLeader returns up to where our log is known to be the current leader's: what an append of this term
// showed, or all of it when its last entry is of this term, since only this leader can have made that
// (Log Matching, dissertation §3.5). Our tail beyond may be another leader's and is not committed by what the
// current one counts.
func (e *Engine) agreedWithLeader() Index {
	if last := e.log.last(); last.Term == e.state.Term {
		return last.Index
	}
	return e.agreed
}

// recvHeartbeatResponse notices lost appends. An append that is still unanswered when the answer to a later
// heartbeat is here may have been lost, or may wait for a slow disk. An empty append right behind all that
// was sent tells the two apart: rejected, something was lost; accepted, nothing was, and the answer waited for the disk. It
// carries no entries, so a follower whose disk stalls is not flooded. It goes out once a round, or once a round trip
// where that takes longer.
func (e *Engine) recvHeartbeatResponse(from Peer, m *HeartbeatResponse) {
	p := e.follower(from.ID)
	if e.role != Leader || p == nil {
		e.answeredByStranger(from)
		return
	}
	if !p.is(from.Incarnation) {
		return
	}
	p.answered()
	e.echo(p, m.Number)
	if m.Number >= p.commitNumber {
		p.commitNumber = 0
		e.announceCommitTo(p)
	}
	if p.roundNumber == 0 || m.Number < p.roundNumber {
		return
	}
	p.roundNumber = 0
	if p.state == installing {
		e.offerSnapshot(p)
		return
	}
	switch oldest := p.oldestUnanswered(); {
	case oldest != 0 && oldest < m.Number && p.probe.number < m.Number:
		e.sendProbe(p)
	case oldest == 0:
		e.replicateTo(p)
	}
}
