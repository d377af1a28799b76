package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// chunksWaiting bounds the bytes of chunks that wait for the transfer actor. A sender that keeps to its window has far
// less on its way; what is beyond is dropped, which its sender notices, and the socket is never stalled.
const chunksWaiting = 32 << 20

// What counts against that bound is memory. A chunk is worth its Footprint and the message that it comes in.
const (
	chunkWeight = 256
	ackWeight   = 64
)

func weightOf(chunk *remote.Chunk) int64 { return chunkWeight + int64(chunk.Footprint()) }

// transferGate is the way from the transport's goroutines to one transfer actor.
type transferGate struct {
	actor  *actor.PID
	bytes  atomic.Int64 // waiting
	ticked atomic.Bool  // a tick waits
}

// post reports false when there is no actor, or no room.
func (g *transferGate) post(root *actor.RootContext, message snapshotTransferMessage, size int64) bool {
	if g == nil {
		return false
	}
	if g.bytes.Add(size) > chunksWaiting {
		g.bytes.Add(-size)
		return false
	}
	root.Send(g.actor, message)
	return true
}

// taken gives back the room of a message.
func (g *transferGate) taken(message snapshotTransferMessage) {
	switch message := message.(type) {
	case *chunkArrived:
		g.bytes.Add(-weightOf(message.chunk))
	case *chunkAcknowledged:
		g.bytes.Add(-ackWeight)
	case *transferTicked:
		g.ticked.Store(false)
	case *sendSnapshot, *receiveSnapshot, *abortTransfer:
	}
}

// gate returns the way to the transfer actor that lives now; nil when there is none.
func (in *inbound) gate() *transferGate {
	if in.life == nil {
		return nil
	}
	return in.life.transfers.Load()
}

// DeliverChunk implements remote.Handler.
func (in *inbound) DeliverChunk(from engine.Peer, chunk *remote.Chunk) {
	if !in.gate().post(in.root, &chunkArrived{from: from.ID, chunk: chunk}, weightOf(chunk)) {
		in.crowded.Add(1)
		chunk.Release()
	}
}

// DeliverChunkAck implements remote.Handler.
func (in *inbound) DeliverChunkAck(from engine.Peer, ack remote.ChunkAck) {
	if !in.gate().post(in.root, &chunkAcknowledged{from: from.ID, ack: ack}, ackWeight) {
		in.crowded.Add(1)
	}
}
