package remote

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// InProcess is the [Network] of nodes in one process, for tests and embedded clusters. A message goes straight from
// Send to the receiver's Deliver, on the sender's goroutine: there is no queue, no goroutine and no copy, so a
// single-threaded host runs it deterministically. The gateway checks it as it does on the wire; since the sender is
// no stranger here, a malformed message is a bug and panics.
//
// Handlers must therefore not call Close, and a Deliver that answers by Send at once nests; handlers that post to a
// mailbox do neither.
type InProcess struct {
	mu         sync.Mutex
	transports map[string]*inProcessTransport // by address, those that are started
	cut        map[direction]bool
	sides      map[engine.NodeID]int // of the partition; zero: the rest
	partitions int
	drop       func(from, to engine.NodeID, message engine.Message) bool
	dropChunk  func(from, to engine.NodeID, chunk *Chunk) bool
}

// direction is one way between two nodes.
type direction struct{ from, to engine.NodeID }

// NewInProcess returns a network without nodes.
func NewInProcess() *InProcess {
	return &InProcess{
		transports: make(map[string]*inProcessTransport),
		cut:        make(map[direction]bool),
		sides:      make(map[engine.NodeID]int),
	}
}

// InProcessAddress returns the address of a node in every [InProcess] network.
func InProcessAddress(id engine.NodeID) string {
	return "in-process:" + strconv.FormatUint(uint64(id), 10)
}

// NewTransport returns a transport that is not connected yet. Errors wrap [ErrInvalidConfig].
func (n *InProcess) NewTransport(local Hello) (Transport, error) {
	if err := validateLocal(local); err != nil {
		return nil, err
	}
	local.Version, local.Address = WireVersion, InProcessAddress(local.Peer.ID)
	t := &inProcessTransport{
		network: n, local: local,
		routes: make(map[engine.NodeID]string),
		links:  make(map[engine.NodeID]link),
	}
	t.idle.L = &t.mu
	return t, nil
}

// Partition parts the named nodes from all others and from every earlier Partition's; among themselves they still
// talk. [InProcess.Heal] ends it.
func (n *InProcess) Partition(side ...engine.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.partitions++
	for _, id := range side {
		n.sides[id] = n.partitions
	}
}

// Cut loses everything that from sends to to, until [InProcess.Heal]. The other direction is not touched.
func (n *InProcess) Cut(from, to engine.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[direction{from, to}] = true
}

// Heal ends every Partition and Cut. What Drop installed stays.
func (n *InProcess) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	clear(n.sides)
}

// Drop loses every message for which lose returns true; nil ends that. It is called on the senders' goroutines,
// several at once, and must not block.
func (n *InProcess) Drop(lose func(from, to engine.NodeID, message engine.Message) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = lose
}

// DropChunks loses every piece of a snapshot for which lose returns true, as Drop does with messages; their
// acknowledgements are lost only by Partition and Cut.
func (n *InProcess) DropChunks(lose func(from, to engine.NodeID, chunk *Chunk) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropChunk = lose
}

// passage is what the network says of one way at this moment.
type passage struct {
	target    *inProcessTransport // nil: nobody is there, or the way is cut
	drop      func(from, to engine.NodeID, message engine.Message) bool
	dropChunk func(from, to engine.NodeID, chunk *Chunk) bool
}

func (n *InProcess) passage(from, to engine.NodeID, address string) passage {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[direction{from, to}] || n.sides[from] != n.sides[to] {
		return passage{}
	}
	return passage{target: n.transports[address], drop: n.drop, dropChunk: n.dropChunk}
}

func (n *InProcess) at(address string) *inProcessTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.transports[address]
}

func (n *InProcess) register(address string, t *inProcessTransport) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.transports[address] != nil {
		return fmt.Errorf("remote: %v cannot listen on %s: address already in use", t.local.Peer.ID, address)
	}
	n.transports[address] = t
	return nil
}

func (n *InProcess) unregister(address string, t *inProcessTransport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.transports[address] == t {
		delete(n.transports, address)
	}
}

// inProcessTransport is one node's place in the network. No lock is held while a handler runs.
type inProcessTransport struct {
	network *InProcess
	counters

	mu      sync.Mutex
	idle    sync.Cond // busy fell to zero
	busy    int       // calls of handler that have not returned
	local   Hello
	handler Handler // nil: not started, or closed
	closed  bool
	routes  map[engine.NodeID]string
	links   map[engine.NodeID]link
}

// link is what a connection is here: both ends have seen each other.
type link struct {
	target *inProcessTransport
	ready  bool // false while the handlers hear of it
}

func (t *inProcessTransport) Start(handler Handler) error {
	if t.isStarted() {
		return ErrClosed
	}
	if err := t.network.register(t.Address(), t); err != nil {
		return err
	}
	t.mu.Lock()
	t.handler = handler
	routes := make([]engine.NodeID, 0, len(t.routes))
	for to := range t.routes {
		routes = append(routes, to)
	}
	t.mu.Unlock()
	for _, to := range routes {
		t.connect(to)
	}
	return nil
}

func (t *inProcessTransport) isStarted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed || t.handler != nil
}

func (t *inProcessTransport) Address() string { return t.introduction().Address }

func (t *inProcessTransport) introduction() Hello {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local
}

func (t *inProcessTransport) SetRoute(to engine.NodeID, address string) {
	if t.changeRoute(to, address) {
		t.connect(to)
	}
}

