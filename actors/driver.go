package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// phase is how far a driver has come in its life.
type phase uint8

const (
	starting phase = iota // storage and transport are being opened
	serving
	draining // shutting down: nothing new is accepted
	failed   // answers Status with the cause and everything else with Fatal
	ended    // Stopping or Restarting was handled: the engine gets no event and nothing is sent
)

// driver is one incarnation of the raft actor. It owns the engine: it receives, asks the engine and does what it
// says. Everything clever is on the engine's side.
type driver struct {
	core  *core
	epoch uint64
	phase phase
	err   error // of a failed driver

	engine    *engine.Engine
	identity  persistence.Identity
	metrics   func() persistence.Metrics
	transport remote.Transport
	out       *outbox

	persistence, apply, ticker, snapshot, transporter *actor.PID

	waiters waiters
	order   *persistOrder // being filled in the current step
	issued  engine.Seq    // newest Persist action given out
	durable engine.Seq    // newest Persist action confirmed
	writes  []engine.Seq  // natural batches whose entries are not durable yet
	written bool          // something was ordered since the log was last sealed
	idle    bool          // nothing was ordered since the last tick

	handedIndex  engine.Index // newest entry handed to the apply actor
	appliedIndex engine.Index // newest entry that it has applied

	natural  []*proposal // the batch that the current step proposes
	commands [][]byte
	view     view
	shutdown shutdown
	events   events
}

// view is what the driver last published of the engine.
type view struct {
	role       engine.Role
	term       engine.Term
	leader     engine.NodeID
	membership []engine.Member
}

// events are reused from step to step: the engine keeps none.
type events struct {
	tick      engine.Tick
	incoming  engine.Incoming
	batch     engine.ClientProposalBatch
	persisted engine.Persisted
	applied   engine.Applied
	seen      engine.PeerSeen
}

func newDriver(c *core) *driver { return &driver{core: c, epoch: lastEpoch.Add(1)} }

// Receive implements actor.Actor.
func (d *driver) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case driverMessage:
		d.handle(ctx, message)
	case *naturalBatch:
		d.propose(ctx, message)
	case question:
		d.answer(message)
	case *actor.Started:
		d.start(ctx)
	case *actor.Terminated:
		d.childTerminated(ctx, message.Who)
	case *actor.Restarting:
		d.core.guarded("raft", d.restarting)
	case *actor.Stopping:
		d.core.guarded("raft", d.stopping)
	case *actor.Stopped:
		d.core.guarded("raft", d.core.stop)
	}
}

// handle takes one message of the control lane.
func (d *driver) handle(ctx actor.Context, message driverMessage) {
	switch message := message.(type) {
	case *ticked:
		d.core.tickQueued.Store(false)
		d.tick(ctx, message)
	case *peerMessage:
		message.quota.bytes.Add(-int64(message.size))
		d.incoming(ctx, message)
	case *peerSeen:
		d.peerSeen(ctx, message)
	case *persisted:
		d.persisted(ctx, message)
	case *applied:
		d.applied(ctx, message)
	case *storageOpened:
		d.storageOpened(ctx, message)
	case *transportOpened:
		d.transportOpened(ctx, message)
	case *persistenceFailed:
		d.childFailed(ctx, message.epoch, persistenceName, message.err)
	case *applyFailed:
		d.childFailed(ctx, message.epoch, applyName, message.err)
	case *storageFlushed, *applyDrained, *storageClosed, *shutdownRequested:
		d.shutdownStep(ctx, message)
	}
}

// live reports whether the engine may take an event of the given epoch.
func (d *driver) live(epoch uint64) bool {
	return epoch == d.epoch && d.engine != nil && (d.phase == serving || d.phase == draining)
}

func (d *driver) tick(ctx actor.Context, message *ticked) {
	if !d.live(message.epoch) {
		return
	}
	d.events.tick = engine.Tick{Now: d.core.clock.Now()}
	d.step(ctx, &d.events.tick)
	d.seal(ctx)
	d.shutdownProgress(ctx)
}

// seal has an idle log marked at its end once, so that only damage to the very last batch of a node that crashed
// under load can pass for a torn write.
func (d *driver) seal(ctx actor.Context) {
	if d.idle && d.written && d.issued == d.durable {
		d.written = false
		ctx.Send(d.persistence, &sealLog{})
	}
	d.idle = true
}

func (d *driver) incoming(ctx actor.Context, message *peerMessage) {
	if !d.live(message.epoch) {
		return
	}
	d.events.incoming = engine.Incoming{Now: d.core.clock.Now(), From: message.from, Message: message.message}
	d.step(ctx, &d.events.incoming)
	d.events.incoming.Message = nil
}

func (d *driver) persisted(ctx actor.Context, message *persisted) {
	if !d.live(message.epoch) {
		return
	}
	d.durable = message.seq
	for len(d.writes) > 0 && d.writes[0] <= d.durable {
		d.writes = d.writes[1:]
	}
	d.events.persisted = engine.Persisted{Now: d.core.clock.Now(), Seq: message.seq}
	d.step(ctx, &d.events.persisted)
	d.core.mailbox.hold(len(d.writes) >= unsyncedBatches)
}

func (d *driver) applied(ctx actor.Context, message *applied) {
	if !d.live(message.epoch) {
		return
	}
	d.events.applied = engine.Applied{Now: d.core.clock.Now(), Index: message.index}
	d.step(ctx, &d.events.applied)
	d.appliedIndex = message.index
	d.shutdownProgress(ctx)
}

// peerSeen tells the engine of a handshake. A joiner learns the full cluster id from its first one; the pin is
// queued before anything that a message of that peer makes durable.
func (d *driver) peerSeen(ctx actor.Context, message *peerSeen) {
	if !d.live(message.epoch) || !d.identity.Cluster.Same(message.hello.Cluster) {
		return
	}
	if !d.identity.Cluster.Pinned() && message.hello.Cluster.Pinned() {
		d.identity.Cluster = message.hello.Cluster
		d.transport.PinCluster(message.hello.Cluster)
		ctx.Send(d.persistence, &pinCluster{id: message.hello.Cluster})
	}
	d.events.seen = engine.PeerSeen{Now: d.core.clock.Now(), From: message.hello.Peer}
	d.step(ctx, &d.events.seen)
}

// step hands one event to the engine and does what it says.
func (d *driver) step(ctx actor.Context, event engine.Event) {
	d.perform(ctx, d.engine.Step(event))
	if d.engine != nil {
		d.publish(ctx)
	}
}
