package actors

import (
	"errors"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// transferActor moves the bytes of snapshots from node to node: it sends any number of them at once, each within a
// window of its own, and receives one. It is not the snapshot actor, so that a snapshot which is being built, however
// large, holds up none that is on its way. Nothing of it is lost that matters when it fails: the orders that it had are
// answered as failed, and what has arrived is on the disk.
type transferActor struct {
	core  *core
	life  *life
	gate  *transferGate
	epoch uint64                 // of this actor
	store *persistence.Snapshots // nil: there are no snapshots here

	sending   []*outbox // oldest first
	receiving *inbox    // nil: none
}

// outbox is a shipment and its open file; inbox an intake and its own.
type (
	outbox struct {
		*shipment
		open *persistence.SnapshotReader
	}
	inbox struct {
		*intake
		open *persistence.SnapshotReceiver
	}
)

var errNoSnapshots = errors.New("actors: this node has no place for snapshots")

// Receive implements actor.Actor.
func (t *transferActor) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case snapshotTransferMessage:
		t.gate.taken(message)
		t.handle(ctx, message)
	case *actor.Stopping, *actor.Restarting:
		t.core.guarded(transferName, t.close)
	}
}

func (t *transferActor) handle(ctx actor.Context, message snapshotTransferMessage) {
	switch message := message.(type) {
	case *chunkArrived:
		t.take(ctx, message.from, message.chunk)
		message.chunk.Release()
	case *chunkAcknowledged:
		t.acknowledged(ctx, message)
	case *transferTicked:
		t.tick(ctx)
	case *sendSnapshot:
		t.send(ctx, message)
	case *receiveSnapshot:
		t.receive(ctx, message)
	case *abortTransfer:
		t.abort(message.transfer)
	}
}

// send begins a shipment. One of the same transfer is over by then.
func (t *transferActor) send(ctx actor.Context, order *sendSnapshot) {
	t.abort(order.transfer)
	if t.store == nil {
		t.sent(ctx, order.transfer, errNoSnapshots)
		return
	}
	open, err := t.openWhole(order)
	if err != nil {
		t.sent(ctx, order.transfer, errors.Join(errUnreadable, err))
		return
	}
	s := &outbox{shipment: newShipment(order, open.File(), t.core.cfg.SnapshotChunkBytes), open: open}
	t.sending = append(t.sending, s)
	t.core.log.Info("sending a snapshot", "snapshot", order.snapshot.String(), "to", uint64(order.to), "bytes", order.snapshot.Size,
		"from_byte", order.offset)
	t.progress(ctx, s, s.pump(t.life))
}

// openWhole opens the file that an order is of. It is read only if it may be damaged: its receiver would find that out.
func (t *transferActor) openWhole(order *sendSnapshot) (*persistence.SnapshotReader, error) {
	open, err := t.store.Open(order.snapshot.ID)
	switch {
	case err != nil:
		return nil, err
	case open.Meta().Checksum != order.snapshot.Checksum:
		err = errors.New("actors: the file is not that of the label")
	case order.verify:
		err = open.Verify()
	}
	if err != nil {
		return nil, errors.Join(err, open.Close())
	}
	return open, nil
}

func (t *transferActor) acknowledged(ctx actor.Context, message *chunkAcknowledged) {
	for _, s := range t.sending {
		if s.transfer == message.ack.Transfer && s.to == message.from {
			t.progress(ctx, s, s.shipment.acknowledged(message.ack, t.life))
			return
		}
	}
}

// progress ends a shipment that has arrived or cannot.
func (t *transferActor) progress(ctx actor.Context, s *outbox, err error) {
	if err != nil || s.arrived() {
		t.abort(s.transfer)
		t.sent(ctx, s.transfer, err)
	}
}

func (t *transferActor) sent(ctx actor.Context, transfer engine.TransferID, err error) {
	unreadable := errors.Is(err, errUnreadable)
	switch {
	case unreadable:
		t.core.log.Error("snapshot of this node cannot be sent; another one is taken", "error", err)
	case err != nil:
		t.core.log.Warn("snapshot was not sent", "error", err)
	}
	ctx.Send(ctx.Parent(), &snapshotSent{epoch: t.epoch, transfer: transfer, err: err, unreadable: unreadable})
}

