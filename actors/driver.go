package actors

import (
	"errors"

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
	life  *life
	phase phase

	engine    *engine.Engine
	identity  persistence.Identity
	storage   gauges
	transport remote.Transport
	early     []remote.Hello         // handshakes from before the node served
	foreign   map[engine.NodeID]bool // whose last handshake was of another cluster
	departed  departures

	persistence, apply, ticker, snapshot, transporter *actor.PID

	waiters waiters
	reads   pendingReads
	order   *persistOrder // being filled in the current step
	issued  engine.Seq    // newest Persist action given out
	durable engine.Seq    // newest Persist action confirmed
	writes  []engine.Seq  // natural batches whose entries are not durable yet
	written bool          // something was ordered since the log was last sealed
	full    bool          // the storage said at the last tick that it is nearly full
	relief  int           // ticks until room is made again, while it is full
	idle    bool          // nothing was ordered since the last tick
	toFree  int           // empty batches that may free something
	freed   uint64        // segments that the log has freed, when it was last looked at

	handedIndex  engine.Index // newest entry handed to the apply actor
	appliedIndex engine.Index // newest entry that it has applied

	stepping     bool           // inside of a step; still set after a panic in it
	next         []engine.Event // that the current step led to
	commands     [][]byte
	batches      engine.ProposalID // given to the engine so far
	inquiries    []inquiry         // that the engine has not answered, oldest first
	spareTickets []ticket
	admin        administration
	snapshots    snapshotting
	transfers    transfers
	forwards     forwards
	relays       relays
	view         view
	shutdown     shutdown
	events       events

	forwardedCount, relayedCount uint64 // proposals
}

// events are reused from step to step: the engine keeps none.
type events struct {
	tick      engine.Tick
	incoming  engine.Incoming
	batch     engine.ClientProposalBatch
	read      engine.ProposeRead
	persisted engine.Persisted
	applied   engine.Applied
	seen      engine.PeerSeen
}

func newDriver(c *core) *driver {
	epoch := lastEpoch.Add(1)
	c.epoch.Store(epoch)
	d := &driver{
		core: c, life: &life{epoch: epoch, observer: c.observer},
		foreign: make(map[engine.NodeID]bool), departed: make(departures), admin: make(administration), relays: make(relays),
	}
	if c.cfg.ForwardProposals {
		d.forwards = forwards{origin: nonZero(c.random), first: 1}
	}
	return d
}

// Receive implements actor.Actor.
func (d *driver) Receive(ctx actor.Context) {
	if d.core.intercept != nil {
		d.core.intercept(driverName, ctx.Message())
	}
	switch message := ctx.Message().(type) {
	case driverMessage:
		d.handle(ctx, message)
	case *naturalBatch:
		d.propose(ctx, message)
	case *readBatch:
		d.read(ctx, message)
	case question:
		d.answer(ctx, message)
	case *actor.Started:
		d.start(ctx)
	case *actor.Terminated:
		d.childTerminated(ctx, message.Who)
	case *actor.Restarting:
		d.core.guarded(driverName, d.restarting)
	case *actor.Stopping:
		d.core.guarded(driverName, d.stopping)
	case *actor.Stopped:
		d.core.guarded(driverName, d.core.stop)
	}
}

