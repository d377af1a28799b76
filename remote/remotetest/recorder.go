package remotetest

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// recorderRoom is how many calls a Recorder keeps. More is a bug of the test.
const recorderRoom = 1 << 17

// Arrival is one call of Handler.Deliver.
type Arrival struct {
	From    engine.Peer
	Message engine.Message
	Size    int
}

// Recorder is a [remote.Handler] that keeps what it is told until a test asks for it.
type Recorder struct {
	seen     chan remote.Hello
	arrivals chan Arrival
	chunks   chan ChunkArrival
	acks     chan AckArrival
}

// ChunkArrival is one call of Handler.DeliverChunk.
type ChunkArrival struct {
	From  engine.Peer
	Chunk *remote.Chunk
}

// AckArrival is one call of Handler.DeliverChunkAck.
type AckArrival struct {
	From engine.Peer
	Ack  remote.ChunkAck
}

// NewRecorder returns a Recorder that has heard nothing.
func NewRecorder() *Recorder {
	return &Recorder{
		seen: make(chan remote.Hello, recorderRoom), arrivals: make(chan Arrival, recorderRoom),
		chunks: make(chan ChunkArrival, recorderRoom), acks: make(chan AckArrival, recorderRoom),
	}
}

// PeerSeen implements [remote.Handler].
func (r *Recorder) PeerSeen(hello remote.Hello) {
	select {
	case r.seen <- hello:
	default:
		panic("remotetest: too many handshakes for one recorder")
	}
}

// Deliver implements [remote.Handler].
func (r *Recorder) Deliver(from engine.Peer, message engine.Message, size int) {
	select {
	case r.arrivals <- Arrival{from, message, size}:
	default:
		panic("remotetest: too many messages for one recorder")
	}
}

// DeliverChunk implements [remote.Handler].
func (r *Recorder) DeliverChunk(from engine.Peer, chunk *remote.Chunk) {
	select {
	case r.chunks <- ChunkArrival{from, chunk}:
	default:
		panic("remotetest: too many chunks for one recorder")
	}
}

// DeliverChunkAck implements [remote.Handler].
func (r *Recorder) DeliverChunkAck(from engine.Peer, ack remote.ChunkAck) {
	select {
	case r.acks <- AckArrival{from, ack}:
	default:
		panic("remotetest: too many acknowledgements for one recorder")
	}
}

// NextChunk waits for the next piece of a snapshot, which is the caller's to release.
func (r *Recorder) NextChunk() ChunkArrival { return <-r.chunks }

// NextAck waits for the next acknowledgement.
func (r *Recorder) NextAck() AckArrival { return <-r.acks }

// Next waits for the next message.
func (r *Recorder) Next() Arrival { return <-r.arrivals }

// NextSeen waits for the next handshake.
func (r *Recorder) NextSeen() remote.Hello { return <-r.seen }

// Await waits for a handshake with the given node and returns it; others are forgotten.
func (r *Recorder) Await(id engine.NodeID) remote.Hello {
	for {
		if hello := <-r.seen; hello.Peer.ID == id {
			return hello
		}
	}
}

// Waiting returns how many messages have arrived and were not asked for.
func (r *Recorder) Waiting() int { return len(r.arrivals) }
