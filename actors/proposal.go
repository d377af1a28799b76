package actors

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/yggr-go/yggr/engine"
)

// proposal is one client request on its way from the caller to its answer: one command, or several that are
// appended together.
//
// It occupies len(commands) places of the admission bound from the moment the mailbox accepts it until it is
// answered.
type proposal struct {
	commands [][]byte
	size     int // bytes of all commands
	use      uint64
	reply    replyPort
	admitted *admission // nil until accepted

	// relayedIn is the term for which another node sent it on: it is good for that one only, and goes no further. Zero: it
	// is of this node's clients.
	relayedIn engine.Term
}

// replyPort is where the answers of a proposal go: a Go caller that waits, or the PID of an actor.
//
// Every method names the use it answers. A port that has gone on to another use, or whose answer was given,
// ignores it, so that the first answer wins and none reaches the wrong caller.
type replyPort interface {
	// put stores the response to the command at slot. The apply actor calls it, in order of the slots.
	put(use uint64, slot int, response any)
	// finish gives the answer: the responses that were put, or why there are none.
	finish(use uint64, err error)
}

// ticket is the right and the duty to answer one use of a proposal, once. It is copied out of the proposal before
// that goes on, so that nothing of a pooled proposal is touched after its answer.
type ticket struct {
	reply    replyPort
	use      uint64
	count    int
	size     int
	admitted *admission
}

func (p *proposal) ticket() ticket {
	return ticket{reply: p.reply, use: p.use, count: len(p.commands), size: p.size, admitted: p.admitted}
}

// answer ends the proposal and gives its places back.
func (t ticket) answer(err error) {
	if t.admitted != nil {
		t.admitted.release(t.count, t.size)
	}
	t.reply.finish(t.use, err)
}

// maxProposalBytes bounds the commands of one proposal together.
const maxProposalBytes = 64 << 20

// maxPendingBytes bounds what is accepted and not yet answered, beside Config.MaxPendingProposals.
const maxPendingBytes = 256 << 20

// admission bounds what is accepted and not yet answered, in commands and in bytes.
//
// Invariant: commands and bytes are the sum over the proposals that were admitted and not answered.
type admission struct {
	limit    int
	mu       sync.Mutex
	commands int
	bytes    int
}

// possible reports whether the proposal fits into an empty admission.
func (a *admission) possible(p *proposal) bool {
	return len(p.commands) <= a.limit && p.size <= maxProposalBytes
}

// acquire takes the places of a proposal, or none.
func (a *admission) acquire(p *proposal) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.commands+len(p.commands) > a.limit || a.bytes+p.size > maxPendingBytes {
		return false
	}
	a.commands += len(p.commands)
	a.bytes += p.size
	return true
}

// release gives places back. More than were taken would let the bound erode unseen, so that is a panic.
func (a *admission) release(commands, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.commands -= commands
	a.bytes -= bytes
	if a.commands < 0 || a.bytes < 0 {
		panic("actors: a proposal was answered twice")
	}
}

// pending returns the number of commands that are accepted and not answered.
func (a *admission) pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.commands
}

// call is the reply port of a Go caller, pooled: no goroutine, no registry entry, no timer, and no allocation
// once the pool is warm.
//
// Invariant: state moves from open to answered or abandoned once a use, by compare-and-swap. Only the caller
// that received the answer puts the call back; an abandoned one is left to whoever still holds it.
type call[R any] struct {
	proposal
	state     atomic.Uint64 // use<<2 | phase
	done      chan struct{} // capacity 1: finish never blocks
	responses []R
	err       error
	one       [1]R
	command   [1][]byte
}

const (
	callOpen      = 0
	callAnswered  = 1
	callAbandoned = 2
)

func newCall[R any]() *call[R] {
	c := &call[R]{done: make(chan struct{}, 1)}
	c.reply = c
	return c
}

// begin makes the call ready for its next use, with room for n responses.
func (c *call[R]) begin(n int) {
	c.use++
	c.err = nil
	if n == 1 {
		c.commands = c.command[:]
		c.responses = c.one[:]
	} else {
		c.commands = make([][]byte, n)
		c.responses = make([]R, n)
	}
	c.size, c.admitted = 0, nil
	c.state.Store(c.use<<2 | callOpen)
}

// putTyped stores a response without boxing it.
func (c *call[R]) putTyped(use uint64, slot int, response R) {
	if c.state.Load() == use<<2|callOpen {
		c.responses[slot] = response
	}
}

func (c *call[R]) put(use uint64, slot int, response any) {
	if r, ok := response.(R); ok {
		c.putTyped(use, slot, r)
	}
}

func (c *call[R]) finish(use uint64, err error) {
	if !c.state.CompareAndSwap(use<<2|callOpen, use<<2|callAnswered) {
		return
	}
	c.err = err
	c.done <- struct{}{}
}

// wait returns when the answer is there, or with the reason that the context gives.
func (c *call[R]) wait(ctx context.Context) (answered bool, err error) {
	select {
	case <-c.done:
		return true, c.err
	case <-ctx.Done():
	}
	if c.state.CompareAndSwap(c.use<<2|callOpen, c.use<<2|callAbandoned) {
		return false, &OutcomeUnknownError{Cause: context.Cause(ctx)}
	}
	<-c.done // the answer won the race
	return true, c.err
}

// forget drops what the call refers to, so that the pool holds no user data.
func (c *call[R]) forget() {
	var none R
	c.one[0], c.command[0] = none, nil
	c.commands, c.responses, c.err = nil, nil, nil
}

// future is the reply port of a question to the driver, such as Status. It is used once.
type future[T any] struct {
	done  chan struct{}
	taken atomic.Bool
	value T
	err   error
}

func newFuture[T any]() *future[T] { return &future[T]{done: make(chan struct{})} }

func (f *future[T]) resolve(value T, err error) {
	if !f.taken.CompareAndSwap(false, true) {
		return
	}
	f.value, f.err = value, err
	close(f.done)
}

func (f *future[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// unknown is the answer to what was accepted at position and whose end nobody will see here.
func unknown(position engine.Position, cause error) error {
	if already, ok := errors.AsType[*OutcomeUnknownError](cause); ok {
		return already
	}
	return &OutcomeUnknownError{Index: position.Index, Term: position.Term, Cause: cause}
}
