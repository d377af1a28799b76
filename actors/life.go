package actors

import (
	"sync/atomic"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// life is what the driver and its children of one incarnation share: which incarnation it is, the way out for
// messages, and why it ended. It begins with the driver's Started and is over before protoactor stops or restarts
// the driver; nothing of one life reaches another.
type life struct {
	epoch     uint64
	observer  Observer // nil: nobody
	transport atomic.Pointer[remote.Transport]
	transfers atomic.Pointer[transferGate] // nil: nobody moves snapshots
	cause     atomic.Pointer[error]
}

// attach and detach say which transport carries messages out; without one they are lost, as a network may lose
// them.
func (l *life) attach(t remote.Transport) { l.transport.Store(&t) }
func (l *life) detach()                   { l.transport.Store(nil) }

// end is final: from here on nobody of this life begins to send. The first cause stays.
func (l *life) end(cause error) { l.cause.CompareAndSwap(nil, &cause) }

// ended returns why the life is over; nil while it lasts.
func (l *life) ended() error {
	if cause := l.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// send gives a message to the transport. It never blocks.
func (l *life) send(to engine.NodeID, message engine.Message) {
	if t := l.transport.Load(); t != nil && l.cause.Load() == nil {
		if l.observer != nil {
			l.observer.Left(to, message)
		}
		(*t).Send(to, message)
	}
}

// SendChunk implements chunkWay.
func (l *life) SendChunk(to engine.NodeID, chunk *remote.Chunk) bool {
	if t := l.transport.Load(); t != nil && l.cause.Load() == nil {
		return (*t).SendChunk(to, chunk)
	}
	chunk.Release()
	return false
}

// ChunksWaiting implements chunkWay.
func (l *life) ChunksWaiting(to engine.NodeID) int {
	if t := l.transport.Load(); t != nil {
		return (*t).ChunksWaiting(to)
	}
	return 0
}

// sendChunkAck answers a chunk. It never blocks.
func (l *life) sendChunkAck(to engine.NodeID, ack remote.ChunkAck) {
	if t := l.transport.Load(); t != nil && l.cause.Load() == nil {
		(*t).SendChunkAck(to, ack)
	}
}
