package engine

// TransferID names one transfer of a snapshot from a leader to a follower. It is drawn at random by the leader, so
// that no chunk of another transfer, term or life can be taken for one of this. It stays while the transfer is
// interrupted and resumed.
type TransferID uint64

// transfer is one snapshot on its way to a follower, as its leader sees it. It dies with the leadership.
//
//	           accepted                 sent
//	offered ─────────────▶ sending ─────────────▶ delivered
//	   ▲  │ refused           │ failed                │ refused, or no news
//	   │  ▼                   ▼                       ▼
//	   └──────────────────── resting ◀────────────────┘
//	    heartbeat answered, and the rest is over
//
// From every state it ends when the follower says that it holds the snapshot or all that is in it, when entries
// caught it up, when it is silent for too long, is removed, or when the log behind the snapshot had to go.
//
// Invariant: the snapshot stays the same for the life of the transfer, whatever newer one this node has by now. With
// the log behind it pinned, a transfer that is slower than the log grows still ends with a follower that entries can
// catch up.
type transfer struct {
	id       TransferID
	snapshot SnapshotMeta
	phase    transferPhase
	since    SendNumber // of the first offer of this attempt: answers to earlier ones do not count
}

type transferPhase uint8

const (
	resting   transferPhase = iota // nothing is under way
	offered                        // no answer yet
	sending                        // by our host; it will tell how that ended
	delivered                      // the follower is about to install it
)

// needSnapshot notes that entries cannot catch a follower up: it lacks what our log no longer has.
func (e *Engine) needSnapshot(p *progress) {
	if e.tracing {
		e.tracef("%v cannot catch %v up by entries: it lacks %d, our log begins after %v", e.cfg.ID, p.ID, p.next, e.log.base)
	}
	p.rewind(p.next, e.sendNumber)
	p.state = installing
}

// leaveBehind finds the followers that need what was just dropped. They are offered the snapshot when they give the
// next sign of life.
func (e *Engine) leaveBehind() {
	for _, p := range e.followers {
		if p.next <= e.log.base.Index && (p.state == probing || p.state == replicating) {
			e.needSnapshot(p)
		}
	}
}

// offerSnapshot offers a follower our newest snapshot, or once more the one of the transfer under way. It is called
// on a sign of life of the follower, and does nothing while the host is sending or the rest is not over.
func (e *Engine) offerSnapshot(p *progress) {
	if p.rest > 0 || p.transfer != nil && p.transfer.phase == sending {
		return
	}
	number := e.nextNumber()
	if p.transfer == nil {
		p.transfer = &transfer{id: e.newTransferID(), snapshot: e.snapshot}
	}
	t := p.transfer
	if t.phase != offered {
		t.phase, t.since = offered, number
	}
	p.sentNumber = number
	e.restTransfer(p)
	if e.tracing {
		e.tracef("%v offers %v its snapshot %v", e.cfg.ID, p.ID, t.snapshot)
	}
	e.sendNow(p.ID, &SnapshotOffer{Term: e.state.Term, Number: number, Transfer: t.id, Snapshot: t.snapshot})
}

// newTransferID draws a transfer id.
func (e *Engine) newTransferID() TransferID { return TransferID(max(1, e.cfg.Random.Uint64())) }

// restTransfer lets an election timeout pass before anything is offered again.
func (e *Engine) restTransfer(p *progress) { p.rest = e.cfg.ElectionTimeoutMinTicks }

// recvSnapshotOfferResponse takes in what a follower says to an offer, or later of what it came to.
func (e *Engine) recvSnapshotOfferResponse(from Peer, m *SnapshotOfferResponse) {
	p := e.follower(from.ID)
	if e.role != Leader || p == nil {
		e.answeredByStranger(from)
		return
	}
	if !p.is(from.Incarnation) || p.state == dataLost {
		return
	}
	p.answered()
	if m.Verdict == SnapshotHeld {
		e.snapshotHeld(p, m)
		return
	}
	t := p.transfer
	if t == nil || t.id != m.Transfer || m.Number < t.since {
		return
	}
	switch {
	case m.Verdict == SnapshotAccepted && t.phase == offered && m.Offset <= t.snapshot.Size:
		t.phase = sending
		if e.tracing {
			e.tracef("%v sends %v its snapshot %v from byte %d on", e.cfg.ID, p.ID, t.snapshot, m.Offset)
		}
		e.out.add(&SendSnapshot{
			To: p.ID, Transfer: t.id, Snapshot: t.snapshot, Offset: m.Offset, Verify: t.snapshot.ID == e.doubted,
		})
	case m.Verdict == SnapshotRefused && (t.phase == offered || t.phase == delivered):
		if e.tracing {
			e.tracef("%v hears that %v cannot take snapshot %v now", e.cfg.ID, p.ID, t.snapshot)
		}
		t.phase = resting
		e.restTransfer(p)
	}
}

