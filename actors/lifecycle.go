package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// A driver starts in this order: persistence opens the storage, the engine is built from what it recovered, the apply
// actor restores the snapshot if there is one, the transport opens, and only then do ticker and snapshot start and
// clients are served.

func (d *driver) start(ctx actor.Context) {
	switch {
	case d.core.failure != nil: // restarted by a strategy that does not ask why; the cause has not gone away
		d.phase = failed
		return
	case d.core.closing:
		ctx.Stop(ctx.Self())
		return
	}
	how, err := newStart(&d.core.cfg, d.core.random)
	if err != nil {
		d.fail(ctx, "start", err)
		return
	}
	if d.core.created.Load() {
		how.create = false // a restart recovers what this very node made
	}
	d.persistence = d.core.spawnChild(ctx, persistenceName, newWholeMailbox(), func() actor.Actor {
		return &persistenceActor{core: d.core, life: d.life}
	})
	ctx.Send(d.persistence, &openStorage{start: how})
}

func (d *driver) storageOpened(ctx actor.Context, message *storageOpened) {
	if message.epoch != d.life.epoch || d.phase != starting {
		return
	}
	if message.err != nil {
		d.fail(ctx, "storage", message.err)
		return
	}
	d.identity, d.storage = message.identity, message.gauges
	d.keepSnapshots(message.snapshots)
	recovered := engine.Recovered{
		Now:       d.core.clock.Now(),
		HardState: message.recovered.HardState,
		Base:      message.recovered.Base,
		Entries:   message.recovered.Entries,
		Commit:    message.recovered.Commit,
		Snapshot:  message.snapshots.label,
	}
	cfg := d.core.cfg.engineConfig(d.identity.Incarnation, d.core.random, d.core.tracer())
	eng, err := engine.New(cfg, recovered)
	if err != nil {
		d.fail(ctx, "engine", err)
		return
	}
	if d.core.observer != nil {
		d.core.observer.Started(engine.Peer{ID: d.core.cfg.ID, Incarnation: d.identity.Incarnation}, recovered)
	}
	d.engine = eng
	d.startApply(ctx)
	if message.snapshots.label.ID != 0 {
		d.restoreSnapshot(ctx, message.snapshots.label)
		return
	}
	d.openTransport(ctx)
}

func (d *driver) startApply(ctx actor.Context) {
	box := newMailbox(0)
	d.apply = d.core.spawnChild(ctx, applyName, box, func() actor.Actor {
		return &applyActor{core: d.core, life: d.life, mailbox: box}
	})
}

func (d *driver) openTransport(ctx actor.Context) {
	d.transporter = d.core.spawnChild(ctx, transportName, newMailbox(0), func() actor.Actor {
		return &transportActor{core: d.core, life: d.life, routes: make(map[engine.NodeID]string)}
	})
	cfg := &d.core.cfg
	ctx.Send(d.transporter, &openTransport{hello: remote.Hello{
		Cluster:            d.identity.Cluster,
		Peer:               engine.Peer{ID: cfg.ID, Incarnation: d.identity.Incarnation},
		MinElectionTimeout: time.Duration(cfg.ElectionTimeoutMinTicks) * cfg.TickInterval,
		Epoch:              nonZero(d.core.random),
	}})
}

// transportOpened goes on with the start, or with a transport that came back after a failure. That one is tried
// again at the next tick when it does not open: the node still has its log, and its peers may reach it later.
func (d *driver) transportOpened(ctx actor.Context, message *transportOpened) {
	switch {
	case message.epoch != d.life.epoch || d.engine == nil:
	case d.transporter == nil: // it has died since; another one comes at a tick
	case message.err != nil && d.phase == starting:
		d.fail(ctx, "transport", message.err)
	case message.err != nil:
		d.core.log.Error("transport does not open; trying again", "error", message.err)
		ctx.Stop(d.transporter)
	default:
		d.transport = message.transport
		if d.phase == starting && !d.serve(ctx) {
			return
		}
		d.pin()
		ctx.Send(d.transporter, &setRoutes{members: d.view.membership})
	}
}

// serve starts the rest of the children and lets clients in. It reports whether the node still serves: what peers have
// said meanwhile may have failed it.
func (d *driver) serve(ctx actor.Context) bool {
	d.startSnapshot(ctx)
	d.startTransfers(ctx)
	d.startTicker(ctx)
	d.phase = serving
	d.core.panicked = nil
	d.publish(ctx)
	status := d.engine.Status()
	d.core.log.Info("serving", "address", d.transport.Address(), "cluster_id", d.identity.Cluster.String(),
		"term", uint64(status.Term), "last", status.Last.String(), "membership", status.Membership.String())
	for _, hello := range d.early {
		if d.meet(ctx, hello); d.phase != serving {
			return false
		}
	}
	d.early = nil
	d.core.started.resolve(struct{}{}, nil)
	return true
}

func (d *driver) startTicker(ctx actor.Context) {
	d.ticker = d.core.spawnChild(ctx, tickerName, newMailbox(0), func() actor.Actor {
		return &tickerActor{core: d.core, epoch: d.life.epoch}
	})
}

