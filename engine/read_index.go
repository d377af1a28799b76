package engine

import "slices"

// Linearizable reads without a log entry (dissertation §6.4). A read may see the state machine once two things are
// known: that this node still led after the read had come, so that nobody can have committed what it does not know
// of, and that everything it knew to be committed at that moment is applied. That index is fixed when the read comes.
// An index that is taken later would be safe too, and would make the read wait for writes that it need not see.
//
// That it still led is known from answers to heartbeats. Only answers to what was sent after the read had come prove
// it: an older one may have been on its way while another leader was elected.

// reads are the reads that a leader has taken and not answered, in order of arrival.
//
// Invariant: only a leader has any. Index and after never fall along the queue; the first confirmed ones are
// confirmed, and unless a round is under way all are.
type reads struct {
	queue     queue[pendingRead]
	confirmed int
	round     SendNumber // of the round under way: the first number that its answers may repeat; zero when none is
}

// pendingRead is one [ProposeRead].
type pendingRead struct {
	id    ReadID
	count int
	index Index      // what the read must see
	after SendNumber // the first message that was sent after the read had come has this number or a higher one
}

// proposeRead takes a read, or refuses it at once. A read that comes while a round is under way waits for the next
// one, which begins when that one is answered: however many come meanwhile, they share it.
func (e *Engine) proposeRead(ev *ProposeRead) {
	read := pendingRead{id: ev.ID, count: max(ev.Count, 1), index: e.commit, after: e.sendNumber + 1}
	if reason := e.whyNotRead(); reason != 0 {
		e.failRead(read, reason)
		return
	}
	e.metrics.ReadIndexStarted += uint64(read.count)
	e.reads.queue.push(read)
	switch {
	case e.leaseHeld():
		if e.tracing {
			e.tracef("%v asks nobody for read %d: its lease lasts", e.cfg.ID, read.id)
		}
		e.reads.confirmed, e.reads.round = e.reads.queue.len(), 0
	case e.reads.round == 0:
		e.confirmReads()
	case e.tracing:
		e.tracef("%v lets read %d wait for the round after #%d", e.cfg.ID, read.id, e.reads.round)
	}
}

// whyNotRead says why no read is taken; zero when one is. Before an entry of its own term is committed, a leader does
// not know what its predecessors have committed (dissertation §6.4, step 1).
func (e *Engine) whyNotRead() ReadFailReason {
	if e.role != Leader {
		return ReadNotLeader
	}
	if term, _ := e.log.term(e.commit); term != e.state.Term {
		return ReadNotReady
	}
	return 0
}

// echo takes in that a member answered a message of this term with the given number.
func (e *Engine) echo(p *progress, number SendNumber) {
	if number <= p.echoed || number > e.sendNumber {
		return
	}
	p.echoed = number
	e.confirmReads()
}

// confirmReads confirms the reads that a majority has answered for, and starts the next round when there are others
// and none is under way.
func (e *Engine) confirmReads() {
	r := &e.reads
	if r.confirmed == r.queue.len() && !e.leases() {
		return
	}
	echoed := e.quorumEcho()
	e.renewLease(echoed)
	for r.confirmed < r.queue.len() && r.queue.at(r.confirmed).after <= echoed {
		r.confirmed++
	}
	switch {
	case r.confirmed == r.queue.len():
		r.round = 0 // whoever comes next does not wait for answers that nobody needs
	case r.round <= echoed:
		e.startReadRound()
	}
}

// startReadRound asks every voter whether it still follows us. Not through heartbeatRound, which also looks for
// lost appends: under load that would send a probe with each read round while a follower's disk is at work.
func (e *Engine) startReadRound() {
	e.reads.round = e.sendNumber + 1
	e.metrics.ReadRounds++
	if e.tracing {
		waiting := e.reads.queue.len() - e.reads.confirmed
		e.tracef("%v asks for %d reads whether it still leads term %d, from #%d on", e.cfg.ID, waiting, e.state.Term, e.reads.round)
	}
	e.noteRound()
	for _, p := range e.followers {
		if p.Role == Voter {
			e.heartbeat(p)
		}
	}
}

// quorumEcho returns the highest number such that a majority of the voters has answered a message with this or a
// higher one. The leader's own answer is always there, if it counts at all: one that is leaving, or being demoted,
// needs a majority of the others.
func (e *Engine) quorumEcho() SendNumber {
	e.echoes = e.echoes[:0]
	if e.counts {
		e.echoes = append(e.echoes, ^SendNumber(0))
	}
	for _, p := range e.followers {
		if p.Role == Voter {
			e.echoes = append(e.echoes, e.countedEcho(p))
		}
	}
	if len(e.echoes) == 0 {
		return 0
	}
	slices.Sort(e.echoes)
	return e.echoes[(len(e.echoes)-1)/2]
}

// countedEcho returns the highest number that a voter answered, as far as it counts: not that of a member that lost
// data, whose disk may have forgotten a vote as well, and not before the entry that names this life of it is
// committed, because a later leader that lacks the entry might count another one.
func (e *Engine) countedEcho(p *progress) SendNumber {
	if p.state == dataLost || p.countsFrom > e.commit {
		return 0
	}
	return p.echoed
}

// serveReads answers the confirmed reads whose index was handed to the state machine. It comes after the Apply of the
// same Step.
func (e *Engine) serveReads() {
	r := &e.reads
	for r.confirmed > 0 && r.queue.front().index <= e.handed {
		read := r.queue.front()
		e.metrics.ReadsCompleted += uint64(read.count)
		e.out.add(e.out.readies.put(ReadReady{ID: read.id, Index: read.index}))
		r.queue.pop()
		r.confirmed--
	}
}

// endReads fails the reads that wait when leadership ends. One that was confirmed could be served yet, but not before
// its index is applied here, and who knows when that is: another leader answers sooner.
func (e *Engine) endReads() {
	for e.reads.queue.len() > 0 {
		e.failRead(*e.reads.queue.front(), ReadSteppedDown)
		e.reads.queue.pop()
	}
	e.reads.confirmed, e.reads.round = 0, 0
}

func (e *Engine) failRead(read pendingRead, reason ReadFailReason) {
	failed := ReadFailed{ID: read.id, Reason: reason}
	if leader, found := e.Membership().Lookup(e.leader); e.leader != e.cfg.ID {
		failed.Leader = e.leader
		if found {
			failed.Address = leader.Address
		}
	}
	e.metrics.ReadsFailed += uint64(read.count)
	e.out.add(e.out.failures.put(failed))
}

// checkReads holds the invariants of reads.
func (e *Engine) checkReads() {
	r := &e.reads
	e.must(e.role == Leader || r.queue.len() == 0, "only a leader has reads")
	e.must(r.confirmed <= r.queue.len() && (r.confirmed == r.queue.len()) == (r.round == 0), "a round is under way while reads are not confirmed")
	last := pendingRead{}
	for i := range r.queue.len() {
		read := r.queue.at(i)
		e.must(read.index >= last.index && read.after >= last.after, "reads ascend")
		e.must(read.index > e.handed || i >= r.confirmed, "a confirmed read is answered once its index is handed out")
		e.must(read.index <= e.commit, "a read's index is committed")
		last = *read
	}
}
