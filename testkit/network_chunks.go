package testkit

import (
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Pieces of snapshots take ways of their own, as they take connections of their own. On those they queue: a way brings so
// many bytes a second, and what a node has sent beyond that waits.

// SetChunkRate says how many bytes of snapshots a way brings in a second, whatever else is under way; 0: any number.
// Messages are not slowed down by it.
func (n *Network) SetChunkRate(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chunkRate = bytes
}

// carryChunk has do happen when so many bytes that leave now have arrived.
func (n *Network) carryChunk(on way, size int, do func()) {
	n.loop.mu.Lock()
	defer n.loop.mu.Unlock()
	n.loop.at(n.chunkArrival(on, size, n.loop.now), func() {
		n.mu.Lock()
		n.chunkWays[on].waiting -= size
		n.mu.Unlock()
		do()
	})
}

// chunkArrival draws when a chunk arrives: behind those before it, and no faster than the rate.
func (n *Network) chunkArrival(on way, size int, now engine.Instant) engine.Instant {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lane(n.chunkWays, on)
	l.waiting += size
	l.last = max(l.last+1, now+engine.Instant(n.latencyOf(on).draw(l.random)))
	if n.chunkRate > 0 {
		l.last += engine.Instant(time.Duration(size) * time.Second / time.Duration(n.chunkRate))
	}
	return l.last
}

// ChunksWaiting implements [remote.Transport].
func (t *transport) ChunksWaiting(to engine.NodeID) int {
	t.network.mu.Lock()
	defer t.network.mu.Unlock()
	if l := t.network.chunkWays[way{t.node, to}]; l != nil {
		return l.waiting
	}
	return 0
}

// DeliverChunk implements [remote.Handler]. A chunk that is lost on the way is garbage.
func (a *arrivals) DeliverChunk(from engine.Peer, chunk *remote.Chunk) {
	a.network.carryChunk(way{from.ID, a.node}, len(chunk.Data), func() {
		a.arrive(func(h remote.Handler) { h.DeliverChunk(from, chunk) })
	})
}

// DeliverChunkAck implements [remote.Handler].
func (a *arrivals) DeliverChunkAck(from engine.Peer, ack remote.ChunkAck) {
	a.network.carry(way{from.ID, a.node}, func() {
		a.arrive(func(h remote.Handler) { h.DeliverChunkAck(from, ack) })
	})
}