// receive begins an intake, goes on with that of the same transfer, or finds that the snapshot is here: the node may
// have received it and not heard what came of it.
func (t *transferActor) receive(ctx actor.Context, order *receiveSnapshot) {
	if t.receiving != nil && t.receiving.transfer == order.transfer {
		t.expect(ctx)
		return
	}
	t.endIntake()
	switch open, err := t.openPartial(&order.snapshot); {
	case err != nil:
		t.received(ctx, order.transfer, err)
	case open == nil:
		t.received(ctx, order.transfer, nil)
	default:
		t.receiving = &inbox{intake: newIntake(order, open), open: open}
		t.core.log.Info("receiving a snapshot", "snapshot", order.snapshot.String(), "from", uint64(order.from),
			"bytes", order.snapshot.Size, "from_byte", open.Offset())
		t.expect(ctx)
	}
}

// openPartial returns nil when the snapshot is complete already.
func (t *transferActor) openPartial(snapshot *engine.SnapshotMeta) (*persistence.SnapshotReceiver, error) {
	if t.store == nil {
		return nil, errNoSnapshots
	}
	if t.store.Has(*snapshot) {
		return nil, nil
	}
	return t.store.Receive(*snapshot)
}

// expect says from where on the bytes are wanted. When none are missing, as after a crash before the file got its name, it
// is complete.
func (t *transferActor) expect(ctx actor.Context) {
	r := t.receiving
	r.quiet = 0
	if r.complete() {
		t.commit(ctx)
		return
	}
	ctx.Send(ctx.Parent(), &snapshotExpected{epoch: t.epoch, transfer: r.transfer, offset: r.open.Offset()})
}

// take writes a chunk. One of a transfer that is not under way tells its sender so: it may not have heard that this
// node has given it up, or has restarted.
func (t *transferActor) take(ctx actor.Context, from engine.NodeID, chunk *remote.Chunk) {
	r := t.receiving
	if r == nil || r.transfer != chunk.Transfer || r.from != from {
		t.life.sendChunkAck(from, remote.ChunkAck{Transfer: chunk.Transfer, Stop: true})
		return
	}
	ack, err := r.intake.take(chunk)
	t.keepOn(ctx, ack, err)
}

// keepOn does what an intake says is due.
func (t *transferActor) keepOn(ctx actor.Context, ack bool, err error) {
	r := t.receiving
	switch {
	case err != nil:
		t.endIntake()
		t.received(ctx, r.transfer, err)
		return
	case ack:
		t.life.sendChunkAck(r.from, r.acknowledge())
	}
	if r.complete() {
		t.commit(ctx)
	}
}

// commit verifies and syncs what is complete. Only then anybody hears of it.
func (t *transferActor) commit(ctx actor.Context) {
	r := t.receiving
	t.receiving = nil
	t.received(ctx, r.transfer, r.open.Commit())
}

func (t *transferActor) received(ctx actor.Context, transfer engine.TransferID, err error) {
	if err != nil {
		t.core.log.Warn("snapshot was not received", "error", err)
	}
	ctx.Send(ctx.Parent(), &snapshotReceived{epoch: t.epoch, transfer: transfer, err: err})
}

func (t *transferActor) tick(ctx actor.Context) {
	for _, s := range slices.Clone(t.sending) {
		t.progress(ctx, s, s.shipment.tick(t.life))
	}
	if t.receiving != nil {
		ack, err := t.receiving.intake.tick()
		t.keepOn(ctx, ack, err)
	}
}

// abort ends a transfer without a word. What has arrived of it stays, to be resumed from.
func (t *transferActor) abort(transfer engine.TransferID) {
	at := slices.IndexFunc(t.sending, func(s *outbox) bool { return s.transfer == transfer })
	if at >= 0 {
		t.closed("sent", t.sending[at].open.Close())
		t.sending = slices.Delete(t.sending, at, at+1)
	}
	if t.receiving != nil && t.receiving.transfer == transfer {
		t.endIntake()
	}
}

func (t *transferActor) endIntake() {
	if t.receiving != nil {
		t.closed("received", t.receiving.open.Close())
		t.receiving = nil
	}
}

func (t *transferActor) closed(what string, err error) {
	if err != nil {
		t.core.log.Warn("file of a snapshot did not close cleanly", "which_was", what, "error", err)
	}
}

func (t *transferActor) close() {
	for _, s := range t.sending {
		t.closed("sent", s.open.Close())
	}
	t.sending = nil
	t.endIntake()
}
