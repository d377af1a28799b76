package actors

import (
	"fmt"
	"maps"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// changeRequest asks for a change of the membership. It is refused, or it waits for its entry like a command.
type changeRequest interface {
	question
	replyPort
	change() engine.ConfigChange
}

// transferRequest asks for a transfer of leadership. It is refused, or told of the end.
type transferRequest interface {
	question
	target() engine.NodeID
	transferred()
}

// administration is what the engine was asked for and has not answered yet: at most one change and one transfer, and
// transfers that it is about to refuse.
type administration map[engine.ProposalID]question

// changeMembership asks the engine for a change.
func (d *driver) changeMembership(ctx actor.Context, q changeRequest) {
	if id, ok := d.administer(q); ok {
		d.step(ctx, &engine.ProposeConfigChange{Now: d.core.clock.Now(), ID: id, Change: q.change()})
	}
}

// transferLeadership asks the engine for a transfer.
func (d *driver) transferLeadership(ctx actor.Context, q transferRequest) {
	if id, ok := d.administer(q); ok {
		d.step(ctx, &engine.TransferLeadership{Now: d.core.clock.Now(), ID: id, Target: q.target()})
	}
}

// administer notes whom the engine's answer concerns.
func (d *driver) administer(q question) (engine.ProposalID, bool) {
	d.core.mailbox.booked()
	if err := d.refusal(); err != nil {
		q.refuse(err)
		return 0, false
	}
	d.batches++
	d.admin[d.batches] = q
	return d.batches, true
}

// administered returns what the engine answers. Anything but a request that waits is a bug.
func (d *driver) administered(id engine.ProposalID) question {
	q, found := d.admin[id]
	if !found {
		panic(fmt.Sprintf("actors: the engine answers request %d, which nobody waits for", id))
	}
	delete(d.admin, id)
	return q
}

// changeAccepted makes a change wait for its entry.
func (d *driver) changeAccepted(action *engine.ConfigChangeAccepted) {
	if q, ok := d.administered(action.ID).(changeRequest); ok {
		t := ticket{reply: q, count: 1}
		d.waiters.add(waiter{ticket: t, first: action.Position.Index, term: action.Position.Term})
	}
}

func (d *driver) transferDone(action *engine.TransferDone) {
	if q, ok := d.administered(action.ID).(transferRequest); ok {
		q.transferred()
	}
}

// redirect sends a batch of proposals, a change or a transfer elsewhere.
func (d *driver) redirect(action *engine.Redirect) {
	err := redirected(action.Leader, action.Address)
	if _, found := d.admin[action.ID]; found {
		d.administered(action.ID).refuse(err)
		return
	}
	d.refuse(action.ID, err)
}

// abandonAdministration answers what the engine will not answer any more.
func (d *driver) abandonAdministration(cause error) {
	for _, id := range slices.Sorted(maps.Keys(d.admin)) { // in one order, so that a simulated run can be repeated
		switch q := d.admin[id].(type) {
		case changeRequest:
			q.refuse(unknown(engine.Position{}, cause))
		default:
			q.refuse(fmt.Errorf("%w: %w", ErrTransferAborted, cause))
		}
	}
	clear(d.admin)
}

// refusedChange returns the error of a change that the leader refused.
func refusedChange(reason engine.ChangeRefusal) error {
	switch reason {
	case engine.RefuseNotReady:
		return ErrNotReady
	case engine.RefuseChangeInProgress:
		return ErrChangeInProgress
	case engine.RefuseBusy:
		return ErrBusy
	case engine.RefuseUnknownNode:
		return ErrUnknownNode
	case engine.RefuseAlreadyVoter:
		return ErrAlreadyVoter
	case engine.RefuseAlreadyLearner:
		return ErrAlreadyLearner
	case engine.RefuseNotLearner:
		return ErrNotLearner
	case engine.RefuseInvalidTarget:
		return ErrInvalidTargetMembership
	case engine.RefuseNotReached:
		return ErrNotReached
	case engine.RefuseTooFarBehind:
		return ErrTooFarBehind
	}
	return fmt.Errorf("%w: %v", ErrRejected, reason)
}

// failedTransfer returns the error of a transfer.
func failedTransfer(reason engine.TransferFailure) error {
	switch reason {
	case engine.TransferInvalidTarget:
		return ErrInvalidTarget
	case engine.TransferBusy:
		return ErrBusy
	case engine.TransferAborted:
		return ErrTransferAborted
	case engine.TransferTimedOut:
		return ErrTransferTimedOut
	}
	return fmt.Errorf("%w: %v", ErrTransferAborted, reason)
}

// changeCall is a change that a Go caller asked for.
type changeCall struct {
	*future[Receipt]
	asked   engine.ConfigChange
	receipt Receipt
}

func (q *changeCall) change() engine.ConfigChange { return q.asked }
func (q *changeCall) refuse(err error)            { q.resolve(Receipt{}, err) }

func (q *changeCall) put(_ uint64, _ int, response any) {
	if receipt, ok := response.(Receipt); ok {
		q.receipt = receipt
	}
}

func (q *changeCall) finish(_ uint64, err error) {
	if err != nil {
		q.refuse(err)
		return
	}
	q.resolve(q.receipt, nil)
}

// transferCall is a transfer that a Go caller asked for.
type transferCall struct {
	*future[struct{}]
	to engine.NodeID
}

func (q *transferCall) target() engine.NodeID { return q.to }
func (q *transferCall) refuse(err error)      { q.resolve(struct{}{}, err) }
func (q *transferCall) transferred()          { q.resolve(struct{}{}, nil) }
