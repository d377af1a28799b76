package testkit

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Network is the network of a [Loop]: messages take virtual time, each way keeps its order as a connection does, and
// what is on its way outlives its sender. It is a [remote.InProcess] otherwise: that checks handshakes and messages,
// and Partition, Cut, Drop and Heal decide when a message is sent, not when it would arrive.
type Network struct {
	*remote.InProcess
	loop *Loop

	mu      sync.Mutex
	latency map[way]span
	ways    map[way]*lane
	present map[engine.NodeID]*transport

	chunkWays map[way]*lane
	chunkRate int
}

// way is one direction between two nodes; a zero node stands for any.
type way struct{ from, to engine.NodeID }

// lane is the traffic of one way.
type lane struct {
	random *rand.Rand
	last   engine.Instant // when the newest message arrives

	waiting int // bytes of chunks that have not arrived
}

// NewNetwork returns a network without nodes, on which a message takes between 100 µs and 1 ms.
func NewNetwork(loop *Loop) *Network {
	n := &Network{
		InProcess: remote.NewInProcess(), loop: loop,
		latency: make(map[way]span), ways: make(map[way]*lane), present: make(map[engine.NodeID]*transport),
		chunkWays: make(map[way]*lane),
	}
	n.SetLatency(0, 0, 100*time.Microsecond, time.Millisecond)
	return n
}

// SetLatency says how long messages from one node to another are under way. A zero node stands for any; what names
// both ends goes before what names the sender, that before what names the receiver.
func (n *Network) SetLatency(from, to engine.NodeID, atLeast, atMost time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latency[way{from, to}] = span{atLeast, atMost}
}

// NewTransport implements [remote.Network].
func (n *Network) NewTransport(local remote.Hello) (remote.Transport, error) {
	inner, err := n.InProcess.NewTransport(local)
	if err != nil {
		return nil, err
	}
	t := &transport{Transport: inner, arrivals: arrivals{network: n, node: local.Peer.ID}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.present[local.Peer.ID] = t
	return t, nil
}

// unplug closes the newest transport of a node that cannot do it any more.
func (n *Network) unplug(id engine.NodeID) error {
	n.mu.Lock()
	t := n.present[id]
	delete(n.present, id)
	n.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.Close()
}

// carry has do happen when a message that leaves now arrives.
func (n *Network) carry(on way, do func()) {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	n.loop.at(n.arrival(on, n.loop.now), do)
}

// arrival draws when a message arrives: never before one that left earlier on the same way.
func (n *Network) arrival(on way, now engine.Instant) engine.Instant {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lane(n.ways, on)
	l.last = max(l.last+1, now+engine.Instant(n.latencyOf(on).draw(l.random)))
	return l.last
}

// lane returns the one of the way, a new one at first. The caller holds mu.
func (n *Network) lane(ways map[way]*lane, on way) *lane {
	l := ways[on]
	if l == nil {
		l = &lane{random: rand.New(rand.NewPCG(n.loop.chance.Uint64(), uint64(on.from)<<32^uint64(on.to)))}
		ways[on] = l
	}
	return l
}

func (n *Network) latencyOf(on way) span {
	for _, known := range []way{on, {on.from, 0}, {0, on.to}} {
		if s, ok := n.latency[known]; ok {
			return s
		}
	}
	return n.latency[way{}]
}

// transport is a node's place in the network. What it sends takes the direct way of [remote.InProcess]; what it
// receives is put off by arrivals.
type transport struct {
	remote.Transport
	arrivals
}

// Start implements [remote.Transport].
func (t *transport) Start(handler remote.Handler) error {
	t.delivering.Lock()
	defer t.delivering.Unlock()
	err := t.Transport.Start(&t.arrivals)
	if err == nil {
		t.handler = handler
	}
	return err
}

// Close implements [remote.Transport]. What is still on its way here is lost.
func (t *transport) Close() error {
	err := t.Transport.Close()
	t.delivering.Lock()
	defer t.delivering.Unlock()
	t.closed = true
	return err
}

// arrivals is the handler between the network and the node's own.
type arrivals struct {
	network *Network
	node    engine.NodeID
	handler remote.Handler

	delivering sync.Mutex // held while handler runs
	closed     bool
}

// PeerSeen implements [remote.Handler].
func (a *arrivals) PeerSeen(hello remote.Hello) {
	a.network.carry(way{hello.Peer.ID, a.node}, func() {
		a.arrive(func(h remote.Handler) { h.PeerSeen(hello) })
	})
}

// Deliver implements [remote.Handler].
func (a *arrivals) Deliver(from engine.Peer, message engine.Message, size int) {
	a.network.carry(way{from.ID, a.node}, func() {
		a.arrive(func(h remote.Handler) { h.Deliver(from, message, size) })
	})
}

func (a *arrivals) arrive(tell func(remote.Handler)) {
	a.delivering.Lock()
	defer a.delivering.Unlock()
	if !a.closed {
		tell(a.handler)
	}
}
