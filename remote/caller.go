package remote

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// caller dials one other node, again and again, for one kind of connection.
type caller struct {
	t       *tcpTransport
	id      engine.NodeID
	address string
	kind    raftpb.ConnectionKind
	retry   chan struct{} // has a token when the peer has shown that it lives
	ctx     context.Context
	stopCtx context.CancelFunc

	mu          sync.Mutex
	stopped     bool
	conn        net.Conn                // nil while there is none
	remote      Hello                   // of conn, zero until its handshake is done
	news        Hello                   // the last inbound handshake since conn was made; zero: none
	connectStop context.CancelCauseFunc // nil while not connecting
}

// cargo is what a caller's connections are for. All methods are called on the caller's goroutine.
type cargo interface {
	// awaitWork returns when there is a reason to dial, or false when the caller is stopped.
	awaitWork() bool
	// answered is told who answered, before anything is carried.
	answered(remote Hello) error
	// carry uses the connection until it ends, and returns why it did.
	carry(conn net.Conn, reader *bufio.Reader) error
	// disconnected is told that a connection is over, or that there was none; not reachable: nobody answers there.
	disconnected(reachable bool)
}

func newCaller(t *tcpTransport, id engine.NodeID, address string, kind raftpb.ConnectionKind) *caller {
	c := &caller{t: t, id: id, address: address, kind: kind, retry: make(chan struct{}, 1)}
	c.ctx, c.stopCtx = context.WithCancel(context.Background())
	return c
}

// stop ends the goroutine; it does not wait for it.
func (c *caller) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.stopCtx()
	if c.conn != nil {
		c.conn.Close()
	}
}

// noticeAlive is told of an inbound handshake: a redial need not wait any longer, and a connection to an earlier
// process of that peer is dead.
func (c *caller) noticeAlive(hello Hello) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.news = hello
	if c.conn != nil && c.remote.Peer.ID != 0 && !sameProcess(c.remote, hello) {
		c.conn.Close()
	}
	if c.connectStop != nil {
		c.connectStop(errPeerAlive)
	}
	select {
	case c.retry <- struct{}{}:
	default:
	}
}

func sameProcess(a, b Hello) bool { return a.Peer == b.Peer && a.Epoch == b.Epoch }

// closeUnless closes a connection whose other end does not please.
func (c *caller) closeUnless(pleases func(remote Hello) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.remote.Peer.ID != 0 && !pleases(c.remote) {
		c.conn.Close()
	}
}

// run dials, carries what there is until the connection ends, and dials again.
func (c *caller) run(load cargo) {
	pause := newBackoff(c.t.cfg.RedialMin, c.t.cfg.RedialMax)
	reachable := true
	for load.awaitWork() {
		begun := time.Now()
		err := c.connectAndCarry(load)
		if c.ctx.Err() != nil {
			break
		}
		if errors.Is(err, errPeerAlive) {
			continue
		}
		reachable = c.noteEnd(err, reachable)
		load.disconnected(reachable)
		if time.Since(begun) > c.t.cfg.RedialMax+c.t.cfg.DialTimeout {
			pause.reset()
		}
		if !c.pause(pause) {
			break
		}
	}
	load.disconnected(false)
}

func (c *caller) pause(b *backoff) bool {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.retry:
		b.reset()
	case <-c.ctx.Done():
		return false
	}
	return true
}

// errConnect marks what went wrong before there was a connection.
var errConnect = errors.New("remote: cannot connect")

// errPeerAlive ends an attempt to connect that may have begun when the peer was not there yet: its packets are lost
// and the system would wait a second before it sends others.
var errPeerAlive = errors.New("remote: peer has come up")

func (c *caller) connectAndCarry(load cargo) error {
	raw, err := c.connect()
	if err != nil {
		return fmt.Errorf("%w to %v at %s: %w", errConnect, c.id, c.address, err)
	}
	defer raw.Close()
	defer c.disown()
	conn := raw
	if c.t.cfg.ClientTLS != nil {
		conn = tls.Client(raw, c.clientTLS())
	}
	reader := bufio.NewReaderSize(conn, maxHandshakeBytes)
	remote, err := c.introduce(conn, reader)
	if err != nil {
		return fmt.Errorf("%w to %v at %s: %w", errConnect, c.id, c.address, err)
	}
	c.t.dials.Add(1)
	c.t.cfg.Logger.Info("connected", "kind", c.kind, "peer", remote.Peer, "address", c.address)
	if err := load.answered(remote); err != nil {
		return err
	}
	return load.carry(conn, reader)
}