func (t *inProcessTransport) changeRoute(to engine.NodeID, address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || to == 0 || to == t.local.Peer.ID || t.routes[to] == address {
		return false
	}
	t.routes[to] = address
	return true
}

func (t *inProcessTransport) DropRoute(to engine.NodeID) {
	t.mu.Lock()
	delete(t.routes, to)
	delete(t.links, to)
	t.mu.Unlock()
	if other := t.network.at(InProcessAddress(to)); other != nil {
		other.disconnect(t.local.Peer.ID)
	}
}

func (t *inProcessTransport) disconnect(to engine.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, to)
}

func (t *inProcessTransport) PinCluster(id engine.ClusterID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.local.Cluster.Same(id) {
		t.local.Cluster = id
	}
}

// route returns where a peer is, as far as this transport may send at all.
func (t *inProcessTransport) route(to engine.NodeID) (address string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	address, ok = t.routes[to]
	return address, ok && t.handler != nil
}

// connect sees to the link with a peer and returns the way to it, if there is one.
func (t *inProcessTransport) connect(to engine.NodeID) (passage, bool) {
	address, ok := t.route(to)
	if !ok {
		return passage{}, false
	}
	local := t.introduction()
	way := t.network.passage(local.Peer.ID, to, address)
	if way.target == nil {
		t.disconnect(to)
		return way, false
	}
	remote := way.target.introduction()
	if remote.Peer.ID != to || judge(local, remote) != nil {
		t.refused.Add(1)
		way.target.refused.Add(1)
		return way, false
	}
	l, begun := t.link(to, way.target)
	if begun {
		t.shakeHands(local, remote, way.target)
	}
	return way, l.ready || begun
}

// link returns the link with a peer, and whether the caller has to shake hands for it.
func (t *inProcessTransport) link(to engine.NodeID, target *inProcessTransport) (l link, begun bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l = t.links[to]; l.target == target {
		return l, false
	}
	t.links[to] = link{target: target}
	return link{}, true
}

// shakeHands tells both handlers. Until they have returned, messages on this link are dropped: none may overtake the
// handshake.
func (t *inProcessTransport) shakeHands(local, remote Hello, target *inProcessTransport) {
	target.learnRoute(local)
	target.handle(func(h Handler) { h.PeerSeen(local) })
	t.handle(func(h Handler) { h.PeerSeen(remote) })
	t.dials.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[remote.Peer.ID].target == target {
		t.links[remote.Peer.ID] = link{target: target, ready: true}
	}
}

func (t *inProcessTransport) learnRoute(hello Hello) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.routes[hello.Peer.ID]; !known {
		t.routes[hello.Peer.ID] = hello.Address
	}
}

// handle calls the handler unless the transport is closed; Close waits for it to return.
func (t *inProcessTransport) handle(call func(Handler)) bool {
	t.mu.Lock()
	handler := t.handler
	if handler == nil {
		t.mu.Unlock()
		return false
	}
	t.busy++
	t.mu.Unlock()
	defer t.handled()
	call(handler)
	return true
}

func (t *inProcessTransport) handled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy--; t.busy == 0 {
		t.idle.Broadcast()
	}
}

func (t *inProcessTransport) Send(to engine.NodeID, message engine.Message) {
	way, ok := t.connect(to)
	local := t.introduction().Peer
	if !ok || way.drop != nil && way.drop(local.ID, to, message) {
		t.dropped.Add(1)
		return
	}
	size := frameHeaderSize + envelopeSize(message)
	t.sent.Add(1)
	t.sentBytes.Add(uint64(size))
	way.target.deliver(local, message, size)
}

func (t *inProcessTransport) deliver(from engine.Peer, message engine.Message, size int) {
	if err := validate(message); err != nil {
		panic(fmt.Sprintf("remote: %v sent what no engine says: %v", from, err))
	}
	t.handle(func(h Handler) {
		t.received.Add(1)
		h.Deliver(from, message, size)
	})
}

func (t *inProcessTransport) SendChunk(to engine.NodeID, chunk *Chunk) bool {
	if err := chunk.validate(); err != nil {
		panic(fmt.Sprintf("remote: %v sends what no host sends: %v", t.introduction().Peer, err))
	}
	way, ok := t.connect(to)
	local := t.introduction().Peer
	if !ok {
		t.dropped.Add(1)
		chunk.Release()
		return false
	}
	t.chunksSent.Add(1)
	t.chunkBytes.Add(uint64(len(chunk.Data)))
	if way.dropChunk != nil && way.dropChunk(local.ID, to, chunk) || !way.target.deliverChunk(local, chunk) {
		chunk.Release()
	}
	return true
}

// deliverChunk reports whether the handler has got the chunk.
func (t *inProcessTransport) deliverChunk(from engine.Peer, chunk *Chunk) bool {
	return t.handle(func(h Handler) {
		t.chunksReceived.Add(1)
		h.DeliverChunk(from, chunk)
	})
}

func (t *inProcessTransport) ChunksWaiting(engine.NodeID) int { return 0 }

func (t *inProcessTransport) SendChunkAck(to engine.NodeID, ack ChunkAck) {
	way, ok := t.connect(to)
	if !ok {
		t.dropped.Add(1)
		return
	}
	from := t.introduction().Peer
	way.target.handle(func(h Handler) { h.DeliverChunkAck(from, ack) })
}

func (t *inProcessTransport) Metrics() Metrics { return t.metrics() }

func (t *inProcessTransport) Close() error {
	t.network.unregister(t.Address(), t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.handler = true, nil
	for t.busy > 0 {
		t.idle.Wait()
	}
	return nil
}
