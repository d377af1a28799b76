package engine

// TransferLeadership asks the leader to hand leadership to a voter, or to the one that holds most of its log if Target
// is zero (dissertation §3.10). Until it has ended the leader takes no proposals and no changes. It is answered by
// [Redirect] or [TransferFailed] in the same Step, or by [TransferDone] or [TransferFailed] in a later one: within an
// election timeout while this node leads, and another one after it stepped down.
type TransferLeadership struct {
	Now    Instant
	ID     ProposalID
	Target NodeID
}

// TransferDone says that the target leads.
type TransferDone struct {
	ID     ProposalID
	Leader NodeID
	Term   Term
}

// TransferFailed says that the transfer was not begun, or did not lead to the target's leadership. Who leads instead
// is told by [Status].
type TransferFailed struct {
	ID     ProposalID
	Reason TransferFailure
}

func (e *TransferLeadership) now() Instant { return e.Now }
func (*TransferLeadership) event()         {}
func (*TransferDone) action()              {}
func (*TransferFailed) action()            {}

// TransferFailure says why leadership was not transferred.
type TransferFailure uint8

const (
	// TransferInvalidTarget: the target is this node or no voter that may campaign; or there is no voter that
	// answers, where any would do. Nothing was begun.
	TransferInvalidTarget TransferFailure = 1
	// TransferBusy: another transfer is under way. Nothing was begun.
	TransferBusy TransferFailure = 2
	// TransferAborted: somebody else leads, or the target was found to have lost data.
	TransferAborted TransferFailure = 3
	// TransferTimedOut: an election timeout has passed. If this node still leads it takes proposals again. The
	// target may yet campaign: the request may only be late.
	TransferTimedOut TransferFailure = 4
)

// String names the reason.
func (f TransferFailure) String() string {
	switch f {
	case TransferInvalidTarget:
		return "invalid target"
	case TransferBusy:
		return "busy"
	case TransferAborted:
		return "aborted"
	case TransferTimedOut:
		return "timed out"
	}
	return "unknown"
}

// leadershipTransfer is one under way: of a leader, or of the follower that it became until it is known who won.
type leadershipTransfer struct {
	id      ProposalID
	target  NodeID // zero: none is under way
	elapsed int    // ticks
}

// transferLeadership begins a transfer. The target is brought up to date first, and nothing is appended meanwhile. What
// waits to be appended together is appended before, and not refused: it came first.
func (e *Engine) transferLeadership(id ProposalID, target NodeID) {
	if e.role != Leader {
		e.redirect(id)
		return
	}
	p := e.successor(target)
	switch {
	case e.transfer.target != 0:
		e.refuseTransfer(id, target, TransferBusy)
	case p == nil:
		e.refuseTransfer(id, target, TransferInvalidTarget)
	default:
		e.releaseBatch()
		if e.tracing {
			e.tracef("%v transfers leadership of term %d to %v, which holds %d of %v", e.cfg.ID, e.state.Term, p.ID, p.match, e.log.last())
		}
		e.transfer = leadershipTransfer{id: id, target: p.ID}
		e.replicateTo(p)
		e.handOver(p)
	}
}

func (e *Engine) refuseTransfer(id ProposalID, target NodeID, reason TransferFailure) {
	if e.tracing {
		e.tracef("%v refuses to transfer leadership to %v: %v", e.cfg.ID, target, reason)
	}
	e.out.add(&TransferFailed{ID: id, Reason: reason})
}

// successor returns the target as a follower that could lead; of those that answer the one that holds most if target
// is zero; nil if there is none.
func (e *Engine) successor(target NodeID) *progress {
	var best *progress
	for _, p := range e.followers {
		switch able := p.Role == Voter && p.Incarnation != 0 && p.state != dataLost; {
		case able && p.ID == target:
			return p
		case able && target == 0 && p.silence <= 2*e.cfg.HeartbeatIntervalTicks && (best == nil || p.match > best.match):
			best = p
		}
	}
	return best
}

// handOver asks the target of the transfer to campaign once it holds our whole log.
func (e *Engine) handOver(p *progress) {
	if p.match == e.log.lastIndex() {
		e.sendTimeoutNow(p)
	}
}

// sendTimeoutNow asks a voter to campaign. Its election passes the others' stickiness, so from now on nobody may rely
// on their patience in this term.
func (e *Engine) sendTimeoutNow(p *progress) {
	e.timeoutNowSent = true
	e.sendNow(p.ID, &TimeoutNow{Term: e.state.Term, Number: e.nextNumber()})
}

// transferTick gives the transfer up after an election timeout. Until then a leader repeats, at the pace of heartbeats,
// what may have been lost.
func (e *Engine) transferTick() {
	e.transfer.elapsed++
	if e.transfer.elapsed >= e.cfg.ElectionTimeoutMinTicks {
		e.failTransfer(TransferTimedOut)
		return
	}
	if e.role != Leader {
		return
	}
	switch p := e.successor(e.transfer.target); {
	case p == nil:
		e.failTransfer(TransferAborted)
	case e.transfer.elapsed%e.cfg.HeartbeatIntervalTicks == 0:
		e.handOver(p)
	}
}

// failTransfer ends the transfer without the target's leadership. A leader goes on where it stopped.
func (e *Engine) failTransfer(reason TransferFailure) {
	if e.tracing {
		e.tracef("%v ends the transfer of leadership to %v: %v", e.cfg.ID, e.transfer.target, reason)
	}
	e.out.add(&TransferFailed{ID: e.transfer.id, Reason: reason})
	e.transfer = leadershipTransfer{}
	if e.role == Leader && e.bindFounders() {
		e.replicate()
	}
}

// transferFollows judges the transfer by whom we follow now. A leader that steps down may hear of the new term from
// anybody, so only the next leader tells whose election it was.
func (e *Engine) transferFollows(leader NodeID) {
	switch leader {
	case 0:
		if e.role == Leader {
			e.transfer.elapsed = 0
		}
	case e.transfer.target:
		e.out.add(&TransferDone{ID: e.transfer.id, Leader: leader, Term: e.state.Term})
		e.transfer = leadershipTransfer{}
	default:
		e.failTransfer(TransferAborted)
	}
}
