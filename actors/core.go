package actors

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/engine"
)

// core is what the incarnations of one raft actor and its handles share: it lives from spawn to stop, across
// restarts.
type core struct {
	cfg       Config
	app       application
	log       hclog.Logger // of the node's life
	engineLog hclog.Logger // of what the engine decides
	system    *actor.ActorSystem
	pid       *actor.PID

	mailbox    *mailbox
	dispatcher actor.Dispatcher
	named      func(actor string) actor.Dispatcher // nil, or what goes before dispatcher
	pool       *pool                               // the dispatcher, when it is the node's own
	clock      Clock
	random     engine.Random
	intercept  func(child string, message any)
	observer   Observer
	tickQueued atomic.Bool   // at most one tick is queued
	created    atomic.Bool   // the storage exists: a restart recovers it
	epoch      atomic.Uint64 // of the incarnation that lives now
	crowded    atomic.Uint64 // messages of peers beyond their quotas, dropped

	leader atomic.Pointer[Leader]

	// What outlives an incarnation. Written and read by the driver only, one incarnation after the other.
	failure  *FatalError // a failed node stays failed, whatever restarts its actor
	closing  bool        // a shutdown was asked for: an incarnation that follows a panic only stops
	panicked error       // the panic that the last incarnation ended with; nil once another one serves

	started  *future[struct{}] // resolved once: the node serves, or why it does not
	stopped  chan struct{}     // closed when the raft actor is gone
	done     chan struct{}     // closed when the node has ended: failed or stopped
	endOnce  sync.Once
	stopOnce sync.Once
	err      error // why it ended; written before done is closed
}

func newCore(cfg Config, app application) (*core, error) {
	c := &core{
		cfg:     cfg,
		app:     app,
		mailbox: newMailbox(cfg.MaxPendingProposals),
		started: newFuture[struct{}](),
		stopped: make(chan struct{}),
		done:    make(chan struct{}),
	}
	c.useLogger(cfg.Logger)
	c.mailbox.readRoom.limit = cfg.MaxPendingReads
	c.mailbox.adapt = c.adapt
	c.mailbox.panicked = func(reason any, stack []byte) {
		c.panicked = fmt.Errorf("panic: %v", reason)
		c.log.Error("raft actor panicked", "reason", reason, "stack", string(stack))
		c.mailbox.refuseInHand(fmt.Errorf("%w: %w", ErrBusy, c.panicked))
	}
	return c, c.useRuntime(cfg.Runtime)
}

func (c *core) useLogger(logger hclog.Logger) {
	if logger == nil {
		logger = hclog.NewNullLogger()
	}
	logger = logger.Named(rootLoggerName).With("node_id", uint64(c.cfg.ID), "cluster", c.cfg.Cluster)
	c.log, c.engineLog = logger.Named(nodeLoggerName), logger.Named(engineLoggerName)
}

func (c *core) useRuntime(r *Runtime) (err error) {
	if r == nil {
		r = &Runtime{}
	}
	c.clock, c.dispatcher, c.named, c.random = r.Clock, r.Dispatcher, r.Dispatchers, r.Random
	c.intercept, c.observer = r.intercept, r.Observer
	if c.clock == nil {
		c.clock = systemClock{}
	}
	if c.random == nil {
		c.random, err = systemRandom()
	}
	return err
}

// useDispatcher makes the node's own pool, unless the runtime brings a dispatcher. It is called at spawn, so
// that a core that never lived leaves no goroutine.
func (c *core) useDispatcher() {
	if c.dispatcher == nil && c.named == nil {
		c.pool = newPool(16)
		c.dispatcher = c.pool
	}
}

// dispatcherOf returns what runs the turns of one actor.
func (c *core) dispatcherOf(name string) actor.Dispatcher {
	if c.named != nil {
		return c.named(name)
	}
	return c.dispatcher
}

// end records why the node ended and closes done. The first reason stays.
func (c *core) end(err error) {
	c.endOnce.Do(func() {
		c.err = err
		c.leader.Store(nil)
		close(c.done)
	})
}

// lastWords returns why a raft actor that is being stopped has ended: nil, unless its supervisor gave it up.
func (c *core) lastWords() error {
	if c.panicked != nil && !c.closing {
		return fmt.Errorf("%w: %w", ErrDriverDead, c.panicked)
	}
	return nil
}

// stop marks the raft actor as gone.
func (c *core) stop() {
	c.stopOnce.Do(func() {
		c.end(c.lastWords())
		c.started.resolve(struct{}{}, ErrShutdown)
		close(c.stopped)
		if c.pool != nil {
			c.pool.close()
		}
	})
}
