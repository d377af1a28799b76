package engine

// recvAppendEntriesResponse learns how far a follower's log is ours.
func (e *Engine) recvAppendEntriesResponse(from Peer, m *AppendEntriesResponse) {
	p := e.follower(from.ID)
	if e.role != Leader || p == nil {
		e.answeredByStranger(from)
		return
	}
	if p.is(from.Incarnation) {
		p.answered()
	}
	switch {
	case !p.is(from.Incarnation):
		if e.tracing {
			e.tracef("%v does not count the answer of %v: its configuration names another incarnation", e.cfg.ID, from)
		}
	case p.state == dataLost:
		return
	case m.Accepted:
		e.appendAccepted(p, m)
	default:
		e.appendRejected(p, m)
	}
}

// appendAccepted moves match and, once the logs have met, lets appends follow each other.
func (e *Engine) appendAccepted(p *progress, m *AppendEntriesResponse) {
	if m.Match > e.log.lastIndex() {
		if e.tracing {
			e.tracef("%v ignores that %v acknowledges %d, beyond %v", e.cfg.ID, p.ID, m.Match, e.log.last())
		}
		return
	}
	// While probing, next moves only when the entries sent from there on arrived, or when there are none. An
	// empty probe that is accepted shows where the logs meet; the entries follow, still one append at a time, so
	// that a follower that takes none just now is not sent a window full.
	advances := m.Match >= p.next || m.Match == e.log.lastIndex()
	p.acknowledge(m.Match, e.sendNumber)
	if m.Number == p.probe.number {
		p.probe = probeAppend{}
	}
	if p.state == probing && advances {
		p.replicate()
		if e.tracing {
			e.tracef("%v replicates to %v from %d on", e.cfg.ID, p.ID, p.next)
		}
	}
	e.advanceCommit()
	if e.role != Leader || p.left {
		return
	}
	if p.state == installing && p.match >= e.log.base.Index { // entries that were on their way have caught it up
		e.resumeReplication(p)
		return
	}
	e.replicateTo(p)
	e.announceCommitTo(p)
	if p.ID == e.transfer.target {
		e.handOver(p)
	}
}

// answeredByStranger tells a node that answers a leader and is not its follower that it is no member any more.
func (e *Engine) answeredByStranger(from Peer) {
	if e.role == Leader {
		e.tellIfOutside(from)
	}
}

// appendRejected steps back to where the logs may meet. What is stale is told by number: a rejection of a
// message from before the last step back, or of a term that is over, moves nothing.
func (e *Engine) appendRejected(p *progress, m *AppendEntriesResponse) {
	if m.Number <= p.rewindNumber || m.Number > e.sendNumber {
		return
	}
	if p.provesLoss(m) {
		e.lostData(p, m)
		return
	}
	highest := p.rejectedPrev(m.Number)
	next := e.nextAfter(m.Conflict, highest)
	next = max(next, p.match+1)
	if e.tracing {
		e.tracef("%v steps back to %d for %v, which reports %v", e.cfg.ID, next, p.ID, m.Conflict)
	}
	p.rewind(next, e.sendNumber)
	if next <= e.log.base.Index {
		e.needSnapshot(p)
		e.offerSnapshot(p)
		return
	}
	e.replicateTo(p)
}

// rejectedPrev returns the highest index that the rejected message can have had as its previous one.
func (p *progress) rejectedPrev(number SendNumber) Index {
	if number == p.probe.number {
		return min(p.next-1, p.probe.prev)
	}
	return p.next - 1
}

// nextAfter finds the next entry to try from a rejection, in O(terms) rounds (dissertation §3.5). The conflict is
// the term of the follower's entry at the index that was probed, at most highest, and where that term begins. If
// we have entries of this term at or above there, the logs may meet at our last one; otherwise they part before
// it, and also before all of ours that have a later term.
func (e *Engine) nextAfter(conflict Position, highest Index) Index {
	next := conflict.Index
	if conflict.Term != 0 {
		last := e.log.lastUpToTerm(conflict.Term, highest)
		if term, _ := e.log.term(last); term == conflict.Term && last >= next {
			next = last + 1
		} else {
			next = min(next, last+1)
		}
	}
	return min(next, highest)
}

// lostData stops believing a member that forgot what it had acknowledged.
func (e *Engine) lostData(p *progress, m *AppendEntriesResponse) {
	if e.tracing {
		e.tracef("%v finds that %v lost data: it had acknowledged %d and reports %v", e.cfg.ID, p.ID, p.match, m.Conflict)
	}
	p.forgetInflight()
	e.endTransfer(p)
	p.state, p.catchingUp = dataLost, false
	e.out.add(&PeerLostData{Peer: Peer{ID: p.ID, Incarnation: p.Incarnation}, Match: p.match, Claimed: m.Conflict})
}