// connect makes the connection itself and owns it.
func (c *caller) connect() (net.Conn, error) {
	retry, cancelRetry := context.WithCancelCause(c.ctx)
	defer cancelRetry(nil)
	ctx, cancel := context.WithTimeout(retry, c.t.cfg.DialTimeout)
	defer cancel()
	c.setConnectStop(cancelRetry)
	defer c.setConnectStop(nil)
	var dialer net.Dialer
	if c.t.cfg.plaintextForbidden() {
		dialer.Control = onlyLoopback
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, cmp.Or(context.Cause(retry), err)
	}
	limitUnsent(conn)
	return conn, c.own(conn)
}

// onlyLoopback sees the resolved address before anything leaves.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err == nil && isLoopback(host) {
		return nil
	}
	return errors.New("not on the loopback interface: configure TLS or set AllowPlaintext")
}

func (c *caller) setConnectStop(cancel context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connectStop = cancel
}

// own makes conn the one that stop closes.
func (c *caller) own(conn net.Conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		conn.Close()
		return net.ErrClosed
	}
	c.conn, c.remote, c.news = conn, Hello{}, Hello{}
	return nil
}

func (c *caller) disown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.remote = nil, Hello{}
}

// introduce is the dialler's side of the handshake, all within one deadline.
func (c *caller) introduce(conn net.Conn, reader *bufio.Reader) (Hello, error) {
	if err := conn.SetDeadline(time.Now().Add(c.t.cfg.HandshakeTimeout)); err != nil {
		return Hello{}, err
	}
	local := c.t.introduction()
	local.kind = c.kind
	remote, err := introduce(conn, reader, local, c.id)
	if err != nil {
		return Hello{}, err
	}
	if err := c.t.authenticate(conn, remote.Peer.ID); err != nil {
		return Hello{}, err
	}
	if err := c.setRemote(remote); err != nil {
		return Hello{}, err
	}
	if err := judge(c.t.introduction(), remote); err != nil { // the cluster was pinned meanwhile
		return Hello{}, err
	}
	return remote, conn.SetDeadline(time.Time{})
}

// setRemote says who answered, unless that is out of date.
func (c *caller) setRemote(remote Hello) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.outdated(remote); err != nil {
		return err
	}
	c.remote = remote
	return nil
}

// outdated tells whether another process of the node that answered has introduced itself meanwhile: then this answer
// may be the last word of the older. The caller holds mu.
func (c *caller) outdated(remote Hello) error {
	switch {
	case c.stopped:
		return net.ErrClosed
	case c.news.Peer.ID != 0 && !sameProcess(c.news, remote):
		return errPeerAlive
	}
	return nil
}

// noteEnd counts and logs the end of an attempt or a connection. Only the first of several failed attempts in a row
// is worth a warning.
func (c *caller) noteEnd(err error, wasReachable bool) (reachable bool) {
	if !errors.Is(err, errConnect) {
		c.t.cfg.Logger.Info("connection ended", "peer", c.id, "error", err)
		return true
	}
	if errors.Is(err, ErrRefused) {
		c.t.refused.Add(1)
	} else {
		c.t.dialErrors.Add(1)
	}
	if wasReachable {
		c.t.cfg.Logger.Warn("peer is unreachable", "peer", c.id, "error", err)
	} else {
		c.t.cfg.Logger.Debug("peer is still unreachable", "peer", c.id, "error", err)
	}
	return false
}

// backoff is the pause between two dials: drawn between least and a bound that doubles up to most, so that nodes do
// not dial in step.
type backoff struct {
	least, most, current time.Duration
}

func newBackoff(least, most time.Duration) *backoff {
	return &backoff{least: least, most: most, current: least}
}

func (b *backoff) next() time.Duration {
	pause := b.least + rand.N(b.current-b.least+1)
	b.current = min(2*b.current, b.most)
	return pause
}

func (b *backoff) reset() { b.current = b.least }
