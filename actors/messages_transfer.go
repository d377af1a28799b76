package actors

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// snapshotTransferMessage is what the transfer actor takes.
//
//sumtype:decl
type snapshotTransferMessage interface{ toTransfer() }

// Orders, each answered by a fact of the same transfer, unless abortTransfer comes first.
type (
	// sendSnapshot sends a snapshot from offset on. It is answered by snapshotSent.
	sendSnapshot struct {
		to       engine.NodeID
		transfer engine.TransferID
		snapshot engine.SnapshotMeta
		offset   uint64
		verify   bool // before anything is sent
	}
	// receiveSnapshot expects a snapshot. It is answered by snapshotExpected and in the end by snapshotReceived. The same
	// transfer may be ordered again.
	receiveSnapshot struct {
		from     engine.NodeID
		transfer engine.TransferID
		snapshot engine.SnapshotMeta
	}
	// abortTransfer ends a transfer at either end, without a fact.
	abortTransfer struct{ transfer engine.TransferID }
)

// What comes in from the network, and time passing; at most one tick is queued.
type (
	chunkArrived struct {
		from  engine.NodeID
		chunk *remote.Chunk
	}
	chunkAcknowledged struct {
		from engine.NodeID
		ack  remote.ChunkAck
	}
	transferTicked struct{}
)

func (*sendSnapshot) toTransfer()      {}
func (*receiveSnapshot) toTransfer()   {}
func (*abortTransfer) toTransfer()     {}
func (*chunkArrived) toTransfer()      {}
func (*chunkAcknowledged) toTransfer() {}
func (*transferTicked) toTransfer()    {}

// Facts for the driver. Their epoch is of the transfer actor that speaks: another one knows nothing of its orders.
type (
	// snapshotSent answers sendSnapshot.
	snapshotSent struct {
		epoch      uint64
		transfer   engine.TransferID
		err        error
		unreadable bool // err is of the file
	}
	// snapshotExpected answers receiveSnapshot: the bytes are wanted from offset on.
	snapshotExpected struct {
		epoch    uint64
		transfer engine.TransferID
		offset   uint64
	}
	// snapshotReceived ends what receiveSnapshot began: the snapshot is complete, verified and synced, or err says why
	// not.
	snapshotReceived struct {
		epoch    uint64
		transfer engine.TransferID
		err      error
	}
)

func (*snapshotSent) toDriver()     {}
func (*snapshotExpected) toDriver() {}
func (*snapshotReceived) toDriver() {}
