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
}

// NewRecorder returns a Recorder that has heard nothing.
func NewRecorder() *Recorder {
	return &Recorder{seen: make(chan remote.Hello, recorderRoom), arrivals: make(chan Arrival, recorderRoom)}
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
