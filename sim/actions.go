package sim

import (
	"github.com/yggr-go/yggr/engine"
)

// carryOut does what an engine asks for. Nothing here gives an engine an event: actions are valid until the next Step, and
// what follows from them is put into the queue.
func (w *world) carryOut(n *node, action engine.Action) {
	if n.engine == nil || w.err != nil {
		return
	}
	switch a := action.(type) {
	case *engine.PersistHardState:
		w.enqueue(n, write{seq: a.Seq, state: a.State})
	case *engine.PersistLogEntries:
		w.operator.appended(a.Entries)
		w.enqueue(n, write{seq: a.Seq, entries: a.Entries})
	case *engine.PersistSnapshot:
		change := *a
		w.operator.installed(&change)
		w.switched(n, &change)
		w.enqueue(n, write{seq: a.Seq, change: &change})
	case *engine.Send:
		w.send(n, a)
	case *engine.Apply:
		w.hand(n, a.Entries)
	case *engine.ApplySnapshot:
		label := a.Snapshot
		w.handTask(n, task{restore: &label})
	case *engine.ReadReady:
		w.readReady(n, a)
	case *engine.ReadFailed:
		delete(n.reads, a.ID)
		w.counters.Calls[ReadRefused]++
	case *engine.PeerLostData:
		if peer := w.node(a.Peer.ID); peer == nil || !peer.wiped {
			w.failf("lost data", "%v says that %v lost data, which it did not", n.id, a.Peer)
		}
	case *engine.Fatal:
		w.stopped(n, a)
	default:
		if !w.answer(n, action) {
			w.carryOutSnapshot(n, action)
		}
	}
}

func (w *world) carryOutSnapshot(n *node, action engine.Action) {
	switch a := action.(type) {
	case *engine.SnapshotHint:
		w.hinted(n)
	case *engine.DiscardSnapshot:
		w.afterAt(n, 50*microsecond, func() { w.sweep(n) })
	case *engine.SendSnapshot:
		w.sendSnapshot(n, a)
	case *engine.ReceiveSnapshot:
		w.receiveSnapshot(n, a)
	case *engine.AbortSnapshot:
		w.counters.Snapshots[Aborted]++
		n.snapshots.endSends(func(o *outgoing) bool { return o.id == a.Transfer })
		if n.snapshots.incoming != nil && n.snapshots.incoming.id == a.Transfer {
			n.snapshots.drop()
		}
	default:
		w.failf("actions", "%v asks for %T", n.id, action)
	}
}

// eventCode numbers the kinds of events, and of messages among them, for the hash.
func eventCode(event engine.Event) uint64 {
	switch e := event.(type) {
	case *engine.Tick:
		return 1
	case *engine.Incoming:
		return 100*uint64(e.From.ID) + messageCode(e.Message)
	case *engine.ClientProposal:
		return 3
	case *engine.ClientProposalBatch:
		return 4
	case *engine.ProposeRead:
		return 5
	case *engine.Persisted:
		return 6
	case *engine.Applied:
		return 7
	case *engine.PeerSeen:
		return 8
	case *engine.SnapshotTaken:
		return 9
	case *engine.SnapshotExpected:
		return 10
	case *engine.SnapshotReceived:
		return 11
	case *engine.SnapshotSendResult:
		return 12
	case *engine.ProposeConfigChange:
		return 13
	case *engine.TransferLeadership:
		return 14
	}
	return 15
}

func messageCode(message engine.Message) uint64 {
	switch message.(type) {
	case *engine.RequestPreVote:
		return 21
	case *engine.RequestPreVoteResponse:
		return 22
	case *engine.RequestVote:
		return 23
	case *engine.RequestVoteResponse:
		return 24
	case *engine.AppendEntries:
		return 25
	case *engine.AppendEntriesResponse:
		return 26
	case *engine.Heartbeat:
		return 27
	case *engine.HeartbeatResponse:
		return 28
	case *engine.TimeoutNow:
		return 29
	case *engine.SnapshotOffer:
		return 30
	case *engine.SnapshotOfferResponse:
		return 31
	case *engine.ProposalForward, *engine.ProposalForwardResult: // engines say no such thing
	case *engine.Removed:
		return 32
	}
	return 33
}
