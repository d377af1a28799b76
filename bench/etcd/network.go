package etcd

import (
	"errors"
	"net"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
)

// network is one host's connections: one to each peer for what it sends, and those that peers made to it.
type network struct {
	listener net.Listener
	links    map[uint64]*link

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // open ones, of both kinds
	closed bool
}

func newNetwork(address string) (*network, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &network{listener: listener, links: make(map[uint64]*link), conns: make(map[net.Conn]struct{})}, nil
}

func (n *network) send(m raftpb.Message) {
	if l := n.links[m.To]; l != nil {
		l.queue.push(m)
	}
}

func (n *network) sendAll(messages []raftpb.Message) {
	for _, m := range messages {
		n.send(m)
	}
}

// adopt takes a connection to be closed at the end; after the end it closes it at once.
func (n *network) adopt(conn net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		conn.Close()
		return false
	}
	n.conns[conn] = struct{}{}
	return true
}

func (n *network) release(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, conn)
	conn.Close()
}

func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.listener.Close()
	for conn := range n.conns {
		conn.Close()
	}
}

// accept serves peers until the network is closed.
func (h *host) accept() {
	for {
		conn, err := h.network.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !h.network.adopt(conn) {
			continue
		}
		h.running.Go(func() {
			defer h.network.release(conn)
			h.receive(conn)
		})
	}
}
