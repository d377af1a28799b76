package actors

import (
	"context"
	"fmt"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// Node is the handle of a running node for callers that think in calls. It may be used by many goroutines, and
// forgetting it stops nothing.
type Node[C, R any] struct {
	core  *core
	codec statemachine.Codec[C]
	calls sync.Pool
	reads sync.Pool
}

func newNode[C, R any](c *core, codec statemachine.Codec[C]) *Node[C, R] {
	return &Node[C, R]{
		core: c, codec: codec,
		calls: sync.Pool{New: func() any { return newCall[R]() }},
		reads: sync.Pool{New: func() any { return newReadCall[C, R]() }},
	}
}

// Write appends a command and returns its response once it is committed and applied here, or, where
// Config.ForwardProposals is on and another node leads, there. Errors:
// [NotLeaderError], [ErrNoLeader], [ErrBusy], [ErrShutdown], [ErrTooLarge], [ErrBadCommand], [ErrRejected] (not
// applied); [OutcomeUnknownError], [ErrDriverDead], [FatalError] (unknown). A context that was over before the command
// was handed over gives its own error, and the command is not applied; one that ends later gives an
// [OutcomeUnknownError] with the context's cause: test for [ErrOutcomeUnknown] before context.Canceled.
func (n *Node[C, R]) Write(ctx context.Context, command C) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	c := n.calls.Get().(*call[R])
	c.begin(1)
	if err := n.encode(c, 0, command); err != nil {
		n.recycle(c)
		return none, err
	}
	n.core.mailbox.PostUserMessage(&c.proposal)
	answered, err := c.wait(ctx)
	if !answered {
		return none, err
	}
	response := c.responses[0]
	n.recycle(c)
	return response, err
}

// Propose is Write under the name of the dissertation.
func (n *Node[C, R]) Propose(ctx context.Context, command C) (R, error) { return n.Write(ctx, command) }

// WriteBatch appends several commands as consecutive entries, all or none, and returns their responses in
// order. It may carry at most Config.MaxPendingProposals commands. Its errors are those of Write, for the batch
// as a whole: after an [OutcomeUnknownError] any prefix of it may have been applied.
func (n *Node[C, R]) WriteBatch(ctx context.Context, commands []C) ([]R, error) {
	if err := ctx.Err(); err != nil || len(commands) == 0 {
		return nil, err
	}
	c := n.calls.Get().(*call[R])
	c.begin(len(commands))
	for i, command := range commands {
		if err := n.encode(c, i, command); err != nil {
			n.recycle(c)
			return nil, fmt.Errorf("command %d of %d: %w", i, len(commands), err)
		}
	}
	n.core.mailbox.PostUserMessage(&c.proposal)
	answered, err := c.wait(ctx)
	if !answered {
		return nil, err
	}
	responses := c.responses
	if len(commands) == 1 {
		responses = []R{c.responses[0]}
	}
	n.recycle(c)
	if err != nil {
		return nil, err
	}
	return responses, nil
}

// encode makes the command's bytes, which the log keeps: they are never reused.
func (n *Node[C, R]) encode(c *call[R], slot int, command C) error {
	data, err := n.codec.Encode(nil, command)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	if len(data) > n.core.cfg.MaxCommandBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(data), n.core.cfg.MaxCommandBytes)
	}
	c.commands[slot] = data
	c.size += len(data)
	return nil
}

func (n *Node[C, R]) recycle(c *call[R]) {
	c.forget()
	n.calls.Put(c)
}

// Status asks the driver. It is answered also by a failed node.
func (n *Node[C, R]) Status(ctx context.Context) (Status, error) {
	q := statusQuestion{newFuture[Status]()}
	n.core.mailbox.PostUserMessage(q)
	return q.wait(ctx)
}

// NodeMetrics asks the driver.
func (n *Node[C, R]) NodeMetrics(ctx context.Context) (NodeMetrics, error) {
	q := metricsQuestion{newFuture[NodeMetrics]()}
	n.core.mailbox.PostUserMessage(q)
	return q.wait(ctx)
}

// Metrics returns the engine's counters.
func (n *Node[C, R]) Metrics(ctx context.Context) (engine.Metrics, error) {
	m, err := n.NodeMetrics(ctx)
	return m.Engine, err
}

// Leader names the leader that a node follows.
type Leader struct {
	ID      engine.NodeID
	Address string // of its transport, as the membership names it
	Term    engine.Term
}

// CurrentLeader returns the current leader hint without asking the driver; false when none is known.
func (n *Node[C, R]) CurrentLeader() (Leader, bool) {
	if l := n.core.leader.Load(); l != nil {
		return *l, true
	}
	return Leader{}, false
}

// Shutdown stops the node gracefully: new commands get [ErrShutdown], accepted ones are answered (for at most
// Config.ShutdownTimeout), everything durable is synced, the storage is closed and unlocked. It returns when the
// raft actor is gone, with nil also when it was gone before. When the context ends first, the shutdown goes on
// without its caller.
func (n *Node[C, R]) Shutdown(ctx context.Context) error {
	n.core.mailbox.PostUserMessage(&shutdownRequested{})
	select {
	case <-n.core.stopped:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when the node has ended: by Shutdown, by a stop of its actor, or by a fatal error.
func (n *Node[C, R]) Done() <-chan struct{} { return n.core.done }

// Err tells why the node ended: nil while it runs and after a clean stop, a [FatalError] after a failure.
func (n *Node[C, R]) Err() error {
	select {
	case <-n.core.done:
		return n.core.err
	default:
		return nil
	}
}

// PID returns the raft actor.
func (n *Node[C, R]) PID() *actor.PID { return n.core.pid }
