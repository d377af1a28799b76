package engine

// becomeFollower follows the leader of the current term, or waits for one when leader is zero. The vote of the
// term stays: whoever steps down within a term has still voted in it (dissertation §3.4).
func (e *Engine) becomeFollower(leader NodeID) {
	if e.tracing && (e.role != Follower || e.leader != leader) {
		e.traceFollower(leader)
	}
	if e.transfer.target != 0 {
		e.transferFollows(leader)
	}
	if e.role != Follower {
		e.role = Follower
		e.resetElectionTimer()
	}
	e.leader = leader
	e.endTransfers()
	e.followers = nil
	e.redirectBatch()
	e.endReads()
}

func (e *Engine) traceFollower(leader NodeID) {
	if leader == 0 {
		e.tracef("%v becomes follower at term %d", e.cfg.ID, e.state.Term)
		return
	}
	e.tracef("%v follows %v at term %d", e.cfg.ID, leader, e.state.Term)
}

// adoptTerm moves to a later term that somebody spoke of, with a free vote (dissertation §3.3). It does not
// restart the election timer: only a leader's message or a granted vote does.
func (e *Engine) adoptTerm(term Term) {
	if e.role != Follower {
		e.metrics.HigherTermStepdowns++
	}
	if e.tracing {
		e.tracef("%v moves from term %d to %d", e.cfg.ID, e.state.Term, term)
	}
	e.state = HardState{Term: term}
	e.agreed = 0
	e.becomeFollower(0)
}

// becomePreCandidate asks whether an election could be won, before raising the term for it (dissertation §9.6).
func (e *Engine) becomePreCandidate() {
	e.role, e.leader = PreCandidate, 0
	e.round++
	e.startBallot()
	if e.tracing {
		e.tracef("%v becomes pre-candidate for term %d, round %d", e.cfg.ID, e.state.Term+1, e.round)
	}
	last := e.log.last()
	request := &RequestPreVote{Term: e.state.Term + 1, Round: e.round, Last: last}
	for _, m := range e.log.members() {
		if m.Role == Voter && m.ID != e.cfg.ID {
			e.sendNow(m.ID, request)
		}
	}
	e.tally(e.castBallot(e.cfg.ID, true))
}

// becomeCandidate starts an election: it raises the term, votes for itself and asks the others (dissertation
// §3.4). Its own vote counts when it is durable, like everybody's.
func (e *Engine) becomeCandidate(transfer bool) {
	e.role, e.leader = Candidate, 0
	e.state = HardState{Term: e.state.Term + 1, Vote: e.cfg.ID, VoteIncarnation: e.cfg.Incarnation}
	e.agreed = 0
	e.startBallot()
	e.resetElectionTimer()
	e.metrics.ElectionsStarted++
	if e.tracing {
		e.tracef("%v becomes candidate at term %d with log up to %v", e.cfg.ID, e.state.Term, e.log.last())
	}
	e.saveState()
	e.voteSeq = e.disk.issued
	request := &RequestVote{Term: e.state.Term, Last: e.log.last(), Transfer: transfer}
	for _, m := range e.log.members() {
		if m.Role == Voter && m.ID != e.cfg.ID {
			e.sendDurable(m.ID, request)
		}
	}
}

// countOwnVote counts the candidate's vote for itself once it is durable.
func (e *Engine) countOwnVote() {
	if e.disk.confirmed >= e.voteSeq {
		e.tally(e.castBallot(e.cfg.ID, true))
	}
}

// tally acts on how the campaign stands. A candidate never leads before its own vote is durable, whoever else
// voted for it: that is what lets the messages of a leader leave without waiting.
func (e *Engine) tally(o outcome) {
	switch {
	case o == lost:
		if e.tracing {
			e.tracef("%v loses the campaign at term %d", e.cfg.ID, e.state.Term)
		}
		e.becomeFollower(0)
	case o == won && e.role == PreCandidate:
		e.becomeCandidate(false)
	case o == won && e.role == Candidate && e.disk.confirmed >= e.voteSeq:
		e.becomeLeader()
	}
}

// becomeLeader takes over. It knows nothing of the others' logs yet, and commits what earlier terms left by
// committing an entry of its own term (dissertation §3.6.2).
func (e *Engine) becomeLeader() {
	e.role, e.leader = Leader, e.cfg.ID
	e.timer.beat, e.sendNumber, e.timeoutNowSent = 0, 0, false
	e.lease = lease{}
	e.metrics.LeaderElectionsWon++
	if e.tracing {
		e.tracef("%v becomes leader at term %d with log up to %v", e.cfg.ID, e.state.Term, e.log.last())
	}
	e.followers = nil
	e.trackFollowers()
	e.bindFounders()
	e.appendOwn(Entry{Kind: EntryNoOp})
	e.replicate()
}
