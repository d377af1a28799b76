package remote

import (
	"bufio"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// maxStrangers bounds the connections that have not said who they are. Each of them has a handshake's time to do so,
// and less when others come: the oldest makes room, so those that keep silent do not shut out those that speak.
const maxStrangers = 64

// readBufferSize is what one read of the socket can bring.
const readBufferSize = 64 << 10

// acceptPause is how long to wait after the system refused to accept, as when it is out of file descriptors.
const acceptPause = 50 * time.Millisecond

// inbound is a connection that a peer has dialled: it brings messages and takes nothing but keep-alives.
type inbound struct {
	conn  net.Conn
	order uint64 // of its arrival
	hello Hello
	older *inbound      // the connection it replaced; may be nil
	route *peer         // the way back, as it was when the handshake was done; nil with snapshots
	done  chan struct{} // closed when nothing of this connection reaches the handler any more

	snapshots bool // it brings chunks, and takes acknowledgements too
	acks      *ackBox
}

// awaitOlder lets nothing of the older connection come after the news of this one.
func (in *inbound) awaitOlder() {
	if in.older != nil {
		<-in.older.done
		in.older = nil
	}
}

// accept takes connections until the listener is closed.
func (t *tcpTransport) accept() {
	for {
		conn, err := t.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			t.strange.warn("cannot accept a connection", "error", err)
			time.Sleep(acceptPause)
		default:
			if oldest := t.takeIn(conn); oldest != nil {
				t.refused.Add(1)
				t.strange.warn("closed a connection: too many handshakes at once", "from", oldest.RemoteAddr())
			}
		}
	}
}

// takeIn starts the goroutine of an accepted connection. It returns the stranger that was closed for it, if any.
func (t *tcpTransport) takeIn(conn net.Conn) (oldest net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		conn.Close()
		return nil
	}
	if len(t.strangers) >= maxStrangers {
		oldest = t.oldestStranger()
		delete(t.strangers, oldest)
		oldest.Close()
	}
	t.accepted++
	order := t.accepted
	t.strangers[conn] = order
	t.running.Go(func() { t.receive(conn, order) })
	return oldest
}

func (t *tcpTransport) oldestStranger() (oldest net.Conn) {
	least := uint64(math.MaxUint64)
	for conn, order := range t.strangers {
		if order < least {
			oldest, least = conn, order
		}
	}
	return oldest
}

// receive is the life of an inbound connection.
func (t *tcpTransport) receive(raw net.Conn, order uint64) {
	defer raw.Close()
	conn := raw
	if t.cfg.ServerTLS != nil {
		conn = tls.Server(raw, t.cfg.ServerTLS)
	}
	source := &vitalConn{Conn: conn, keepAlive: t.cfg.KeepAlive, idleTimeout: t.cfg.IdleTimeout}
	reader := bufio.NewReaderSize(source, maxHandshakeBytes)
	in := &inbound{conn: raw, order: order, done: make(chan struct{}), acks: newAckBox()}
	err := t.identify(in, conn, reader)
	if err != nil {
		t.noteStranger(raw, err)
		return
	}
	defer t.leave(in)
	in.awaitOlder()
	if err := t.welcome(conn); err != nil {
		t.noteStranger(raw, err)
		return
	}
	source.vital = true
	if in.snapshots {
		t.noteEnd(in, t.deliverChunks(in, conn, reader))
		return
	}
	in.route.tellSeen(in.hello)
	t.noteEnd(in, t.deliverAll(in, bufio.NewReaderSize(reader, readBufferSize)))
}