// snapshotHeld takes in that a follower holds everything up to match durably: it has installed the snapshot, or had
// all of it before. That is an acknowledgement like that of an append.
func (e *Engine) snapshotHeld(p *progress, m *SnapshotOfferResponse) {
	if m.Match > e.log.lastIndex() {
		if e.tracing {
			e.tracef("%v ignores that %v acknowledges %d, beyond %v", e.cfg.ID, p.ID, m.Match, e.log.last())
		}
		return
	}
	if t := p.transfer; t != nil && t.id == m.Transfer && t.snapshot.ID == e.doubted {
		e.doubted = 0
	}
	p.acknowledge(m.Match, e.sendNumber)
	e.advanceCommit()
	if p.state != installing {
		return
	}
	if p.match < e.log.base.Index {
		return // the log behind that snapshot is gone: a transfer under way is of a newer one
	}
	p.catchingUp = true
	e.resumeReplication(p)
}

// resumeReplication goes on with entries: the follower holds all that our log no longer has.
func (e *Engine) resumeReplication(p *progress) {
	e.endTransfer(p)
	p.replicate()
	if e.tracing {
		e.tracef("%v replicates to %v from %d on", e.cfg.ID, p.ID, p.next)
	}
	e.replicateTo(p)
	e.announceCommitTo(p)
}

// snapshotSent takes in how the host's attempt to send a snapshot ended.
func (e *Engine) snapshotSent(result *SnapshotSendResult) {
	for _, p := range e.followers {
		t := p.transfer
		if t == nil || t.id != result.Transfer || t.phase != sending {
			continue
		}
		e.restTransfer(p)
		if result.Err == nil {
			t.phase, e.doubted = delivered, t.snapshot.ID
			e.metrics.SnapshotsSent++
			return
		}
		if e.tracing {
			e.tracef("%v could not send %v its snapshot %v: %v", e.cfg.ID, p.ID, t.snapshot, result.Err)
		}
		t.phase = resting
		if result.Unreadable {
			p.transfer = nil
		}
	}
}

// endTransfer forgets the transfer to a follower, and stops the host if it is still sending.
func (e *Engine) endTransfer(p *progress) {
	t := p.transfer
	if t == nil {
		return
	}
	p.transfer = nil
	if t.phase == sending {
		e.abort(t.id)
	}
}

// endTransfers ends the transfers to all followers.
func (e *Engine) endTransfers() {
	for _, p := range e.followers {
		e.endTransfer(p)
	}
}

func (e *Engine) abort(id TransferID) {
	e.out.add(&AbortSnapshot{Transfer: id})
}

// tickTransfers lets the rests pass, and gives up on followers that are dead: what is pinned for them grows.
func (e *Engine) tickTransfers() {
	for _, p := range e.followers {
		p.rest = max(0, p.rest-1)
		if p.transfer != nil && e.givenUp(p) {
			if e.tracing {
				e.tracef("%v gives up on sending %v a snapshot: no answer for %d ticks", e.cfg.ID, p.ID, p.silence)
			}
			e.endTransfer(p)
		}
	}
}

// givenUp reports whether a follower has been silent for ten of the longest election timeouts: long enough for a
// process to be restarted, too long to keep a log for.
func (e *Engine) givenUp(p *progress) bool { return p.silence > 10*e.cfg.ElectionTimeoutMaxTicks }

// pinOf returns the index behind which our log must stay for a follower that is being brought up by a snapshot:
// the position of that snapshot, and afterwards the follower's own, until the trailing log is enough for it.
func (e *Engine) pinOf(p *progress) (index Index, pinned bool) {
	if p.catchingUp && (e.givenUp(p) || p.match+Index(e.cfg.TrailingLogEntries) >= e.log.lastIndex()) {
		p.catchingUp = false
	}
	switch {
	case p.transfer != nil:
		return p.transfer.snapshot.Position.Index, true
	case p.catchingUp:
		return p.match, true
	}
	return 0, false
}

// unpin lets the log go that a follower would need: it has grown beyond what may be kept for one. A transfer under
// way has become useless, for nothing could follow what it brings; the next one begins with the newest snapshot.
func (e *Engine) unpin(p *progress) {
	if e.tracing {
		e.tracef("%v keeps its log no longer for %v: more than %d bytes", e.cfg.ID, p.ID, e.cfg.MaxPinnedBytes)
	}
	p.catchingUp = false
	e.endTransfer(p)
}
