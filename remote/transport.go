package remote

import (
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// WireVersion is the version of the wire protocol that this build speaks.
const WireVersion = 2

// Hello is what a node says of itself when a connection begins.
type Hello struct {
	Cluster            engine.ClusterID // the name is UTF-8
	Peer               engine.Peer
	Address            string        // where the sender can be dialled
	MinElectionTimeout time.Duration // before which the sender begins no election; 0: not said, so no lease may rest on it
	Version            uint32        // [WireVersion] of the sender
	Epoch              uint64        // of the sending process; a restart draws another

	kind raftpb.ConnectionKind // of the connection; of the handshakes that a Handler hears of it is the protocol's
}

// Handler receives what a transport brings. Its methods are called from the transport's goroutines, several at
// once, and must not block.
type Handler interface {
	// PeerSeen is called after each successful handshake, before any message of that connection.
	PeerSeen(hello Hello)
	// Deliver hands over a validated message. Size is its length on the wire, in bytes. Engines bear to hear a message twice,
	// or late; forwarded proposals must be delivered at most once, and none of a process after one of the process that
	// followed it: a leader that was restarted meanwhile does not know the first copy.
	Deliver(from engine.Peer, message engine.Message, size int)
	// DeliverChunk hands over a piece of a snapshot: the handler owns it, and releases it. No PeerSeen comes before it,
	// and nothing says that the transfer which it names was ever agreed on. Chunks of one transfer may be lost, repeated
	// and, when connections change, reordered.
	DeliverChunk(from engine.Peer, chunk *Chunk)
	// DeliverChunkAck hands over what the receiver of a transfer says of it. It may be as late as a chunk.
	DeliverChunkAck(from engine.Peer, ack ChunkAck)
}

// Transport carries messages between the members of one cluster. Send never blocks and may drop; reliability
// is the engine's. All methods may be called by several goroutines.
type Transport interface {
	// Start begins to receive. An address that is taken is told here.
	Start(handler Handler) error
	// Address returns where peers can dial this node. It is known from the start on.
	Address() string
	// SetRoute says where a peer can be dialled. An unchanged address changes nothing.
	SetRoute(to engine.NodeID, address string)
	// DropRoute forgets a peer and closes its connections.
	DropRoute(to engine.NodeID)
	// PinCluster completes the cluster id of a joiner.
	PinCluster(id engine.ClusterID)
	// Send queues a message for a peer. It drops it when there is no route or the peer's queue is full.
	Send(to engine.NodeID, message engine.Message)
	// SendChunk queues a piece of a snapshot, which belongs to the transport from now on, on a way where it delays no
	// message of the protocol. It reports false when it drops the chunk at once: there is no route, or no room. One that
	// it took may still be lost.
	SendChunk(to engine.NodeID, chunk *Chunk) bool
	// ChunksWaiting returns about how many bytes of chunks for a peer the network has not taken yet: while there are any,
	// that no acknowledgement comes does not mean that something was lost.
	ChunksWaiting(to engine.NodeID) int
	// SendChunkAck answers a chunk, on the way that chunks of that peer take. Of several acknowledgements of one
	// transfer that wait only the newest leaves.
	SendChunkAck(to engine.NodeID, ack ChunkAck)
	Metrics() Metrics
	// Close closes every connection and waits for the transport's goroutines. Nothing is delivered after it
	// returned.
	Close() error
}

// Network makes transports: TCP, or a network inside the process.
type Network interface {
	// NewTransport returns a transport for the node that introduces itself with local. Address and Version are
	// filled in by the transport.
	NewTransport(local Hello) (Transport, error)
}

// Metrics counts what a transport did. Counters only rise.
type Metrics struct {
	Sent       uint64 // messages written to a connection
	SentBytes  uint64
	Writes     uint64 // calls of the system that wrote them; 0 where there are none
	Received   uint64 // messages delivered
	Dropped    uint64 // messages without route or room
	Refused    uint64 // connections refused: wrong cluster, wrong version, no handshake
	Malformed  uint64 // frames that did not pass validation; the connection was closed
	Unknown    uint64 // messages of an unknown type from a newer peer, ignored
	Dials      uint64 // connections made
	DialErrors uint64

	ChunksSent     uint64 // pieces of snapshots written to a connection
	ChunkBytes     uint64 // that they took
	ChunksReceived uint64 // delivered
}
