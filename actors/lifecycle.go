package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// A driver starts in this order: persistence opens the storage, the engine is built from what it recovered, the
// transport opens, and only then do apply, ticker and snapshot start and clients are served.

func (d *driver) start(ctx actor.Context) {
	how, err := newStart(&d.core.cfg, d.core.random)
	if err != nil {
		d.fail(ctx, "start", err)
		return
	}
	if d.core.created {
		how.create = false // a restart after a panic recovers what this very node made
	}
	d.out = &outbox{}
	d.persistence = d.core.spawnChild(ctx, persistenceName, newWholeMailbox, func() actor.Actor {
		return &persistenceActor{core: d.core, epoch: d.epoch, out: d.out}
	})
	ctx.Send(d.persistence, &openStorage{start: how})
}

func (d *driver) storageOpened(ctx actor.Context, message *storageOpened) {
	if message.epoch != d.epoch || d.phase != starting {
		return
	}
	if message.err != nil {
		d.fail(ctx, "storage", message.err)
		return
	}
	d.core.created = true
	d.identity, d.metrics = message.identity, message.metrics
	eng, err := engine.New(d.core.cfg.engineConfig(d.identity.Incarnation, d.core.random, d.core.tracer()), engine.Recovered{
		Now:       d.core.clock.Now(),
		HardState: message.recovered.HardState,
		Base:      message.recovered.Base,
		Entries:   message.recovered.Entries,
		Commit:    message.recovered.Commit,
	})
	if err != nil {
		d.fail(ctx, "engine", err)
		return
	}
	d.engine = eng
	d.openTransport(ctx)
}

func (d *driver) openTransport(ctx actor.Context) {
	d.transporter = d.core.spawnChild(ctx, transportName, singleMailbox, func() actor.Actor {
		return &transportActor{core: d.core, epoch: d.epoch, out: d.out, routes: make(map[engine.NodeID]string)}
	})
	cfg := &d.core.cfg
	ctx.Send(d.transporter, &openTransport{hello: remote.Hello{
		Cluster:            d.identity.Cluster,
		Peer:               engine.Peer{ID: cfg.ID, Incarnation: d.identity.Incarnation},
		MinElectionTimeout: time.Duration(cfg.ElectionTimeoutMinTicks) * cfg.TickInterval,
		Epoch:              nonZero(d.core.random),
	}})
}

func (d *driver) transportOpened(ctx actor.Context, message *transportOpened) {
	if message.epoch != d.epoch {
		return
	}
	if message.err != nil {
		d.fail(ctx, "transport", message.err)
		return
	}
	d.transport = message.transport
	if d.phase != starting { // the transport came back after a failure
		ctx.Send(d.transporter, &setRoutes{members: d.view.membership})
		return
	}
	d.serve(ctx)
}

func (d *driver) serve(ctx actor.Context) {
	d.apply = d.core.spawnChild(ctx, applyName, singleMailbox, func() actor.Actor {
		return &applyActor{core: d.core, epoch: d.epoch}
	})
	d.snapshot = d.core.spawnChild(ctx, snapshotName, singleMailbox, func() actor.Actor { return &snapshotActor{} })
	d.startTicker(ctx)
	d.phase = serving
	d.publish(ctx)
	status := d.engine.Status()
	d.core.log.Info("serving", "address", d.transport.Address(), "cluster_id", d.identity.Cluster.String(),
		"term", uint64(status.Term), "last", status.Last.String(), "membership", status.Membership.String())
	d.core.started.resolve(struct{}{}, nil)
}

func (d *driver) startTicker(ctx actor.Context) {
	d.ticker = d.core.spawnChild(ctx, tickerName, singleMailbox, func() actor.Actor {
		return &tickerActor{core: d.core, epoch: d.epoch}
	})
}