// handle takes one message of the control lane.
func (d *driver) handle(ctx actor.Context, message driverMessage) {
	switch message := message.(type) {
	case *ticked:
		d.core.tickQueued.Store(false)
		d.tick(ctx, message)
	case *peerMessage:
		message.quota.give(int64(message.size))
		d.incoming(ctx, message)
	case *peerSeen:
		message.quota.give(0)
		d.peerSeen(ctx, message)
	case *persisted:
		d.persisted(ctx, message)
	case *applied:
		d.applied(ctx, message)
	case *storageOpened:
		d.storageOpened(ctx, message)
	case *transportOpened:
		d.transportOpened(ctx, message)
	case *snapshotCaptured:
		d.snapshotCaptured(ctx, message)
	case *snapshotBuilt:
		d.snapshotBuilt(ctx, message)
	case *snapshotRestored:
		d.snapshotRestored(ctx, message)
	case *snapshotsSwept:
		d.snapshotsSwept(ctx, message)
	case *snapshotSent:
		d.snapshotSent(ctx, message)
	case *snapshotExpected:
		d.snapshotExpected(ctx, message)
	case *snapshotReceived:
		d.snapshotReceived(ctx, message)
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
	return epoch == d.life.epoch && d.engine != nil && (d.phase == serving || d.phase == draining)
}

func (d *driver) tick(ctx actor.Context, message *ticked) {
	if !d.live(message.epoch) {
		return
	}
	d.events.tick = engine.Tick{Now: d.core.clock.Now()}
	d.step(ctx, &d.events.tick)
	if d.engine == nil {
		return
	}
	d.watchRoom(ctx)
	d.seal(ctx)
	d.sweepSnapshots(ctx)
	d.tickTransfers(ctx)
	d.reviveTransport(ctx)
	d.dropRoutes(ctx)
	d.expireForwards()
	d.shutdownProgress(ctx)
}

// watchRoom tells when the disk is nearly full and when there is room again.
func (d *driver) watchRoom(ctx actor.Context) {
	full := d.storage.NearlyFull()
	if full != d.full {
		d.full, d.relief = full, 0
		room := d.storage.Metrics().Room
		if full {
			d.core.log.Warn("disk is nearly full; proposals are refused", "room", room)
		} else {
			d.core.log.Info("there is room on the disk again", "room", room)
		}
	}
	if full {
		d.makeRoom(ctx)
	}
}

// reliefTicks is how often room is made while the disk stays nearly full.
const reliefTicks = 100

// makeRoom takes a snapshot, and gives up what is only kept to be resumed. Both again and again: a snapshot may fail, or
// be under way already, and while proposals are refused nothing comes on top that the engine would ask for one after.
func (d *driver) makeRoom(ctx actor.Context) {
	if d.relief > 0 {
		d.relief--
		return
	}
	d.relief = reliefTicks
	d.forgetPartial()
	if d.appliedIndex > d.engine.Status().Snapshot.Index {
		d.takeSnapshot(ctx)
	}
}

// seal has an idle log marked at its end once, so that only damage to the very last batch of a node that crashed
// under load can pass for a torn write. A storage that is nearly full looks for room meanwhile, and one that a snapshot
// has relieved frees it.
func (d *driver) seal(ctx actor.Context) {
	if d.idle && d.issued == d.durable && (d.freeSegments() || d.written || d.full) {
		d.written = false
		ctx.Send(d.persistence, &sealLog{})
	}
	d.idle = true
}

func (d *driver) incoming(ctx actor.Context, message *peerMessage) {
	if !d.live(message.epoch) || d.foreign[message.from.ID] {
		return
	}
	if d.hostsMessage(ctx, message) {
		return
	}
	d.events.incoming = engine.Incoming{Now: d.core.clock.Now(), From: message.from, Message: message.message}
	d.step(ctx, &d.events.incoming)
	d.events.incoming.Message = nil // keep no message alive
}

// hostsMessage takes what is not said to the engine.
func (d *driver) hostsMessage(ctx actor.Context, message *peerMessage) bool {
	switch m := message.message.(type) {
	case *engine.ProposalForward:
		d.relay(message.from, m, message.badCommand)
	case *engine.ProposalForwardResult:
		d.forwardAnswered(ctx, message.from, m)
	default:
		return false
	}
	return true
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
	d.snapshotSwitched()
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

// peerSeen takes a handshake. One that comes while the node still starts is kept: its connection may be the only
// one for long.
func (d *driver) peerSeen(ctx actor.Context, message *peerSeen) {
	switch {
	case message.epoch != d.life.epoch:
	case d.phase == starting && len(d.early) < engine.MaxMembers:
		d.early = append(d.early, message.hello)
	case d.live(message.epoch):
		d.meet(ctx, message.hello)
	}
}

// meet tells the engine of a peer. A joiner learns the full cluster id from its first one; the pin is queued
// before anything that a message of that peer makes durable.
//
// Before it knows its cluster a joiner's transport lets in every cluster of its name. The founders' entry stands at
// 1/1 in all of them, so the logs of two would seem to match: nothing of a peer of another cluster reaches the
// engine. Handshakes and messages come in one order, so this holds for what was on its way as well.
func (d *driver) meet(ctx actor.Context, hello remote.Hello) {
	if !d.identity.Cluster.Same(hello.Cluster) {
		d.core.log.Error("peer is of another cluster; its messages are dropped",
			"peer", hello.Peer.String(), "its_cluster", hello.Cluster.String(), "our_cluster", d.identity.Cluster.String())
		d.foreign[hello.Peer.ID] = true
		return
	}
	delete(d.foreign, hello.Peer.ID)
	d.warnOfStranger(hello.Peer)
	if !d.identity.Cluster.Pinned() && hello.Cluster.Pinned() {
		d.identity.Cluster = hello.Cluster
		ctx.Send(d.persistence, &pinCluster{id: hello.Cluster})
		d.pin()
	}
	d.events.seen = engine.PeerSeen{
		Now: d.core.clock.Now(), From: hello.Peer, MinElectionTimeout: engine.Duration(hello.MinElectionTimeout),
	}
	d.step(ctx, &d.events.seen)
}

// warnOfStranger tells of a member that came back in another incarnation: its directory was lost, or it was started on
// another one. Nobody counts it, and nobody would notice before the next node fails.
func (d *driver) warnOfStranger(from engine.Peer) {
	m, known := d.engine.Membership().Lookup(from.ID)
	if known && m.Incarnation != 0 && m.Incarnation != from.Incarnation {
		d.core.log.Error("member has come back with another data directory; it does not count until it is removed and added anew",
			"peer", from.String(), "membership_names", engine.Peer{ID: m.ID, Incarnation: m.Incarnation}.String())
	}
}

// pin tells the transport the full cluster id, once it is known.
func (d *driver) pin() {
	if d.identity.Cluster.Pinned() && d.transport != nil {
		d.transport.PinCluster(d.identity.Cluster)
	}
}

// step hands one event to the engine and does what it says. After a panic in the middle the engine must not go on:
// what it asked for was not done. A strategy that resumes the actor all the same ends the node.
func (d *driver) step(ctx actor.Context, event engine.Event) {
	if d.stepping {
		d.fail(ctx, "engine", errResumed)
		return
	}
	d.stepping = true
	d.ask(ctx, event)
	for d.engine != nil && len(d.next) > 0 {
		event, d.next = d.next[0], d.next[1:]
		d.ask(ctx, event)
	}
	if d.engine != nil {
		d.publish(ctx)
	}
	d.stepping = false
}

// ask hands one event to the engine and does what it says.
func (d *driver) ask(ctx actor.Context, event engine.Event) {
	actions := d.engine.Step(event)
	if d.core.observer != nil {
		d.core.observer.Stepped(event, actions, d.engine.Status())
	}
	d.perform(ctx, actions)
}

var errResumed = errors.New("actors: the raft actor was resumed after a panic; only a restart is safe")
