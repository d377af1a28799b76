package engine

// Engine is the Raft protocol of one node. It is not safe for concurrent use.
type Engine struct {
	cfg Config
	now Instant // of the event being handled
	out output

	state HardState // the promise of this node; saved tells what of it was handed to the host
	saved HardState
	disk  durability
	log   log

	role   Role
	leader NodeID
	// agreed is up to where an append of this term showed our log to be the leader's.
	agreed    Index
	lastHeard Instant // from a live leader; see sticky
	heardOnce bool

	commit    Index
	handed    Index // up to here entries were handed to the state machine
	applied   Index
	unapplied int // bytes of log above applied
	applying  int // bytes handed and not yet applied

	timer election

	// Of a pre-candidate or candidate.
	round   SendNumber // of pre-votes; rises for ever, from the clock of its start on, so that an earlier life's answers do not count
	ballot  []vote
	voteSeq Seq // the write that makes our own vote durable

	// Of a leader.
	followers   []*progress // ascending by id
	counts      bool        // whether this node counts itself: it is a voter
	sendNumber  SendNumber
	commitMoved bool // in this Step
	shared      sharedAppend
	batch       batching
	matches     []Index // scratch for commitment
	reads       reads
	echoes      []SendNumber // scratch for read rounds
	lease       lease

	inFlight       Index // of the newest configuration that changes members and is not committed; zero when there is none
	transfer       leadershipTransfer
	timeoutNowSent bool // in this term: somebody may be elected while others still hear us

	// Of snapshots.
	snapshot      SnapshotMeta // the newest of this node, as far as its switch was asked for; see log.base
	switches      []switched   // those under way, and the durable one before them
	sinceSnapshot int          // bytes of log that were applied since
	doubted       uint64       // id of a snapshot that was sent whole, while nobody has said that it arrived whole
	hints         hints
	incoming      incomingSnapshot // of a follower; its transfer is zero when there is none

	met         acquaintances
	promises    map[NodeID]promise // of peers that we shook hands with; see lease.go
	removedAsOf Position           // up to here no committed configuration names us; zero when that was never heard

	metrics Metrics
	tracing bool
	fatal   bool
}

// New builds the engine of a node from what its storage recovered. Committed entries of the recovered log are
// handed out again by the first [Engine.Step]. The errors wrap [ErrInvalidConfig] or [ErrInvalidRecovered].
func New(cfg Config, recovered Recovered) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, now: recovered.Now, round: SendNumber(recovered.Now),
		tracing: cfg.Tracer != nil, promises: make(map[NodeID]promise),
	}
	if err := e.recover(recovered); err != nil {
		return nil, err
	}
	e.heardOnce = e.mayHaveFollowed()
	e.lastHeard = recovered.Now
	e.resetElectionTimer()
	if e.tracing {
		e.tracef("%v starts at term %d with log up to %v, commit %d, members %v",
			e.cfg.ID, e.state.Term, e.log.last(), e.commit, e.Membership())
	}
	return e, nil
}

// Step is the only way forward: it takes one event and returns what the host must do, in order. The returned
// slice and the actions in it are reused by the next Step; what they point to is immutable for ever.
func (e *Engine) Step(event Event) []Action {
	e.out.reset()
	if e.fatal {
		return nil
	}
	e.now = max(e.now, event.now())
	if e.shared.message != nil {
		e.shared = sharedAppend{}
	}
	switch ev := event.(type) {
	case *Tick:
		e.tick()
	case *Incoming:
		e.receive(ev.From, ev.Message)
	case *ClientProposal:
		e.propose(ev.ID, ev.Command)
	case *ClientProposalBatch:
		e.propose(ev.ID, ev.Commands...)
	case *ProposeRead:
		e.proposeRead(ev)
	case *ProposeConfigChange:
		e.proposeChange(ev.ID, ev.Change)
	case *TransferLeadership:
		e.transferLeadership(ev.ID, ev.Target)
	case *Persisted:
		e.persisted(ev.Seq)
	case *Applied:
		e.appliedUpTo(ev.Index)
	case *PeerSeen:
		e.notePromise(ev.From, ev.MinElectionTimeout)
		e.meet(ev.From)
	case *SnapshotTaken:
		e.snapshotTaken(&ev.Snapshot)
	case *SnapshotExpected:
		e.snapshotExpected(ev)
	case *SnapshotReceived:
		e.snapshotReceived(ev)
	case *SnapshotSendResult:
		e.snapshotSent(ev)
	}
	e.finish()
	return e.out.actions
}

// finish says what the event made due and nobody has said yet. Most events make little due, so each part is asked for
// only if it may have something to say.
func (e *Engine) finish() {
	if e.commitMoved {
		e.announceCommit()
	}
	if e.incoming.transfer != 0 {
		e.checkIncoming()
	}
	e.saveState()
	if e.handed < e.commit {
		e.handToApply()
	}
	if e.hintDue() {
		e.hintSnapshot()
	}
	if e.reads.confirmed > 0 {
		e.serveReads()
	}
}

// persisted takes in that the host's writes up to seq are durable.
func (e *Engine) persisted(seq Seq) {
	e.disk.confirm(min(seq, e.disk.issued))
	switch e.role {
	case Candidate:
		e.countOwnVote()
	case Leader:
		e.advanceCommit()
	case Follower, PreCandidate:
	}
}

// Status returns a copy of the engine's state.
func (e *Engine) Status() Status {
	s := Status{
		ID: e.cfg.ID, Role: e.role, Term: e.state.Term, Vote: e.state.Vote, Leader: e.leader,
		Last: e.log.last(), Durable: e.disk.durable, Commit: e.commit, Applied: e.applied,
		Base: e.log.base, Snapshot: e.snapshot.Position, Membership: e.Membership(), Removed: e.removed(),
	}
	for _, p := range e.followers {
		s.Followers = append(s.Followers, FollowerStatus{
			ID: p.ID, IsLearner: p.Role == Learner, Match: p.match, Next: p.next, State: p.state.String(), IsLeaving: p.leaving,
		})
	}
	return s
}

// Metrics returns the counters and gauges.
func (e *Engine) Metrics() Metrics {
	m := e.metrics
	m.CurrentTerm, m.CommitIndex, m.LastApplied = e.state.Term, e.commit, e.applied
	m.LogLen, m.RoleCode = e.log.count, int(e.role)
	return m
}

// Commit returns the commit index, for hosts that store it beside other writes.
func (e *Engine) Commit() Index { return e.commit }

// Role returns the current role.
func (e *Engine) Role() Role { return e.role }

// Term returns the current term.
func (e *Engine) Term() Term { return e.state.Term }

// Leader returns whom this node follows, itself included; zero when unknown.
func (e *Engine) Leader() NodeID { return e.leader }

// Membership returns the active membership: that of the newest configuration entry in the log.
func (e *Engine) Membership() Membership { return e.log.configuration().Membership }
