package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/engine"
)

// maxConnections bounds the clients of a node. One more is told so and left.
const maxConnections = 4096

// server is the client port of a node.
type server struct {
	store     store
	directory *directory
	id        engine.NodeID
	cluster   string
	address   string // where clients connect
	requests  requestTable
	logger    hclog.Logger
	counters  counters
	started   time.Time

	ctx    context.Context // ends when connections are no longer waited for
	cancel context.CancelFunc

	mu          sync.Mutex
	listener    net.Listener
	connections map[*connection]struct{}
	draining    bool
	running     sync.WaitGroup // connections, and the accept loop
}

// counters only rise.
type counters struct {
	connections    atomic.Int64 // accepted
	rejected       atomic.Int64 // beyond maxConnections
	commands       atomic.Int64 // of all kinds
	busy           atomic.Int64 // proposals that had to wait
	protocolErrors atomic.Int64
}

// newServer returns a server for the clients of a node that reach it at address.
func newServer(s store, dir *directory, id engine.NodeID, cluster, address string, logger hclog.Logger) *server {
	ctx, cancel := context.WithCancel(context.Background())
	return &server{
		store:       s,
		directory:   dir,
		id:          id,
		cluster:     cluster,
		address:     address,
		requests:    newRequestTable(),
		logger:      logger,
		started:     time.Now(),
		ctx:         ctx,
		cancel:      cancel,
		connections: make(map[*connection]struct{}),
	}
}

// serve accepts clients until shutdown, and closes the listener.
func (s *server) serve(listener net.Listener) {
	if !s.begin(listener) {
		return
	}
	defer s.running.Done()
	for delay := minBackOff; ; {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Out of descriptors, most likely: without a pause this loop would take a core.
			s.logger.Warn("accept failed", "error", err)
			if !s.pause(delay) {
				return
			}
			delay = min(2*delay, time.Second)
		default:
			delay = minBackOff
			s.admit(conn)
		}
	}
}

func (s *server) begin(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		_ = listener.Close() // nothing was accepted from it
		return false
	}
	s.listener = listener
	s.running.Add(1)
	return true
}

// admit starts to serve a client, unless there are too many.
func (s *server) admit(conn net.Conn) {
	c := newConnection(s, conn, s.counters.connections.Add(1))
	s.mu.Lock()
	full := s.draining || len(s.connections) >= maxConnections
	if !full {
		s.connections[c] = struct{}{}
		s.running.Add(1)
	}
	s.mu.Unlock()
	if full {
		s.reject(conn)
		return
	}
	go func() {
		defer s.running.Done()
		defer s.leave(c)
		c.serve()
	}()
}

// reject runs in the accept loop; a fresh socket has room for the one line that is written.
func (s *server) reject(conn net.Conn) {
	s.counters.rejected.Add(1)
	w := replyWriter{sink: conn}
	w.failure("ERR max number of clients reached")
	_ = w.flush()    // best effort
	_ = conn.Close() // likewise
}

func (s *server) leave(c *connection) {
	_ = c.conn.Close() // there is nobody left to tell
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

func (s *server) connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.connections)
}

// pause waits; false means that the server stops.
func (s *server) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// shutdown stops listening, lets every connection finish the requests that it has read, and closes it. When ctx
// ends first, the rest are cut off. It returns when all goroutines of the server have ended.
func (s *server) shutdown(ctx context.Context) {
	s.drain()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.cutOff()
		<-ended
	}
	s.cancel()
}

// drain makes every read fail from now on, so a connection ends when it next waits for its client.
func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	if s.listener != nil {
		_ = s.listener.Close() // closing twice is fine
	}
	for c := range s.connections {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed one
	}
}

func (s *server) cutOff() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		_ = c.conn.Close() // its goroutine notices and leaves
	}
}
