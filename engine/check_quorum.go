package engine

// leadOn is a leader's part of a tick: it goes on only while it can do what a leader is for. One that no majority
// answers would keep its clients waiting for ever (check-quorum, dissertation §6.2), and so would one whose own disk
// does not answer.
func (e *Engine) leadOn() {
	switch {
	case !e.hearsQuorum():
		if e.tracing {
			e.tracef("%v steps down at term %d: no majority of the voters answered for an election timeout", e.cfg.ID, e.state.Term)
		}
		e.stepDown()
	case e.disk.stalled(e.now, e.electionTimeoutMin()):
		e.yieldToHealthyDisk()
	default:
		e.beat()
	}
}

// beat sends a heartbeat round when one is due.
func (e *Engine) beat() {
	if e.timer.beat++; e.timer.beat >= e.cfg.HeartbeatIntervalTicks {
		e.timer.beat = 0
		e.heartbeatRound()
	}
}

// hearsQuorum reports whether a majority of the voters, this node included, answered within the minimum election
// timeout. It is counted in ticks, and a late tick counts once: a leader that was paused gives the others the time
// to answer before it gives up. A member that lost data counts here as little as elsewhere: nothing commits with it.
func (e *Engine) hearsQuorum() bool {
	voters, heard := 0, 0
	if e.counts {
		voters, heard = 1, 1
	}
	for _, p := range e.followers {
		p.silence++
		if p.Role != Voter {
			continue
		}
		voters++
		if p.silence <= e.cfg.ElectionTimeoutMinTicks && p.state != dataLost {
			heard++
		}
	}
	return heard > voters/2
}

// answered notes a sign of life of a follower.
func (p *progress) answered() { p.silence = 0 }

// stepDown gives leadership up within the term.
func (e *Engine) stepDown() {
	e.metrics.QuorumStepdowns++
	e.becomeFollower(0)
}

// yieldToHealthyDisk gives leadership up because our own disk has not confirmed a write for an election timeout. A
// voter that holds our whole log is asked to take over at once; without one the others find their leader by
// themselves. Until the disk answers this node does not campaign, so it does not come back too early.
func (e *Engine) yieldToHealthyDisk() {
	if e.tracing {
		e.tracef("%v steps down at term %d: its disk has not answered for an election timeout", e.cfg.ID, e.state.Term)
	}
	if p := e.caughtUp(); p != nil {
		e.sendTimeoutNow(p)
	}
	e.metrics.DiskStallStepdowns++
	e.becomeFollower(0)
}

// caughtUp returns a voter that holds our whole log durably and answered lately, nil if there is none.
func (e *Engine) caughtUp() *progress {
	for _, p := range e.followers {
		if p.counted() == e.log.lastIndex() && p.silence <= e.cfg.HeartbeatIntervalTicks {
			return p
		}
	}
	return nil
}
