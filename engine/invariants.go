package engine

import "fmt"

// CheckInvariants panics with the state that shows it when an invariant is broken: a defect of this package or
// of a host that broke the contract, never of another node. Tests call it after every Step. It costs time
// proportional to the log above the last snapshot.
func (e *Engine) CheckInvariants() {
	e.checkLog()
	e.checkIndexes()
	e.checkPromise()
	e.checkSnapshot()
	e.checkRole()
	e.checkFollowers()
	e.checkReads()
	e.checkBatch()
}

// must panics with the state unless the invariant holds.
func (e *Engine) must(holds bool, invariant string) {
	if holds {
		return
	}
	panic(fmt.Sprintf("engine: broken invariant: %s\n%+v\ndisk: durable %d, confirmed write %d of %d\nhanded %d, unapplied %d bytes, applying %d bytes",
		invariant, e.Status(), e.disk.durable, e.disk.confirmed, e.disk.issued, e.handed, e.unapplied, e.applying))
}

// checkLog looks at what is not applied yet; what is older was looked at before.
func (e *Engine) checkLog() {
	unapplied := 0
	applied := max(e.applied, e.log.base.Index)
	prev := e.log.position(applied)
	for index := applied + 1; index <= e.log.lastIndex(); index++ {
		entry := e.log.at(index)
		e.must(entry.Index == index, "indexes rise by one")
		e.must(entry.Term >= prev.Term && entry.Term > 0, "terms never fall along the log")
		unapplied += entry.Size()
		prev = entry.Position()
	}
	e.must(unapplied == e.unapplied, "unapplied is the size of the log above applied")
	e.must(prev.Term <= e.state.Term, "no entry is of a term to come")
	newest := Index(0)
	for i, c := range e.log.configurations {
		e.must(c.index > newest, "configurations ascend")
		e.must(i == 0 || c.index > e.log.base.Index, "one configuration at most is not of the log")
		newest = c.index
	}
	e.must(newest <= e.log.lastIndex(), "configurations are of the log")
	if newest > e.log.base.Index {
		e.must(e.log.at(newest).Kind == EntryConfiguration, "configurations are of configuration entries")
	}
}

func (e *Engine) checkIndexes() {
	e.must(e.applied <= e.handed, "nothing is applied before it is handed out")
	e.must(e.handed <= e.commit, "nothing is handed out before it is committed")
	e.must(e.handed <= e.disk.durable, "nothing is handed out before it is durable")
	e.must(e.commit <= e.log.lastIndex(), "nothing is committed beyond the log")
	e.must(e.disk.durable <= e.log.lastIndex(), "nothing is durable beyond the log")
	applying := e.log.size(max(e.applied, e.log.base.Index)+1, max(e.handed, e.log.base.Index))
	e.must(applying == e.applying, "applying is the size of what is handed out and not applied")
	last := e.disk.durable
	for i := range e.disk.pending.len() {
		e.must(e.disk.pending.at(i).last >= last, "later writes make more durable")
		last = e.disk.pending.at(i).last
	}
	e.must(last == e.log.lastIndex(), "every entry is durable or on its way to the disk")
}

// checkSnapshot: log and snapshot overlap or touch, and the state machine is at least as far as the snapshot, but for
// one that was installed: that it gets when the switch is durable.
func (e *Engine) checkSnapshot() {
	base, snapshot := e.log.base, e.snapshot.Position
	e.must(base.Index <= snapshot.Index, "the log goes on where the snapshot ends, or before")
	term, known := e.log.term(snapshot.Index)
	e.must(known && term == snapshot.Term, "the snapshot is of this log")
	e.must(snapshot.Index <= e.commit, "a snapshot is of committed entries")
	installed := base == snapshot
	e.must(snapshot.Index <= e.applied || installed, "a snapshot of our own is of applied entries")
	e.must(snapshot.Index <= e.disk.durable || installed && e.disk.pending.len() > 0, "a snapshot is of durable entries")
	e.must(base.Index <= e.handed || e.disk.durable < base.Index, "an installed snapshot is handed out when it is durable")
	unapplied := e.log.size(max(snapshot.Index, e.applied)+1, e.log.lastIndex())
	live := e.log.size(snapshot.Index+1, e.log.lastIndex())
	e.must(live-unapplied == e.sinceSnapshot, "bytes since the snapshot are those of what was applied since")
	in := &e.incoming
	e.must(in.transfer == 0 || e.role == Follower && e.state.Term == in.term && e.commit < in.snapshot.Position.Index,
		"only followers receive, from their leader, what is news")
}

func (e *Engine) checkPromise() {
	e.must(e.state == e.saved, "term and vote are on their way to the disk")
	if e.role == Candidate || e.role == Leader {
		e.must(e.state.voted() == Peer{ID: e.cfg.ID, Incarnation: e.cfg.Incarnation}, "who campaigns or leads voted for itself")
	}
	if e.role == Leader {
		e.must(e.disk.confirmed >= e.voteSeq, "a leader's term and vote are durable")
	}
}

func (e *Engine) checkRole() {
	switch e.role {
	case Leader:
		e.must(e.leader == e.cfg.ID, "a leader follows itself")
		last, _ := e.log.term(e.log.lastIndex())
		e.must(last == e.state.Term, "a leader's log ends with an entry of its term")
		e.must((e.inFlight != 0) == e.changeInFlight(ChangeKind.changesMembers), "a leader knows of the change in flight")
	case Candidate, PreCandidate:
		e.must(e.transfer.target == 0, "nobody campaigns before its transfer has ended")
		e.must(e.leader == 0, "who campaigns follows nobody")
	case Follower:
		e.must(e.leader != e.cfg.ID, "a follower does not follow itself")
	}
	e.must(e.role == Leader || len(e.followers) == 0, "only a leader has followers")
}

func (e *Engine) checkFollowers() {
	for i, p := range e.followers {
		e.must(i == 0 || e.followers[i-1].ID < p.ID, "followers ascend")
		e.must(!p.leaving || e.inFlight != 0, "nobody is leaving without a change in flight")
		e.must(p.match < p.next, "match is below next")
		e.must(p.next <= e.log.lastIndex()+1, "next is at most the end of the log")
		bytes, last := 0, p.match
		for j := range p.inflight.len() {
			a := p.inflight.at(j)
			e.must(a.last > last, "appends in flight ascend above match")
			bytes, last = bytes+a.bytes, a.last
		}
		e.must(bytes == p.inflightBytes, "inflight bytes are the sum of what is in flight")
		e.must(p.state != replicating || last == p.next-1, "next follows what is in flight")
		e.must(p.next > e.log.base.Index || p.state == installing || p.state == dataLost, "what comes next is in the log")
		e.must(p.transfer == nil || p.state == installing, "only who needs a snapshot is promised one")
		e.must(p.state == replicating || p.inflight.len() == 0, "only replication has a window")
		e.must(p.inflight.len() <= e.cfg.MaxInflightAppends, "the window holds")
	}
}