// identify is the first half of the listener's handshake: it admits the connection, or answers why it does not. The
// deadline it sets holds for the whole handshake.
func (t *tcpTransport) identify(in *inbound, conn net.Conn, reader *bufio.Reader) error {
	defer t.forgetStranger(in.conn)
	if err := conn.SetDeadline(time.Now().Add(t.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	hello, err := readHello(reader, t.introduction())
	if err == nil {
		err = t.authenticate(conn, hello.Peer.ID)
	}
	if err == nil {
		in.hello, in.snapshots = hello, hello.kind == raftpb.ConnectionKind_CONNECTION_KIND_SNAPSHOT
		err = t.admit(in)
	}
	if err != nil {
		return errors.Join(err, refuseHello(conn, err))
	}
	return nil
}

// welcome is the second half. From here on signs of life replace the deadline.
func (t *tcpTransport) welcome(conn net.Conn) error {
	if err := welcomeHello(conn, t.introduction()); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// admit makes in the connection of its peer. An older one is closed: its process has restarted or has given it up. Which
// of two is the older is told by their arrival: epochs are drawn and have no order, and a Hello may be read late.
func (t *tcpTransport) admit(in *inbound) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, connections := in.hello.Peer.ID, t.connections(in)
	older := connections[id]
	_, waiting := t.strangers[in.conn]
	switch {
	case t.closed:
		return ErrClosed
	case !waiting: // it had to make room
		return net.ErrClosed
	case !t.local.Cluster.Same(in.hello.Cluster): // the cluster was pinned meanwhile
		return judge(t.local, in.hello)
	case older == nil && len(connections) >= t.cfg.MaxPeers:
		return refuse(raftpb.RefusalReason_REFUSAL_REASON_TOO_MANY_PEERS, "this node has %d peers already", len(connections))
	case older != nil && older.order > in.order:
		return refuse(raftpb.RefusalReason_REFUSAL_REASON_LATE, "a newer connection of %v is there", id)
	case older != nil:
		older.conn.Close()
		in.older = older
	}
	delete(t.strangers, in.conn)
	connections[id] = in
	if !in.snapshots {
		in.route = t.learnRoute(in.hello)
	}
	return nil
}

// connections returns where a connection of its kind belongs.
func (t *tcpTransport) connections(in *inbound) map[engine.NodeID]*inbound {
	if in.snapshots {
		return t.porters
	}
	return t.inbound
}

// leave forgets a connection, and with it the route that only its handshake knew: so learned routes are as bounded
// as connections are.
func (t *tcpTransport) leave(in *inbound) {
	close(in.done)
	t.mu.Lock()
	defer t.mu.Unlock()
	id, connections := in.hello.Peer.ID, t.connections(in)
	if connections[id] != in {
		return
	}
	delete(connections, id)
	if p := t.peers[id]; !in.snapshots && p != nil && p.learned() {
		t.removeRoute(id)
	}
}

func (t *tcpTransport) forgetStranger(raw net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.strangers, raw)
}

// deliverAll hands over message after message until the connection ends, and returns why it did.
func (t *tcpTransport) deliverAll(in *inbound, reader *bufio.Reader) error {
	for {
		body, err := readFrame(reader, t.cfg.MaxFrameBytes)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			continue
		}
		message, err := decode(body)
		switch {
		case errors.Is(err, ErrUnknownMessage):
			t.unknown.Add(1)
			t.cfg.Logger.Debug("ignored a message of unknown type", "peer", in.hello.Peer, "version", in.hello.Version)
		case err != nil:
			return err
		default:
			t.received.Add(1)
			t.handler.Deliver(in.hello.Peer, message, frameHeaderSize+len(body))
		}
	}
}

func (t *tcpTransport) noteStranger(conn net.Conn, err error) {
	if t.isClosed() || errors.Is(err, net.ErrClosed) {
		return // our own doing: the end, or a newer connection of the same peer
	}
	t.refused.Add(1)
	t.strange.warn("refused an inbound connection", "from", conn.RemoteAddr(), "error", err)
}

func (t *tcpTransport) noteEnd(in *inbound, err error) {
	if errors.Is(err, ErrMalformed) {
		t.malformed.Add(1)
		t.strange.warn("closed a connection with malformed content", "peer", in.hello.Peer, "error", err)
		return
	}
	t.cfg.Logger.Debug("inbound connection ended", "peer", in.hello.Peer, "error", err)
}

// vitalConn reads from a connection whose two ends show each other that they live. Whatever arrives is answered by
// a keep-alive, at most one per half interval; nothing arriving for too long ends the connection. Bytes count, not
// frames: a slow link that moves a large frame is alive.
type vitalConn struct {
	net.Conn
	keepAlive, idleTimeout time.Duration
	vital                  bool // false during the handshake, which has its own deadline

	extended time.Time // when the read deadline was last moved
	answered time.Time
}

func (c *vitalConn) Read(b []byte) (int, error) {
	if !c.vital {
		return c.Conn.Read(b)
	}
	if err := c.extendDeadline(time.Now()); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	return n, c.answer(time.Now())
}

// extendDeadline moves the deadline seldom: a timer costs more than a small read.
func (c *vitalConn) extendDeadline(now time.Time) error {
	if now.Sub(c.extended) < c.idleTimeout/8 {
		return nil
	}
	c.extended = now
	return c.Conn.SetReadDeadline(now.Add(c.idleTimeout))
}

func (c *vitalConn) answer(now time.Time) error {
	if now.Sub(c.answered) < c.keepAlive/2 {
		return nil
	}
	c.answered = now
	if err := c.Conn.SetWriteDeadline(now.Add(c.idleTimeout)); err != nil {
		return err
	}
	_, err := c.Conn.Write(keepAlive)
	return err
}
