package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// perform does what the engine says, in its order. What must be durable, and the messages that wait for it, go
// to the persistence actor as one order a step.
func (d *driver) perform(ctx actor.Context, actions []engine.Action) {
	for _, action := range actions {
		switch action := action.(type) {
		case *engine.PersistHardState:
			d.persist(action.Seq, persistRecord{state: action.State})
		case *engine.PersistLogEntries:
			d.persist(action.Seq, persistRecord{entries: action.Entries})
		case *engine.Send:
			d.send(action)
		case *engine.Apply:
			d.handedIndex = action.Entries[len(action.Entries)-1].Index
			ctx.Send(d.apply, &applyOrder{entries: action.Entries, waiters: d.waiters.take(d.handedIndex)})
		case *engine.ProposalAccepted:
			d.accepted(action)
		case *engine.Redirect:
			d.redirect(action)
		case *engine.ProposalRejected:
			d.refuse(action.ID, rejected(action.Reason))
		case *engine.ReadReady:
			d.readReady(ctx, action)
		case *engine.ReadFailed:
			d.readFailed(action)
		case *engine.PeerLostData:
			d.core.log.Error("peer lost data that it had acknowledged; it does not count until it is removed and added anew",
				"peer", action.Peer.String(), "acknowledged", uint64(action.Match), "claims", action.Claimed.String())
		case *engine.ConfigChangeAccepted:
			d.changeAccepted(action)
		case *engine.ConfigChangeRejected:
			d.administered(action.ID).refuse(refusedChange(action.Reason))
		case *engine.TransferDone:
			d.transferDone(action)
		case *engine.TransferFailed:
			d.administered(action.ID).refuse(failedTransfer(action.Reason))
		case *engine.Fatal:
			d.fail(ctx, "engine", action.Err)
			return
		case *engine.PersistSnapshot:
			d.switchSnapshot(action)
		case *engine.ApplySnapshot:
			d.restoreSnapshot(ctx, action.Snapshot)
		case *engine.SnapshotHint:
			d.takeSnapshot(ctx)
		case *engine.DiscardSnapshot:
			d.discardSnapshot(action)
		case *engine.SendSnapshot:
			d.sendSnapshot(ctx, action)
		case *engine.ReceiveSnapshot:
			d.receiveSnapshot(ctx, action)
		case *engine.AbortSnapshot:
			d.abortTransfer(ctx, action.Transfer)
		}
	}
	d.giveOrder(ctx)
}

func (d *driver) currentOrder() *persistOrder {
	if d.order == nil {
		d.order = &persistOrder{}
	}
	return d.order
}

func (d *driver) persist(seq engine.Seq, record persistRecord) {
	order := d.currentOrder()
	order.seq = seq
	order.records = append(order.records, record)
	d.issued = seq
	d.written, d.idle = true, false
}

// send lets a message leave, now or behind the writes that it waits for. With nothing on its way to the disk
// there is nothing to wait for.
func (d *driver) send(action *engine.Send) {
	if action.Wait && d.issued > d.durable {
		order := d.currentOrder()
		order.sends = append(order.sends, outgoing{to: action.To, message: action.Message})
		return
	}
	d.life.send(action.To, action.Message)
}

func (d *driver) giveOrder(ctx actor.Context) {
	if d.order == nil {
		return
	}
	d.order.commit = d.engine.Commit()
	ctx.Send(d.persistence, d.order)
	d.order = nil
}
