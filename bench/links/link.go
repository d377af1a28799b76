package links

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Bounds of what a link does by itself.
const (
	dialTimeout = time.Second
	bufferSize  = 64 << 10
)

// link is the way on which one node dials another.
type link struct {
	listener *net.TCPListener
	flow     *gate         // shut: nothing of a connection passes, its end included
	entrance *gate         // shut: nobody is let in
	parked   chan struct{} // accept sends when it has stopped at the entrance
	done     chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	target  string
	closed  bool
	conns   map[net.Conn]struct{} // both sides of each connection
	fillers []net.Conn            // of the last silence: our own, that take up the room of those who wait to be let in
}

func newLink() (*link, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	l := &link{
		listener: listener, flow: newGate(), entrance: newGate(),
		parked: make(chan struct{}), done: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	l.running.Go(l.accept)
	return l, nil
}

func (l *link) address() string { return l.listener.Addr().String() }

// lead says where the link ends.
func (l *link) lead(target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// accept lets connections in while the entrance is open.
func (l *link) accept() {
	defer close(l.parked) // nobody waits for what has ended
	for {
		conn, err := l.listener.Accept()
		switch {
		case err == nil:
			l.running.Go(func() { l.carry(conn) })
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !l.park() {
				return
			}
		default: // closed, or the system is out of file descriptors: who dials from now on is not let in
			return
		}
	}
}

// park waits for the entrance to open. It returns false when the link is closed.
func (l *link) park() bool {
	select {
	case l.parked <- struct{}{}: // bar waits for this
	case <-l.done:
		return false
	}
	return l.entrance.pass(l.done)
}

// carry moves the bytes of one connection in both directions until either side ends.
func (l *link) carry(near net.Conn) {
	defer near.Close()
	if !l.own(near) {
		return
	}
	defer l.disown(near)
	if !l.flow.pass(l.done) || l.isFiller(near) {
		return
	}
	far, err := net.DialTimeout("tcp", l.whereTo(), dialTimeout)
	if err != nil {
		return // the dialler sees a connection that ends at once
	}
	defer far.Close()
	if !l.own(far) {
		return
	}
	defer l.disown(far)
	var back sync.WaitGroup
	back.Go(func() { l.pump(near, far) })
	l.pump(far, near)
	back.Wait()
}

func (l *link) whereTo() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.target
}

// pump moves bytes. Whatever it learns, it waits for the flow before it acts on it: the end of a connection is a
// packet too.
func (l *link) pump(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, bufferSize)
	for {
		n, err := from.Read(buffer)
		if !l.flow.pass(l.done) {
			return
		}
		if n > 0 {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				l.flow.pass(l.done)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// own makes close end the connection; it returns false when that has happened.
func (l *link) own(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *link) disown(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// close ends everything and waits for it.
func (l *link) close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
		_ = l.listener.Close() // what it could tell, nobody could use
		for conn := range l.conns {
			conn.Close()
		}
		l.closeFillers()
	}
	l.mu.Unlock()
	l.running.Wait()
}
