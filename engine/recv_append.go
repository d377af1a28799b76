package engine

// recvAppendEntries checks that the logs meet, takes the entries and acknowledges them (dissertation §3.5).
func (e *Engine) recvAppendEntries(from Peer, m *AppendEntries) {
	e.metrics.AppendEntriesReceived++
	configurations, ok := e.wellFormed(from, m)
	if !ok {
		return
	}
	if !e.acceptLeader(from, m.Term) {
		e.rejectAppend(from, m, AppendEntriesResponse{})
		return
	}
	if e.fatal {
		return
	}
	if conflict, found := e.conflictAt(m.Prev); found {
		if m.Prev.Index <= e.commit {
			e.stop(e.committedConflict(from, m.Term, m.Prev))
			return
		}
		e.rejectAppend(from, m, AppendEntriesResponse{Number: m.Number, Conflict: conflict})
		return
	}
	fresh := m.Entries[e.log.divergence(m.Entries):]
	if len(fresh) > 0 && !e.takeEntries(from, m, fresh, configurations) {
		return
	}
	// Acknowledge what the request covers and never our own tail: behind it may stand what another leader sent.
	match := m.Prev.Index + Index(len(m.Entries))
	e.agreed = max(e.agreed, match)
	e.commitUpTo(min(m.Commit, match), from.ID)
	e.sendDurable(from.ID, e.out.verdicts.put(AppendEntriesResponse{
		Term: e.state.Term, Number: m.Number, Accepted: true, Match: match,
	}))
}

// wellFormed reports whether the append is one that a leader could send; gateways refuse the others. It returns
// the configurations that are new to our log.
func (e *Engine) wellFormed(from Peer, m *AppendEntries) ([]configurationAt, bool) {
	prev := m.Prev
	ok := m.Term != 0 && prev.Term <= m.Term && (prev.Index == 0) == (prev.Term == 0) &&
		prev.Index+Index(len(m.Entries)) >= prev.Index
	hasConfiguration := false
	for i := range m.Entries {
		entry := &m.Entries[i]
		ok = ok && entry.Index == prev.Index+1 && entry.Term >= prev.Term && entry.Term <= m.Term && entry.Term != 0 &&
			entry.Kind >= EntryNoOp && entry.Kind <= EntryConfiguration
		hasConfiguration = hasConfiguration || entry.Kind == EntryConfiguration
		prev = Position{Term: entry.Term, Index: entry.Index}
	}
	var configurations []configurationAt
	if ok && hasConfiguration {
		var err error
		configurations, err = decodeConfigurations(m.Entries[e.log.divergence(m.Entries):])
		ok = err == nil
	}
	if !ok && e.tracing {
		e.tracef("%v drops a malformed append of %v", e.cfg.ID, from.ID)
	}
	return configurations, ok
}

// conflictAt reports whether our log lacks the entry at prev, and what the leader needs to know to find where
// the logs part in rounds bounded by terms: the term that stands there and where it begins, or where our log
// ends. Below our base everything is committed, and so counts as matching.
func (e *Engine) conflictAt(prev Position) (conflict Position, found bool) {
	if prev.Index < e.log.base.Index {
		return Position{}, false
	}
	term, known := e.log.term(prev.Index)
	switch {
	case !known:
		return Position{Index: e.log.lastIndex() + 1}, true
	case term != prev.Term:
		return Position{Term: term, Index: min(e.log.firstOfTerm(term), prev.Index)}, true
	}
	return Position{}, false
}

// takeEntries appends entries that our log does not hold, after removing what contradicts them. It reports
// whether the append may be acknowledged.
func (e *Engine) takeEntries(from Peer, m *AppendEntries, fresh []Entry, configurations []configurationAt) bool {
	first := fresh[0].Index
	switch extends := first > e.log.lastIndex(); {
	case extends && e.tooMuchUnapplied():
		if e.tracing {
			e.tracef("%v takes no entries: %d bytes wait to be applied", e.cfg.ID, e.unapplied)
		}
		return false
	case !extends && first <= e.commit:
		e.stop(e.committedConflict(from, m.Term, fresh[0].Position()))
		return false
	case !extends:
		e.truncate(first)
	}
	e.addToLog(fresh, configurations)
	if e.tracing {
		e.tracef("%v appends %s of %v", e.cfg.ID, span(fresh), from.ID)
	}
	return true
}

// tooMuchUnapplied reports whether the state machine is so far behind that the log must not grow. Entries that
// are not committed are no reason: taking more may be what commits them.
func (e *Engine) tooMuchUnapplied() bool {
	return e.unapplied > e.cfg.MaxUnappliedBytes && e.applied < e.commit
}

// truncate removes first and everything behind it: entries that were never committed (dissertation §3.5).
func (e *Engine) truncate(first Index) {
	e.unapplied -= e.log.size(first, e.log.lastIndex())
	if e.tracing {
		e.tracef("%v removes %s", e.cfg.ID, span(e.log.slice(first, e.log.lastIndex())))
	}
	e.log.truncate(first)
}

// addToLog appends entries, with the configurations among them, and asks for their write.
func (e *Engine) addToLog(entries []Entry, configurations []configurationAt) {
	e.log.append(entries...)
	e.log.register(configurations)
	e.unapplied += sizeOf(entries)
	e.metrics.EntriesAppended += uint64(len(entries))
	e.saveEntries(e.log.slice(entries[0].Index, e.log.lastIndex()))
}

// rejectAppend answers with our term. The answer to what does not come from the leader of our term repeats no
// number: numbers start again in each term, and the sender may lead this one by now.
func (e *Engine) rejectAppend(from Peer, m *AppendEntries, answer AppendEntriesResponse) {
	e.metrics.AppendEntriesRejected++
	if e.tracing {
		e.traceReject(from, m, answer.Conflict)
	}
	answer.Term = e.state.Term
	e.sendNow(from.ID, e.out.verdicts.put(answer))
}

func (e *Engine) traceReject(from Peer, m *AppendEntries, conflict Position) {
	switch {
	case m.Term < e.state.Term:
		e.tracef("%v rejects the append of %v after %v: its term %d is over, we are at %d", e.cfg.ID, from.ID, m.Prev, m.Term, e.state.Term)
	case e.role == Leader:
		e.tracef("%v rejects the append of %v after %v: it is no member, and we lead term %d", e.cfg.ID, from.ID, m.Prev, m.Term)
	case conflict.Term == 0:
		e.tracef("%v rejects the append of %v after %v: its log ends at %v", e.cfg.ID, from.ID, m.Prev, e.log.last())
	default:
		e.tracef("%v rejects the append of %v after %v: it holds term %d since %v", e.cfg.ID, from.ID, m.Prev, conflict.Term, conflict)
	}
}

func (e *Engine) committedConflict(from Peer, term Term, theirs Position) error {
	return &CommittedConflictError{
		Node: e.cfg.ID, Leader: from, Term: term, Ours: e.log.position(theirs.Index), Theirs: theirs, Commit: e.commit,
	}
}
