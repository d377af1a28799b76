package links

import (
	"net"
	"slices"
	"time"
)

const (
	// fillTimeout is how long a filler waits for an answer: on the loopback interface an answer takes microseconds.
	fillTimeout = 50 * time.Millisecond
	// maxFillers is how many fillers are tried before the system is taken for one that answers everybody.
	maxFillers = 4
	// backlog is how many wait to be let in at an open entrance.
	backlog = 128
)

// bar shuts the entrance: nobody is accepted any more, and where the system can be told so, not even answered.
// Connections that exist go on.
func (l *link) bar() error {
	l.entrance.shut()
	if err := l.listener.SetDeadline(time.Unix(1, 0)); err != nil { // accept leaves its wait
		return err
	}
	select {
	case <-l.parked:
	case <-l.done:
		return net.ErrClosed
	}
	if err := setBacklog(l.listener, 0); err != nil {
		return err
	}
	return l.fill()
}

// fill takes up the room that is left for connections that wait to be accepted. From then on the system drops requests
// to connect, as a lossy network would. Where it does not, those who dial are connected and hear nothing.
func (l *link) fill() error {
	l.forgetFillers()
	for range maxFillers {
		conn, err := net.DialTimeout("tcp", l.address(), fillTimeout)
		if err != nil {
			return nil // no answer: this is it
		}
		if !l.keepFiller(conn) {
			return net.ErrClosed
		}
	}
	return nil
}

func (l *link) forgetFillers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fillers = nil
}

func (l *link) keepFiller(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return false
	}
	l.fillers = append(l.fillers, conn)
	return true
}

// unbar opens the entrance again.
func (l *link) unbar() error {
	l.mu.Lock()
	l.closeFillers()
	l.mu.Unlock()
	if err := setBacklog(l.listener, backlog); err != nil {
		return err
	}
	if err := l.listener.SetDeadline(time.Time{}); err != nil {
		return err
	}
	l.entrance.open()
	return nil
}

// isFiller tells our own connections from those of nodes when they are let in at last.
func (l *link) isFiller(near net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.fillers, func(own net.Conn) bool {
		return own.LocalAddr().String() == near.RemoteAddr().String()
	})
}

// closeFillers is for callers that hold mu. It forgets none: they are still in the queue of those to be accepted.
func (l *link) closeFillers() {
	for _, conn := range l.fillers {
		conn.Close()
	}
}
