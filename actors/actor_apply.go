package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// applyActor owns the state machine. It applies committed entries in log order and answers their callers
// directly.
type applyActor struct {
	core    *core
	life    *life
	mailbox *mailbox
	machine machine
	stream  stream
	failed  bool

	// waiters handed over and not answered, in log order. The first may be partly applied: a batch whose entries
	// came in several orders.
	waiters []waiter
	// reads that came after an entry could not be applied. They are answered when the life ends.
	stranded []*readOrder
}

// Receive implements actor.Actor.
func (a *applyActor) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case *actor.Started:
		a.renew()
	case applyMessage:
		a.handle(ctx, message)
	case *actor.Stopping, *actor.Restarting:
		a.core.guarded(applyName, a.abandon)
	}
}

func (a *applyActor) handle(ctx actor.Context, message applyMessage) {
	switch message := message.(type) {
	case *applyOrder:
		a.apply(ctx, message)
	case *readOrder:
		a.serve(message)
	case *relayedAnswer:
		message.tell(a.core.app)
	case *leadershipLost:
		a.abandonUnhanded(message.handed)
	case *captureSnapshot:
		a.capture(ctx, message)
	case *restoreSnapshot:
		a.restore(ctx, message)
	case *drainApply:
		ctx.Send(ctx.Parent(), &applyDrained{epoch: a.life.epoch})
	}
}

func (a *applyActor) apply(ctx actor.Context, order *applyOrder) {
	a.take(order)
	if a.failed {
		return
	}
	for i := range order.entries {
		if err := a.applyEntry(&order.entries[i]); err != nil {
			a.fail(ctx, err)
			return
		}
	}
	last := order.entries[len(order.entries)-1].Index
	ctx.Send(ctx.Parent(), &applied{epoch: a.life.epoch, index: last})
}

func (a *applyActor) fail(ctx actor.Context, err error) {
	a.failed = true
	ctx.Send(ctx.Parent(), &applyFailed{epoch: a.life.epoch, err: err})
}

// serve runs reads: everything that they have to see was ordered before them.
func (a *applyActor) serve(order *readOrder) {
	if a.failed {
		a.stranded = append(a.stranded, order)
		return
	}
	order.serve(a.machine.user())
}

// take makes the order's waiters those of the actor, once.
func (a *applyActor) take(order *applyOrder) {
	a.waiters = append(a.waiters, order.waiters...)
	order.waiters = nil
}

func (a *applyActor) applyEntry(e *engine.Entry) error {
	w := a.waiterFor(e)
	a.stream.position = e.Position()
	if e.Kind != engine.EntryCommand {
		return a.passOver(e, w)
	}
	if err := a.machine.apply(statemachine.ApplyContext{Index: uint64(e.Index), Term: uint64(e.Term)}, e.Data, w); err != nil {
		return err
	}
	if w != nil && w.last() == e.Index {
		a.pop().answer(nil)
	}
	return nil
}

// passOver takes an entry that the machine does not see. Who waits for a configuration gets its receipt.
func (a *applyActor) passOver(e *engine.Entry, w *waiter) error {
	if e.Kind != engine.EntryConfiguration {
		return nil
	}
	c, err := engine.DecodeConfiguration(e.Data)
	if err != nil {
		return err
	}
	a.stream.membership, a.stream.configurationIndex = c.Membership, e.Index
	if w == nil {
		return nil
	}
	w.reply.put(w.use, 0, Receipt{Position: e.Position(), Membership: c.Membership})
	a.pop().answer(nil)
	return nil
}

// waiterFor returns who waits for the entry, nil when nobody does. A waiter whose place another entry took is
// answered here: its command is certainly not applied, or, when part of its batch was, its end is unknown.
func (a *applyActor) waiterFor(e *engine.Entry) *waiter {
	if len(a.waiters) == 0 || e.Index < a.waiters[0].first {
		return nil
	}
	if w := &a.waiters[0]; w.term == e.Term {
		return w
	}
	w := a.pop()
	if w.first == e.Index {
		w.answer(fmt.Errorf("%w: another leader's entry %v was applied in its place", ErrRejected, e.Position()))
	} else {
		w.answer(unknown(w.position(), ErrLostLeadership))
	}
	return a.waiterFor(e)
}

func (a *applyActor) pop() waiter {
	w := a.waiters[0]
	a.waiters[0] = waiter{}
	a.waiters = a.waiters[1:]
	return w
}

// abandonUnhanded answers a batch of which only the first part was handed over when leadership ended: what became
// of the rest will not be seen here.
func (a *applyActor) abandonUnhanded(handed engine.Index) {
	for n := len(a.waiters); n > 0 && a.waiters[n-1].last() > handed; n-- {
		w := a.waiters[n-1]
		a.waiters = a.waiters[:n-1]
		w.answer(unknown(w.position(), ErrLostLeadership))
	}
}

// abandon answers whoever still waits, in orders that are queued as well, which protoactor would drop in silence.
// Their entries are committed, but nobody here will see what they answer.
func (a *applyActor) abandon() {
	for _, message := range a.mailbox.drainControl() {
		switch order := message.(type) {
		case *applyOrder:
			a.take(order)
		case *restoreSnapshot:
			a.waiters = append(a.waiters, order.waiters...)
		case *readOrder:
			a.stranded = append(a.stranded, order)
		case *relayedAnswer:
			order.tell(a.core.app)
		}
	}
	cause := a.life.ended()
	if cause == nil {
		cause = ErrStopped
	}
	for i := range a.waiters {
		w := &a.waiters[i]
		w.answer(unknown(w.position(), cause))
	}
	a.waiters = nil
	for _, order := range a.stranded {
		order.fail(endOfRead(cause))
	}
	a.stranded = nil
}
