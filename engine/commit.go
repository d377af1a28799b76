package engine

import "slices"

// advanceCommit commits what a majority of the voters holds durably. Only entries of the current term are
// counted: an older one that a majority holds may still be replaced (dissertation §3.6.2, figure 3.7); it is
// committed with the first entry of the current term that stands behind it.
func (e *Engine) advanceCommit() {
	if e.commit == e.log.lastIndex() {
		return
	}
	index := e.quorumMatch()
	if index <= e.commit {
		return
	}
	if term, _ := e.log.term(index); term != e.state.Term {
		return
	}
	e.commitUpTo(index, e.cfg.ID)
	e.commitMoved = true
	if e.inFlight != 0 && e.inFlight <= e.commit {
		e.changeCommitted()
	}
	if e.role == Leader && e.bindFounders() {
		e.replicate()
	}
}

// quorumMatch returns the highest index that a majority of the voters holds durably. The leader counts itself
// up to what its own disk confirmed.
func (e *Engine) quorumMatch() Index {
	e.matches = e.matches[:0]
	if e.counts {
		e.matches = append(e.matches, e.disk.durable)
	}
	for _, p := range e.followers {
		if p.Role == Voter {
			e.matches = append(e.matches, p.counted())
		}
	}
	if len(e.matches) == 0 {
		return 0
	}
	slices.Sort(e.matches)
	return e.matches[(len(e.matches)-1)/2]
}

// commitUpTo moves the commit index, never back and never beyond our log.
func (e *Engine) commitUpTo(index Index, by NodeID) {
	index = min(index, e.log.lastIndex())
	if index <= e.commit {
		return
	}
	before := e.commit
	e.metrics.EntriesCommitted += uint64(index - before)
	e.commit = index
	if e.tracing {
		e.tracef("%v commits up to %v, by %v", e.cfg.ID, e.log.position(index), by)
	}
	if e.log.newestConfiguration() > before {
		e.configurationsCommitted(before)
	}
}

// knownCommit returns the commit index as far as a member is known to hold it.
func (e *Engine) knownCommit(p *progress) Index { return min(e.commit, p.match) }

// announceCommit tells a new commit index to every member that no append of this Step told it to: they should
// not have to wait for the next heartbeat round to apply it.
func (e *Engine) announceCommit() {
	e.commitMoved = false
	if e.role != Leader {
		return
	}
	for _, p := range e.followers {
		e.announceCommitTo(p)
	}
}

// announceCommitTo sends a heartbeat with the commit index if that is news. One is on its way at most; what moves
// meanwhile is told when its answer is here.
func (e *Engine) announceCommitTo(p *progress) {
	if p.commitNumber != 0 || e.knownCommit(p) <= p.commitTold {
		return
	}
	p.commitNumber = e.heartbeat(p)
}
