package remote

import (
	"fmt"
	"net"
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// TCP is the [Network] of nodes in different processes. It is the configuration of one node.
type TCP struct {
	cfg TCPConfig
}

// NewTCP returns the network of a node that is reached as cfg says. What is wrong with cfg is told by
// [TCP.NewTransport].
func NewTCP(cfg TCPConfig) *TCP { return &TCP{cfg: cfg.withDefaults()} }

// NewTransport returns a transport that does not listen yet. Errors wrap [ErrInvalidConfig].
func (n *TCP) NewTransport(local Hello) (Transport, error) {
	if err := n.cfg.validate(); err != nil {
		return nil, err
	}
	if err := validateLocal(local); err != nil {
		return nil, err
	}
	local.Version = WireVersion
	local.Address = n.cfg.Advertise
	if local.Address == "" {
		local.Address = n.cfg.Listen
	}
	return &tcpTransport{
		cfg:       n.cfg,
		strange:   throttle{logger: n.cfg.Logger},
		local:     local,
		peers:     make(map[engine.NodeID]*peer),
		inbound:   make(map[engine.NodeID]*inbound),
		porters:   make(map[engine.NodeID]*inbound),
		strangers: make(map[net.Conn]uint64),
	}, nil
}

// tcpTransport is one node's end of every connection.
type tcpTransport struct {
	cfg     TCPConfig
	handler Handler // set by Start
	strange throttle
	counters

	mu        sync.RWMutex
	local     Hello
	listener  net.Listener
	started   bool
	closed    bool
	peers     map[engine.NodeID]*peer    // routes; each dials one outbound connection
	inbound   map[engine.NodeID]*inbound // the newest inbound connection of each peer
	porters   map[engine.NodeID]*inbound // the same, of those that bring snapshots
	accepted  uint64                     // inbound connections so far
	strangers map[net.Conn]uint64        // inbound, before the handshake is done, with their order of arrival
	running   sync.WaitGroup             // every goroutine; added to under mu while not closed
}

func (t *tcpTransport) Start(handler Handler) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.started || t.closed {
		return ErrClosed
	}
	listener, err := net.Listen("tcp", t.cfg.Listen)
	if err != nil {
		return fmt.Errorf("remote: %v cannot listen on %s: %w", t.local.Peer.ID, t.cfg.Listen, err)
	}
	if err := t.cfg.permits(listener.Addr()); err != nil {
		listener.Close()
		return err
	}
	t.listener, t.handler, t.started = listener, handler, true
	if validateAddress(t.local.Address) != nil { // no port to dial was chosen: it is the one that the system took
		t.local.Address = listener.Addr().String()
	}
	t.running.Go(t.accept)
	for _, p := range t.peers {
		p.start()
	}
	return nil
}

func (t *tcpTransport) Address() string { return t.introduction().Address }

// introduction returns what this node says of itself at this moment.
func (t *tcpTransport) introduction() Hello {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.local
}

func (t *tcpTransport) SetRoute(to engine.NodeID, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || to == 0 || to == t.local.Peer.ID {
		return
	}
	if p := t.peers[to]; p != nil && p.address == address {
		p.adopt()
		return
	}
	t.replaceRoute(to, address, false)
}

// replaceRoute begins anew with a peer. The caller holds mu.
func (t *tcpTransport) replaceRoute(to engine.NodeID, address string, learned bool) *peer {
	t.removeRoute(to)
	p := newPeer(t, to, address, learned)
	t.peers[to] = p
	if t.started {
		p.start()
	}
	return p
}

func (t *tcpTransport) removeRoute(to engine.NodeID) {
	if p := t.peers[to]; p != nil {
		p.stop()
		delete(t.peers, to)
	}
}

func (t *tcpTransport) DropRoute(to engine.NodeID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeRoute(to)
	t.closeInbound(func(in *inbound) bool { return in.hello.Peer.ID == to })
}

// closeInbound closes the inbound connections, of either kind, that are unwanted. The caller holds mu.
func (t *tcpTransport) closeInbound(unwanted func(*inbound) bool) {
	for _, connections := range []map[engine.NodeID]*inbound{t.inbound, t.porters} {
		for _, in := range connections {
			if unwanted(in) {
				in.conn.Close()
			}
		}
	}
}

// learnRoute takes the address of an inbound handshake as the route to a sender that has no other: a joiner must be
// able to get answers before any configuration names it. The caller holds mu.
func (t *tcpTransport) learnRoute(hello Hello) *peer {
	p := t.peers[hello.Peer.ID]
	if p == nil || p.learned() && p.address != hello.Address {
		return t.replaceRoute(hello.Peer.ID, hello.Address, true)
	}
	p.noticeAlive(hello)
	return p
}

func (t *tcpTransport) PinCluster(id engine.ClusterID) {
	if was, ok := t.pin(id); !ok {
		t.cfg.Logger.Warn("cannot pin another cluster", "cluster", was, "refused", id)
	}
}

// pin reports whether id is what this node knew already, and more. No lock is held while a Logger is called: it is
// the user's, and may call back.
func (t *tcpTransport) pin(id engine.ClusterID) (was engine.ClusterID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was = t.local.Cluster; !was.Same(id) {
		return was, false
	}
	t.local.Cluster = id
	t.closeInbound(func(in *inbound) bool { return !in.hello.Cluster.Same(id) })
	for _, p := range t.peers {
		p.closeUnless(func(remote Hello) bool { return remote.Cluster.Same(id) })
	}
	return was, true
}

func (t *tcpTransport) Send(to engine.NodeID, message engine.Message) {
	p := t.route(to)
	if p == nil || !t.queue(p, message) {
		t.dropped.Add(1)
	}
}

func (t *tcpTransport) route(to engine.NodeID) *peer {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.peers[to]
}

func (t *tcpTransport) queue(p *peer, message engine.Message) bool {
	size := envelopeSize(message)
	if size > t.cfg.MaxFrameBytes {
		t.strange.warn("dropped a message that is larger than MaxFrameBytes", "peer", p.id, "size", size)
		return false
	}
	return p.send(message, frameHeaderSize+size)
}

func (t *tcpTransport) SendChunk(to engine.NodeID, chunk *Chunk) bool {
	p := t.route(to)
	if p == nil || len(chunk.Data)+maxChunkHead > t.cfg.MaxFrameBytes || !p.courier.chunks.push(chunk) {
		chunk.Release()
		t.dropped.Add(1)
		return false
	}
	return true
}

func (t *tcpTransport) ChunksWaiting(to engine.NodeID) int {
	if p := t.route(to); p != nil {
		return p.courier.chunks.waiting()
	}
	return 0
}

func (t *tcpTransport) SendChunkAck(to engine.NodeID, ack ChunkAck) {
	t.mu.RLock()
	in := t.porters[to]
	t.mu.RUnlock()
	if in == nil || !in.acks.push(ack) {
		t.dropped.Add(1)
	}
}

func (t *tcpTransport) Metrics() Metrics { return t.metrics() }

func (t *tcpTransport) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		t.closeConnections()
	}
	t.mu.Unlock()
	t.running.Wait()
	return nil
}

// closeConnections ends every goroutine by taking away what it waits for. The caller holds mu.
func (t *tcpTransport) closeConnections() {
	if t.listener != nil {
		t.listener.Close()
	}
	for conn := range t.strangers {
		conn.Close()
	}
	t.closeInbound(func(*inbound) bool { return true })
	for _, p := range t.peers {
		p.stop()
	}
}

func (t *tcpTransport) isClosed() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.closed
}