// HandleFailure implements actor.SupervisorStrategy for the driver's children. A child that holds nothing durable
// is stopped and spawned anew, alone. A failed persistence actor may not be trusted with the disk again, and an
// apply actor would meet the same entry again: both end the node without a panic, so that no strategy above
// restarts it.
func (d *driver) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason, _ any,
) {
	supervisor.StopChildren(child)
	err := fmt.Errorf("panic: %v", reason)
	switch {
	case child.Equal(d.persistence):
		d.failSupervised(supervisor, persistenceName, err)
	case child.Equal(d.apply):
		d.failSupervised(supervisor, applyName, err)
	default:
		d.core.log.Error("actor failed and is started anew", "actor", child.GetId(), "reason", reason)
	}
}

// failSupervised is fail where there is a Supervisor and no Context.
func (d *driver) failSupervised(supervisor actor.Supervisor, op string, err error) {
	d.markFailed(op, err)
	supervisor.StopChildren(supervisor.Children()...)
}

// childFailed is a failure that an actor reports of itself.
func (d *driver) childFailed(ctx actor.Context, epoch uint64, op string, err error) {
	if epoch == d.epoch {
		d.fail(ctx, op, err)
	}
}

// childTerminated spawns a stateless child anew, or goes on with what waited for the child's end.
func (d *driver) childTerminated(ctx actor.Context, who *actor.PID) {
	switch {
	case d.phase == failed:
		d.failureComplete(ctx)
	case d.phase != serving && d.phase != draining:
	case who.Equal(d.ticker):
		d.startTicker(ctx)
	case who.Equal(d.snapshot):
		d.snapshot = d.core.spawnChild(ctx, snapshotName, singleMailbox, func() actor.Actor { return &snapshotActor{} })
	case who.Equal(d.transporter) && d.shutdown.stage == shutdownTransport:
		d.transportStopped(ctx)
	case who.Equal(d.transporter):
		d.out.reopen()
		d.openTransport(ctx)
	}
}

// fail ends the node for good. The raft actor stays: it answers Status with the cause and everything else with
// Fatal, until its parent stops it.
func (d *driver) fail(ctx actor.Context, op string, err error) {
	if !d.markFailed(op, err) {
		return
	}
	for _, child := range ctx.Children() {
		ctx.Stop(child)
	}
	d.failureComplete(ctx)
}

// failureComplete ends the node once every child is gone: only then is the storage closed and unlocked.
func (d *driver) failureComplete(ctx actor.Context) {
	if len(ctx.Children()) > 0 {
		return
	}
	d.core.end(d.err)
	if d.shutdown.stage != shutdownNone { // it failed while it was shutting down
		ctx.Stop(ctx.Self())
	}
}

func (d *driver) markFailed(op string, err error) bool {
	if d.phase == failed || d.phase == ended {
		return false
	}
	d.err = &FatalError{Op: op, Err: err}
	d.core.log.Error("node failed", "op", op, "error", err)
	d.release(d.err)
	d.phase = failed
	d.core.mailbox.hold(false)
	d.core.mailbox.refuseProposals(d.err)
	d.core.leader.Store(nil)
	d.core.started.resolve(struct{}{}, d.err)
	d.core.system.EventStream.Publish(&Fatal{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Err: d.err})
	return true
}

// release lets go of the engine: from here on it gets no event and nothing is sent.
func (d *driver) release(cause error) {
	if d.out != nil {
		d.out.close()
	}
	d.engine, d.order = nil, nil
	d.refuse(cause)
	d.waiters.fail(cause)
}

// end is the last thing an incarnation does before protoactor stops or restarts it.
func (d *driver) end(cause error) {
	if d.phase != failed {
		d.release(cause)
	}
	d.phase = ended
	d.core.tickQueued.Store(false)
}

// stopping refuses, now and for ever, whoever still comes.
func (d *driver) stopping() {
	d.end(ErrShutdown)
	d.core.mailbox.close(ErrShutdown)
}

// restarting leaves what is queued for the next incarnation, which reads the durable state again and has a fresh
// machine and fresh children. What was accepted ends here.
func (d *driver) restarting() {
	d.core.log.Error("raft actor is restarted from its durable state")
	d.end(ErrRestarted)
	d.core.mailbox.hold(false)
}

// Fatal is published on the actor system's event stream when a node fails for good.
type Fatal struct {
	ID      engine.NodeID
	Cluster string
	Err     error // a *FatalError
}
