package actors

import (
	"errors"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// transfers are the orders that the transfer actor has and has not answered.
type transfers struct {
	pid       *actor.PID
	gate      *transferGate
	epoch     uint64 // of the actor
	sending   []engine.TransferID
	receiving engine.TransferID // zero: none
	arriving  uint64            // the snapshot that was ordered last, kept whether it has arrived or not; zero: none
	held      *receiveSnapshot  // an order that waits for the end of a sweep; nil: none
}

var errTransferActor = errors.New("actors: the actor that moves snapshots failed")

func (d *driver) startTransfers(ctx actor.Context) {
	epoch := lastEpoch.Add(1)
	gate := &transferGate{}
	gate.actor = d.core.spawnChild(ctx, transferName, newMailbox(0), func() actor.Actor {
		return &transferActor{core: d.core, life: d.life, gate: gate, epoch: epoch, store: d.snapshots.store}
	})
	d.transfers = transfers{pid: gate.actor, gate: gate, epoch: epoch, arriving: d.transfers.arriving}
	d.life.transfers.Store(gate)
}

// transfersFailed answers every order of an actor that is gone, and starts another one.
func (d *driver) transfersFailed(ctx actor.Context) {
	lost := d.transfers
	d.startTransfers(ctx)
	for _, transfer := range lost.sending {
		d.inform(ctx, &engine.SnapshotSendResult{Now: d.core.clock.Now(), Transfer: transfer, Err: errTransferActor})
	}
	if lost.receiving != 0 {
		d.inform(ctx, &engine.SnapshotReceived{Now: d.core.clock.Now(), Transfer: lost.receiving, Err: errTransferActor})
	}
}

// inform hands the engine a fact, if it may take one.
func (d *driver) inform(ctx actor.Context, event engine.Event) {
	if d.live(d.life.epoch) {
		d.step(ctx, event)
	}
}

func (d *driver) sendSnapshot(ctx actor.Context, action *engine.SendSnapshot) {
	d.transfers.sending = append(d.transfers.sending, action.Transfer)
	ctx.Send(d.transfers.pid, &sendSnapshot{
		to: action.To, transfer: action.Transfer, snapshot: action.Snapshot, offset: action.Offset, verify: action.Verify,
	})
}

func (d *driver) receiveSnapshot(ctx actor.Context, action *engine.ReceiveSnapshot) {
	t := &d.transfers
	t.receiving, t.arriving = action.Transfer, action.Snapshot.ID
	t.held = &receiveSnapshot{from: action.From, transfer: action.Transfer, snapshot: action.Snapshot}
	d.releaseIntake(ctx)
}

// releaseIntake gives the order that was held back. A sweep which was ordered before it does not know that the snapshot is
// to be kept, and is carried out by another actor: it could remove the file when it has just become complete.
func (d *driver) releaseIntake(ctx actor.Context) {
	if order := d.transfers.held; order != nil && !d.snapshots.sweeping {
		d.transfers.held = nil
		ctx.Send(d.transfers.pid, order)
	}
}

// needed returns the snapshot that arrives, or has arrived and is not known to the engine yet, or may go on arriving.
func (t *transfers) needed() []uint64 {
	if t.arriving == 0 {
		return nil
	}
	return []uint64{t.arriving}
}

// forgetArrived lets go of what is not arriving any more. The engine names it, if the node begins with it by now.
func (t *transfers) forgetArrived() {
	if t.receiving == 0 {
		t.arriving = 0
	}
}

func (d *driver) abortTransfer(ctx actor.Context, transfer engine.TransferID) {
	d.transfers.answered(transfer)
	ctx.Send(d.transfers.pid, &abortTransfer{transfer: transfer})
}

// answered forgets an order.
func (t *transfers) answered(transfer engine.TransferID) {
	t.sending = slices.DeleteFunc(t.sending, func(id engine.TransferID) bool { return id == transfer })
	if t.receiving == transfer {
		t.receiving, t.held = 0, nil
	}
}

// The facts that the transfer actor tells of its orders. What an earlier one said was answered for it.

func (d *driver) snapshotSent(ctx actor.Context, message *snapshotSent) {
	if message.epoch != d.transfers.epoch || !slices.Contains(d.transfers.sending, message.transfer) {
		return
	}
	d.transfers.answered(message.transfer)
	d.inform(ctx, &engine.SnapshotSendResult{
		Now: d.core.clock.Now(), Transfer: message.transfer, Err: message.err, Unreadable: message.unreadable,
	})
	if message.unreadable {
		d.takeSnapshot(ctx) // the next one can be read, and this node can start from it
	}
}

func (d *driver) snapshotExpected(ctx actor.Context, message *snapshotExpected) {
	if message.epoch == d.transfers.epoch && message.transfer == d.transfers.receiving {
		d.inform(ctx, &engine.SnapshotExpected{Now: d.core.clock.Now(), Transfer: message.transfer, Offset: message.offset})
	}
}

func (d *driver) snapshotReceived(ctx actor.Context, message *snapshotReceived) {
	if message.epoch == d.transfers.epoch && message.transfer == d.transfers.receiving {
		d.transfers.answered(message.transfer)
		d.inform(ctx, &engine.SnapshotReceived{Now: d.core.clock.Now(), Transfer: message.transfer, Err: message.err})
	}
}

// tickTransfers lets the transfer actor know that time passes, while it has anything to do.
func (d *driver) tickTransfers(ctx actor.Context) {
	busy := len(d.transfers.sending) > 0 || d.transfers.receiving != 0
	if busy && d.transfers.gate.ticked.CompareAndSwap(false, true) {
		ctx.Send(d.transfers.pid, &transferTicked{})
	}
}