func (d *driver) startSnapshot(ctx actor.Context) {
	box := newMailbox(0)
	d.snapshot = d.core.spawnChild(ctx, snapshotName, box, func() actor.Actor {
		return &snapshotActor{core: d.core, life: d.life, mailbox: box, store: d.snapshots.store}
	})
}

// HandleFailure implements actor.SupervisorStrategy for the driver's children. A child that holds nothing durable
// is stopped and spawned anew, alone. A failed persistence actor may not be trusted with the disk again, and an
// apply actor would meet the same entry again: both end the node without a panic, so that no strategy above
// restarts it.
func (d *driver) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason, _ any,
) {
	ctx, ok := supervisor.(actor.Context)
	if !ok {
		panic(fmt.Sprintf("actors: a %T supervises", supervisor))
	}
	switch err := fmt.Errorf("panic: %v", reason); { // the cause is known before the child is stopped
	case child.Equal(d.persistence):
		d.fail(ctx, persistenceName, err)
	case child.Equal(d.apply):
		d.fail(ctx, applyName, err)
	}
	supervisor.StopChildren(child)
}

// childFailed is a failure that an actor reports of itself.
func (d *driver) childFailed(ctx actor.Context, epoch uint64, op string, err error) {
	if epoch == d.life.epoch {
		d.fail(ctx, op, err)
	}
}

// childTerminated spawns a stateless child anew, or goes on with what waited for the child's end. A transport
// comes back at the next tick, so that one that cannot live is not tried in a hot loop.
func (d *driver) childTerminated(ctx actor.Context, who *actor.PID) {
	switch {
	case d.phase == failed:
		d.failureComplete(ctx)
	case d.phase == starting && who.Equal(d.transporter):
		d.fail(ctx, "transport", errTransportDied)
	case d.phase != serving && d.phase != draining:
	case who.Equal(d.ticker):
		d.startTicker(ctx)
	case who.Equal(d.snapshot) && d.shutdown.stage == shutdownClose:
		ctx.Send(d.persistence, &closeStorage{})
	case who.Equal(d.snapshot):
		d.snapshotActorDied(ctx)
		d.startSnapshot(ctx)
	case who.Equal(d.transfers.pid) && d.shutdown.stage == shutdownClose:
		ctx.Stop(d.snapshot)
	case who.Equal(d.transfers.pid):
		d.transfersFailed(ctx)
	case who.Equal(d.transporter):
		d.transporter = nil
		if d.shutdown.stage == shutdownTransport {
			d.transportStopped(ctx)
		}
	}
}

var errTransportDied = errors.New("actors: transport actor died while it started")

// reviveTransport spawns a transport anew when there is none.
func (d *driver) reviveTransport(ctx actor.Context) {
	if d.transporter == nil && d.phase == serving {
		d.core.log.Warn("transport is started anew")
		d.openTransport(ctx)
	}
}

// fail ends the node for good. The raft actor stays: it answers Status with the cause and everything else with
// Fatal, until its parent stops it.
func (d *driver) fail(ctx actor.Context, op string, err error) {
	if d.phase == failed || d.phase == ended {
		return
	}
	failure := &FatalError{Op: op, Err: err}
	d.core.failure = failure
	d.phase = failed
	d.core.log.Error("node failed", "op", op, "error", err)
	d.release(failure)
	d.core.mailbox.hold(false)
	d.core.mailbox.refuseWork(failure)
	for _, child := range ctx.Children() {
		ctx.Stop(child)
	}
	d.failureComplete(ctx)
}

// failureComplete ends the node once every child is gone: only then is the storage closed and unlocked, and only
// then does anybody hear of it.
func (d *driver) failureComplete(ctx actor.Context) {
	if len(ctx.Children()) > 0 {
		return
	}
	d.core.end(d.core.failure)
	d.core.started.resolve(struct{}{}, d.core.failure)
	d.announce(&Fatal{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Err: d.core.failure})
	if d.core.closing { // it failed while it was shutting down
		ctx.Stop(ctx.Self())
	}
}

// release lets go of the engine: from here on it gets no event and nothing is sent, and whoever was accepted is
// answered.
func (d *driver) release(cause error) {
	d.life.end(cause)
	d.engine, d.order = nil, nil
	d.core.leader.Store(nil)
	d.abandonInquiries(cause)
	d.abandonAdministration(cause)
	d.endSnapshotWith(endOfRead(cause))
	d.waiters.fail(cause)
	d.forwards.fail(cause, func(*forwarded) bool { return true })
	d.reads.fail(endOfRead(cause))
}

// stopping refuses, now and for ever, whoever still comes.
func (d *driver) stopping() {
	refusal := ErrShutdown
	switch words := d.core.lastWords(); {
	case d.core.failure != nil:
		refusal = d.core.failure
	case words != nil:
		refusal = words
		d.release(words)
	default:
		d.release(ErrStopped)
	}
	d.phase = ended
	d.core.mailbox.close(refusal)
}

// restarting leaves what is queued for the next incarnation, which reads the durable state again and has a fresh
// machine and fresh children. What was accepted ends here.
func (d *driver) restarting() {
	d.core.log.Error("raft actor is restarted from its durable state")
	d.release(ErrRestarted)
	d.phase = ended
	d.core.tickQueued.Store(false)
	d.core.mailbox.hold(false)
}
