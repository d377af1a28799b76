package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// read is one linearizable read on its way from the caller to its answer. It occupies a place of Config.MaxPendingReads
// from the moment the mailbox accepts it until it is answered.
type read struct {
	use  uint64
	port readPort
	room *readRoom // nil until accepted
}

// readPort is where a read is answered: a Go caller that waits, or the PID of an actor. One of the methods is called,
// once a use; a port that has gone on to another use, or whose caller has gone, ignores it.
type readPort interface {
	// serve runs the read against the machine and gives the answer. The apply actor calls it.
	serve(use uint64, machine any)
	// fail says why the read is not served.
	fail(use uint64, err error)
}

func (r *read) ticket() readTicket { return readTicket{port: r.port, use: r.use, room: r.room} }

// readTicket is the right and the duty to answer one use of a read, once. It is a copy, so that nothing of a pooled
// read is touched after its answer.
type readTicket struct {
	port readPort
	use  uint64
	room *readRoom
}

// serve and fail give the place back first: whoever has an answer finds room for its next read.
func (t readTicket) serve(machine any) {
	t.room.leave()
	t.port.serve(t.use, machine)
}

func (t readTicket) fail(err error) {
	if t.room != nil {
		t.room.leave()
	}
	t.port.fail(t.use, err)
}

// readRoom bounds the reads that are accepted and not answered.
type readRoom struct {
	limit int
	taken atomic.Int64
}

func (r *readRoom) enter() bool {
	if r.taken.Add(1) > int64(r.limit) {
		r.taken.Add(-1)
		return false
	}
	return true
}

func (r *readRoom) leave() {
	if r.taken.Add(-1) < 0 {
		panic("actors: a read was answered twice")
	}
}

func (r *readRoom) pending() int { return int(r.taken.Load()) }

// readBatch is everything that was queued in the lane of reads: one question to the engine, and one answer.
type readBatch struct{ reads []*read }

// readOrder is the reads of one batch, for the apply actor to serve behind everything ordered before. It is pooled:
// whoever answers the last of its reads gives it back.
type readOrder struct {
	tickets []readTicket
	next    int // the first one that is not answered
}

var readOrders = sync.Pool{New: func() any { return &readOrder{} }}

func newReadOrder(reads []*read) *readOrder {
	order := readOrders.Get().(*readOrder)
	for _, r := range reads {
		order.tickets = append(order.tickets, r.ticket())
	}
	return order
}

// take returns the next read that is not answered, and gives the order back when there is none.
func (o *readOrder) take() (t readTicket, ok bool) {
	if o.next < len(o.tickets) {
		o.next++
		return o.tickets[o.next-1], true
	}
	clear(o.tickets)
	o.tickets, o.next = o.tickets[:0], 0
	readOrders.Put(o)
	return t, false
}

func (o *readOrder) fail(err error) {
	for t, ok := o.take(); ok; t, ok = o.take() {
		t.fail(err)
	}
}

// serve runs the reads. One that panics takes none of the others with it; one that ends the goroutine has its answer,
// and leaves the others for the end of the actor.
func (o *readOrder) serve(machine any) {
	for t, ok := o.take(); ok; t, ok = o.take() {
		t.serve(machine)
	}
}

// recovered runs a closure of a user and returns its panic as an error.
func recovered(closure func()) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = &ReadPanicError{Value: recover(), Stack: debug.Stack()}
		}
	}()
	closure()
	returned = true
	return nil
}

// readCall is the port of a Go caller, pooled.
//
// Invariant: state moves from open to running to answered, from open to answered, or from open to abandoned, once a
// use, by compare-and-swap. Who moves it from open decides whether the closure runs at all.
type readCall[C, R any] struct {
	read
	view  func(statemachine.Machine[C, R])
	state atomic.Uint64 // use<<2 | phase
	done  chan struct{} // capacity 1: answering never blocks
	err   error
}

// callRunning is the phase of a read whose closure runs; the others are those of call.
const callRunning = 3

func newReadCall[C, R any]() *readCall[C, R] {
	c := &readCall[C, R]{done: make(chan struct{}, 1)}
	c.port = c
	return c
}

