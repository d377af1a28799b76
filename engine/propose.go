package engine

// propose appends commands if this node leads, all or none, and starts to replicate them while its own disk
// writes (dissertation §10.2.1). With tick-delayed batching they may wait for others first.
func (e *Engine) propose(id ProposalID, commands ...[]byte) {
	if e.role != Leader {
		e.redirect(id)
		return
	}
	if reason := e.whyNotPropose(commands); reason != 0 {
		if e.tracing {
			e.tracef("%v refuses a proposal of %d commands: %v", e.cfg.ID, len(commands), reason)
		}
		e.out.add(e.out.rejections.put(ProposalRejected{ID: id, Reason: reason}))
		return
	}
	switch {
	case len(commands) == 0:
		e.appendCommands(id, nil)
	case e.cfg.holds():
		e.hold(id, commands)
	default:
		first := e.log.lastIndex() + 1
		e.log.reserve(len(commands))
		e.appendCommands(id, commands)
		e.saveEntries(e.log.slice(first, e.log.lastIndex()))
		e.replicate()
	}
}

// appendCommands appends the commands of one proposal, for which the log has room, and accepts it.
func (e *Engine) appendCommands(id ProposalID, commands [][]byte) {
	first := e.log.lastIndex() + 1
	e.out.add(e.out.accepts.put(ProposalAccepted{ID: id, First: first, Term: e.state.Term, Count: len(commands)}))
	for i, command := range commands {
		entry := Entry{Term: e.state.Term, Index: first + Index(i), Kind: EntryCommand, Data: command}
		e.unapplied += entry.Size()
		e.log.push(entry)
	}
	e.metrics.EntriesAppended += uint64(len(commands))
}

// redirect sends a client to the leader, if another node is known to be that.
func (e *Engine) redirect(id ProposalID) {
	var leader Member
	if e.leader != e.cfg.ID { // as it is for one that stops while it leads
		leader, _ = e.Membership().Lookup(e.leader)
		leader.ID = e.leader
	}
	if e.tracing {
		e.tracef("%v does not lead and redirects a proposal to %v", e.cfg.ID, leader.ID)
	}
	e.out.add(e.out.redirects.put(Redirect{ID: id, Leader: leader.ID, Address: leader.Address}))
}

// whyNotPropose says why a leader refuses; zero when it does not.
func (e *Engine) whyNotPropose(commands [][]byte) RejectReason {
	for _, command := range commands {
		if len(command) > e.cfg.MaxCommandBytes {
			return RejectTooLarge
		}
	}
	if e.transfer.target != 0 || e.unapplied+e.batch.bytes > e.cfg.MaxUnappliedBytes {
		return RejectBusy
	}
	return 0
}

// appendOwn appends an entry of the leader at the end of its log.
func (e *Engine) appendOwn(entry Entry, configurations ...configurationAt) {
	entry.Term, entry.Index = e.state.Term, e.log.lastIndex()+1
	if e.tracing {
		e.tracef("%v appends %v %v", e.cfg.ID, entry.Position(), entry.Kind)
	}
	e.addToLog([]Entry{entry}, configurations)
}
