package engine

// incomingSnapshot is what a follower was offered and told its host to receive.
type incomingSnapshot struct {
	from     NodeID // the leader
	term     Term   // of the offer: with the term the transfer ends
	number   SendNumber
	transfer TransferID
	snapshot SnapshotMeta
}

// recvSnapshotOffer considers a snapshot that the leader has in place of entries that it lacks (dissertation §5.1).
func (e *Engine) recvSnapshotOffer(from Peer, m *SnapshotOffer) {
	if m.Term == 0 || m.Transfer == 0 || m.Snapshot.Position.Term > m.Term || !m.Snapshot.useful() || m.Snapshot.Validate() != nil {
		if e.tracing {
			e.tracef("%v drops a malformed offer of %v", e.cfg.ID, from.ID)
		}
		return
	}
	if !e.acceptLeader(from, m.Term) {
		// Without a number: see rejectAppend.
		e.sendNow(from.ID, &SnapshotOfferResponse{Term: e.state.Term, Transfer: m.Transfer, Verdict: SnapshotRefused})
		return
	}
	if e.fatal || e.contradicts(from, m) {
		return
	}
	offer := incomingSnapshot{from: from.ID, term: m.Term, number: m.Number, transfer: m.Transfer, snapshot: m.Snapshot}
	switch {
	case e.has(&offer):
		e.answerHeld(&offer)
	case e.incoming.term == m.Term && m.Number < e.incoming.number: // overtaken by the offer that we took
	default:
		e.receiveSnapshot(offer)
	}
}

// contradicts stops this node if the snapshot names another entry where we have committed one.
func (e *Engine) contradicts(from Peer, m *SnapshotOffer) bool {
	theirs := m.Snapshot.Position
	term, known := e.log.term(theirs.Index)
	if !known || theirs.Index > e.commit || term == theirs.Term {
		return false
	}
	e.stop(e.committedConflict(from, m.Term, theirs))
	return true
}

// has reports whether nothing of a snapshot is news. It is judged by the commit index and not by what is applied: the
// state machine is behind, but what it will be given is decided. A log that holds the snapshot's last entry agrees
// with everything in it (Log Matching, dissertation §3.5), so if it is not known to be committed it is now, and the
// log, which may reach further, stays.
func (e *Engine) has(offer *incomingSnapshot) bool {
	last := offer.snapshot.Position
	if last.Index <= e.commit {
		return true
	}
	if term, known := e.log.term(last.Index); !known || term != last.Term {
		return false
	}
	e.commitUpTo(last.Index, offer.from)
	return true
}

// receiveSnapshot tells the host what to expect. An offer that is repeated is asked again too: only the host knows how
// much of it is here.
func (e *Engine) receiveSnapshot(offer incomingSnapshot) {
	if e.incoming.transfer != 0 && e.incoming.transfer != offer.transfer {
		e.abort(e.incoming.transfer)
	}
	if e.tracing {
		e.tracef("%v wants snapshot %v of %v", e.cfg.ID, offer.snapshot, offer.from)
	}
	e.incoming = offer
	e.out.add(&ReceiveSnapshot{From: offer.from, Transfer: offer.transfer, Snapshot: offer.snapshot})
}

// snapshotExpected accepts an offer once the host has said from where on it needs the bytes.
func (e *Engine) snapshotExpected(ev *SnapshotExpected) {
	if in := &e.incoming; in.transfer == ev.Transfer && in.transfer != 0 {
		e.sendNow(in.from, &SnapshotOfferResponse{
			Term: e.state.Term, Number: in.number, Transfer: in.transfer, Verdict: SnapshotAccepted, Offset: ev.Offset,
		})
	}
}

// snapshotReceived installs a snapshot that has arrived, or tells the leader that it has not.
func (e *Engine) snapshotReceived(ev *SnapshotReceived) {
	in := e.incoming
	if in.transfer != ev.Transfer || in.transfer == 0 {
		return
	}
	e.incoming = incomingSnapshot{}
	switch {
	case ev.Err != nil:
		if e.tracing {
			e.tracef("%v cannot receive snapshot %v: %v", e.cfg.ID, in.snapshot, ev.Err)
		}
		e.sendNow(in.from, &SnapshotOfferResponse{Term: e.state.Term, Number: in.number, Transfer: in.transfer, Verdict: SnapshotRefused})
	case e.has(&in):
		e.discard(in.snapshot.ID)
		e.answerHeld(&in)
	default:
		e.install(&in)
		e.answerHeld(&in)
	}
}

// answerHeld acknowledges everything up to our commit index. That is a match index, and so a promise.
func (e *Engine) answerHeld(offer *incomingSnapshot) {
	e.sendDurable(offer.from, &SnapshotOfferResponse{
		Term: e.state.Term, Number: offer.number, Transfer: offer.transfer, Verdict: SnapshotHeld, Match: e.commit,
	})
}

// install puts a snapshot in the place of the whole log: what is left of it lacks the snapshot's last entry or holds
// another one there, so none of it behind can be what the cluster has (dissertation §5.1). The state machine gets the
// snapshot behind everything that it was handed before, when the switch is durable.
func (e *Engine) install(in *incomingSnapshot) {
	s := in.snapshot
	if e.tracing {
		e.tracef("%v installs snapshot %v of %v in place of its log %v..%v", e.cfg.ID, s, in.from, e.log.base, e.log.last())
	}
	named := e.named()
	e.log.restart(s.Position, s.configuration())
	e.snapshot = s
	e.unapplied, e.applying, e.sinceSnapshot = 0, 0, 0
	e.saveState()
	e.saveSnapshot(e.disk.writeSnapshot(e.commit, s.Position.Index, e.now), false)
	e.commitUpTo(s.Position.Index, in.from)
	e.labelInstalled(named)
	e.metrics.SnapshotsInstalled++
	e.resetHints()
}

// checkIncoming ends a transfer that has lost its purpose: another term or role has come, or entries have caught up.
// Only followers install, and only what their leader offered.
func (e *Engine) checkIncoming() {
	in := &e.incoming
	if e.role == Follower && e.state.Term == in.term && e.commit < in.snapshot.Position.Index {
		return
	}
	if e.tracing {
		e.tracef("%v no longer wants snapshot %v of %v", e.cfg.ID, in.snapshot, in.from)
	}
	e.abort(in.transfer)
	e.incoming = incomingSnapshot{}
}