// begin makes the call ready for its next use.
func (c *readCall[C, R]) begin(closure func(statemachine.Machine[C, R])) {
	c.use++
	c.view, c.err, c.room = closure, nil, nil
	c.state.Store(c.use<<2 | callOpen)
}

func (c *readCall[C, R]) serve(use uint64, machine any) {
	if !c.state.CompareAndSwap(use<<2|callOpen, use<<2|callRunning) {
		return
	}
	defer c.answer(use) // also when the closure ends the goroutine
	c.err = errGoexit
	c.err = recovered(func() { c.view(machine.(statemachine.Machine[C, R])) })
}

func (c *readCall[C, R]) fail(use uint64, err error) {
	if c.state.CompareAndSwap(use<<2|callOpen, use<<2|callRunning) {
		c.err = err
		c.answer(use)
	}
}

func (c *readCall[C, R]) answer(use uint64) {
	c.state.Store(use<<2 | callAnswered)
	c.done <- struct{}{}
}

// wait returns when the read is answered, or when the context ends and the closure has not begun: then it never will.
func (c *readCall[C, R]) wait(ctx context.Context) (answered bool, err error) {
	select {
	case <-c.done:
		return true, c.err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(c.use<<2|callOpen, c.use<<2|callAbandoned) {
		return false, context.Cause(ctx)
	}
	<-c.done // it runs, or is answered
	return true, c.err
}

// ReadLinearizable runs view against the state machine at a point where it sees every write that was acknowledged, by
// any node, before the call. Only the leader serves reads. Nothing is written for one: the leader asks a majority
// whether it still leads, once for all reads that wait, or relies on its lease (Config.LeaseDurationTicks).
//
// View runs on the actor that applies commands, between two of them, so it should be quick; it must not change the
// machine, keep parts of it that later commands change, or call the node. When ReadLinearizable returns, view does not
// run and will not run any more. Its panic is returned as a [ReadPanicError] and harms nobody else; runtime.Goexit, as
// testing.T.FailNow does, ends the node.
//
// Errors, after all of which the read was not served and may be asked again: [NotLeaderError], [ErrNoLeader],
// [ErrNotReady], [ErrSteppedDown], [ErrBusy], [ErrShutdown], [ErrDriverDead], [FatalError], and the context's own.
func (n *Node[C, R]) ReadLinearizable(ctx context.Context, view func(machine statemachine.Machine[C, R])) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := n.reads.Get().(*readCall[C, R])
	c.begin(view)
	n.core.mailbox.PostUserMessage(&c.read)
	answered, err := c.wait(ctx)
	if answered {
		c.view, c.err = nil, nil
		n.reads.Put(c)
	}
	return err
}

// Query is [Node.ReadLinearizable] for a view of the machine's own type M that returns something:
//
//	value, err := actors.Query(ctx, node, func(m *store) string { return m.data[key] })
//
// A machine of another type makes it panic in the view: the error is a [ReadPanicError].
func Query[M statemachine.Machine[C, R], T, C, R any](ctx context.Context, n *Node[C, R], view func(machine M) T) (T, error) {
	var result T
	err := n.ReadLinearizable(ctx, func(machine statemachine.Machine[C, R]) { result = view(machine.(M)) })
	return result, err
}

// endOfRead turns the end of a life into the answer to a read that waited for something of it.
func endOfRead(cause error) error {
	switch {
	case cause == nil || errors.Is(cause, ErrStopped):
		return ErrShutdown
	case errors.Is(cause, ErrRestarted):
		return fmt.Errorf("%w: %w", ErrSteppedDown, cause)
	}
	return cause
}

// unserved turns what the engine says into what the caller is told.
func unserved(action *engine.ReadFailed) error {
	switch action.Reason {
	case engine.ReadNotLeader:
		return redirected(action.Leader, action.Address)
	case engine.ReadNotReady:
		return ErrNotReady
	case engine.ReadSteppedDown:
		return ErrSteppedDown
	}
	return fmt.Errorf("%w: %v", ErrNotReady, action.Reason)
}
