package engine

// sharedAppend is the newest append of this Step: followers that need the same one get the same message, which
// is then built and encoded once.
type sharedAppend struct {
	message *AppendEntries
	bytes   int
}

// nextNumber returns the number of the next message of this leader. Numbers rise within the term.
func (e *Engine) nextNumber() SendNumber {
	e.sendNumber++
	return e.sendNumber
}

// heartbeatRound tells every member that the leader lives, and what is committed as far as the member is known
// to hold it.
func (e *Engine) heartbeatRound() {
	e.noteRound()
	for _, p := range e.followers {
		number := e.heartbeat(p)
		if p.roundNumber == 0 {
			p.roundNumber = number
		}
	}
	e.confirmReads() // a change of who votes may have left nobody to wait for
}

func (e *Engine) heartbeat(p *progress) SendNumber {
	number, commit := e.nextNumber(), e.knownCommit(p)
	p.commitTold = max(p.commitTold, commit)
	p.sentNumber = number
	e.sendNow(p.ID, e.out.heartbeats.put(Heartbeat{Term: e.state.Term, Number: number, Commit: commit}))
	return number
}

// replicate sends every member what it lacks, as far as windows allow.
func (e *Engine) replicate() {
	for _, p := range e.followers {
		e.replicateTo(p)
	}
}

// replicateTo sends one member what it lacks: everything that the window allows once the logs have met, before
// that one append at a time.
func (e *Engine) replicateTo(p *progress) {
	switch p.state {
	case replicating:
		for p.next <= e.log.lastIndex() && e.sendAppend(p) {
		}
	case probing:
		if p.probe.number == 0 && p.match < e.log.lastIndex() {
			e.probeWithEntries(p)
		}
	case installing, dataLost:
	}
}

// sendAppend sends the next entries and moves next behind them. It reports false when the window is full; a follower
// that is down is found so at every proposal, and no append is built for it again.
func (e *Engine) sendAppend(p *progress) bool {
	if p.full {
		return false
	}
	m, bytes := e.buildAppend(p)
	if p.full = !p.hasRoom(bytes, &e.cfg); p.full {
		return false
	}
	e.emitAppend(p, m, bytes)
	p.sent(m.Number, m.Prev.Index+Index(len(m.Entries)), bytes)
	return true
}

// probeWithEntries sends the entries from next on in the hope that the logs meet there.
func (e *Engine) probeWithEntries(p *progress) {
	m, bytes := e.buildAppend(p)
	e.emitAppend(p, m, bytes)
	p.probe = probeAppend{number: m.Number, prev: m.Prev.Index}
}

// sendProbe sends an append without entries: its answer tells whether the logs meet before next.
func (e *Engine) sendProbe(p *progress) {
	m := &AppendEntries{Term: e.state.Term, Number: e.nextNumber(), Prev: e.log.position(p.next - 1), Commit: e.commit}
	if e.tracing {
		e.tracef("%v asks %v whether it holds %v", e.cfg.ID, p.ID, m.Prev)
	}
	e.emitAppend(p, m, 0)
	p.probe = probeAppend{number: m.Number, prev: m.Prev.Index}
}

// buildAppend returns the append that follows next-1, bounded by entries and bytes.
func (e *Engine) buildAppend(p *progress) (*AppendEntries, int) {
	if s := e.shared.message; s != nil && s.Prev.Index == p.next-1 && s.Commit == e.commit && s.Number > p.floor() {
		return s, e.shared.bytes
	}
	entries, bytes := e.log.bounded(p.next, e.log.lastIndex(), e.cfg.MaxAppendEntries, e.cfg.MaxAppendBytes)
	if p.next == 1 && len(entries) == 1 {
		entries, bytes = e.log.beginning()
	}
	m := &AppendEntries{
		Term: e.state.Term, Prev: e.log.position(p.next - 1), Entries: entries, Commit: e.commit,
	}
	return m, bytes
}

// emitAppend numbers a new message and sends it.
func (e *Engine) emitAppend(p *progress, m *AppendEntries, bytes int) {
	if m.Number == 0 {
		m.Number = e.nextNumber()
		e.shared = sharedAppend{message: m, bytes: bytes}
	}
	e.metrics.AppendEntriesSent++
	p.sentNumber = m.Number
	p.commitTold = max(p.commitTold, min(m.Commit, m.Prev.Index+Index(len(m.Entries))))
	e.sendNow(p.ID, m)
}

// floor returns the number that a message to this member must be above, so that numbers rise and what was sent
// before the last news of it is not taken for sent after.
func (p *progress) floor() SendNumber { return max(p.sentNumber, p.matchNumber, p.rewindNumber) }

// oldestUnanswered returns the number of the oldest append that this member has not answered; zero when there
// is none.
func (p *progress) oldestUnanswered() SendNumber {
	if p.inflight.len() > 0 {
		return p.inflight.front().number
	}
	return p.probe.number
}
