package remote

import (
	"time"

	"github.com/yggr-go/yggr/engine"
)

// WireVersion is the version of the wire protocol that this build speaks.
const WireVersion = 1

// Hello is what a node says of itself when a connection begins.
type Hello struct {
	Cluster            engine.ClusterID // the name is UTF-8
	Peer               engine.Peer
	Address            string        // where the sender can be dialled
	MinElectionTimeout time.Duration // before which the sender begins no election; 0: not said, so no lease may rest on it
	Version            uint32        // [WireVersion] of the sender
	Epoch              uint64        // of the sending process; a restart draws another
}

// Handler receives what a transport brings. Its methods are called from the transport's goroutines, several at
// once, and must not block.
type Handler interface {
	// PeerSeen is called after each successful handshake, before any message of that connection.
	PeerSeen(hello Hello)
	// Deliver hands over a validated message. Size is its length on the wire, in bytes.
	Deliver(from engine.Peer, message engine.Message, size int)
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
}
