package testkit

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// ErrUnanswered is what a [Result] without an answer gives.
var ErrUnanswered = errors.New("testkit: no answer yet")

// Result is the answer to a proposal, once it is there. Nothing waits for it: let the loop run, and look.
type Result[R any] struct {
	loop     *Loop
	asked    engine.Instant
	answered engine.Instant
	answers  int
	response R
	err      error
}

// Done reports whether the answer is there.
func (r *Result[R]) Done() bool { return r.answers > 0 }

// Get returns the answer: the machine's response, or one of the errors of actors.Node.Write. Before it is there the
// error is [ErrUnanswered].
func (r *Result[R]) Get() (R, error) {
	if !r.Done() {
		return r.response, ErrUnanswered
	}
	return r.response, r.err
}

// Err returns the error of Get.
func (r *Result[R]) Err() error {
	_, err := r.Get()
	return err
}

// Took returns how much virtual time the answer took.
func (r *Result[R]) Took() time.Duration { return time.Duration(r.answered - r.asked) }

func (r *Result[R]) end(err error) {
	r.answers++
	r.answered, r.err = r.loop.Now(), err
}

// Propose sends a command to a node and returns at once. What the node refuses without a turn, as a full proposal lane
// does, is answered when Propose returns; for the rest let the loop run.
func (c *Cluster[C, R]) Propose(to engine.NodeID, command C) *Result[R] {
	c.t.Helper()
	n := c.node(to)
	r := &Result[R]{loop: c.Loop, asked: c.Loop.Now()}
	if n.seat == nil {
		r.end(ErrDown)
		return r
	}
	n.waiting[r] = true
	c.ask(n, &actors.Propose{Command: command}, func(answer any) { c.take(n, r, command, answer) })
	return r
}

// take makes an answer the result. The second one to a proposal fails the test.
func (c *Cluster[C, R]) take(n *node[C, R], r *Result[R], command C, answer any) {
	if r.Done() {
		c.t.Errorf("testkit: %v answers %v twice, now with %v", n.id, command, answer)
		return
	}
	delete(n.waiting, r)
	switch answer := answer.(type) {
	case *actors.Proposed:
		response, ok := answer.Response.(R)
		if !ok {
			c.t.Errorf("testkit: the response to %v is a %T", command, answer.Response)
		}
		r.response = response
		r.end(nil)
	case *actors.ProposeFailed:
		r.end(answer.Err)
	default: // a dead letter: the actor is gone
		r.end(ErrDown)
	}
}

// Write proposes a command to the leader, which it awaits, and returns the response. The test fails if there is none
// after [Patience]; a proposal that was certainly not applied is repeated.
func (c *Cluster[C, R]) Write(command C) R {
	c.t.Helper()
	for {
		r := c.Propose(c.AwaitLeader(), command)
		c.Await(fmt.Sprintf("an answer to %v", command), r.Done)
		response, err := r.Get()
		switch {
		case err == nil:
			return response
		case errors.Is(err, actors.ErrOutcomeUnknown), errors.Is(err, actors.ErrFatal):
			c.t.Fatalf("testkit: write of %v: %v (seed %d)\n%s", command, err, c.options.Seed, c)
		default:
			c.Loop.Advance(50 * time.Millisecond)
		}
	}
}

// ask sends a message from a process of its own, which hears the answers.
func (c *Cluster[C, R]) ask(n *node[C, R], message any, hear func(answer any)) {
	c.asked++
	ear := ear(hear)
	pid, ok := c.system.ProcessRegistry.Add(ear, fmt.Sprintf("testkit/ask/%d", c.asked))
	if !ok {
		c.t.Fatalf("testkit: %v is taken", pid)
	}
	c.system.Root.RequestWithCustomSender(n.pid, message, pid)
}

// ear is a process that hears messages on their senders' turns: it needs none of its own.
type ear func(answer any)

// SendUserMessage implements [actor.Process].
func (e ear) SendUserMessage(_ *actor.PID, message any) {
	_, content, _ := actor.UnwrapEnvelope(message)
	e(content)
}

// SendSystemMessage implements [actor.Process].
func (ear) SendSystemMessage(*actor.PID, any) {}

// Stop implements [actor.Process].
func (ear) Stop(*actor.PID) {}
