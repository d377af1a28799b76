package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yggr-go/yggr/engine"
)

// peer dials one other node and writes to it, on a goroutine of its own. Callers of Send write too, when that cannot
// make them wait (see [writer]).
type peer struct {
	t       *tcpTransport
	id      engine.NodeID
	address string
	outbox  *outbox
	retry   chan struct{} // has a token when the peer has shown that it lives
	ctx     context.Context
	stopCtx context.CancelFunc
	writer  atomic.Pointer[writer] // nil while there is no connection to write to

	seen        sync.Mutex // held while the handler is told of a handshake, so that news come in order
	mu          sync.Mutex
	isLearned   bool // from a handshake: dialled only when there is something to send
	stopped     bool
	conn        net.Conn                // nil while there is none
	remote      Hello                   // of conn, zero until its handshake is done
	news        Hello                   // the last inbound handshake since conn was made; zero: none
	connectStop context.CancelCauseFunc // nil while not connecting
}

func newPeer(t *tcpTransport, id engine.NodeID, address string, learned bool) *peer {
	p := &peer{
		t: t, id: id, address: address, isLearned: learned,
		outbox: newOutbox(t.cfg.MaxQueueBytes),
		retry:  make(chan struct{}, 1),
	}
	p.ctx, p.stopCtx = context.WithCancel(context.Background())
	return p
}

func (p *peer) learned() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isLearned
}

// adopt makes a learned route one that is kept connected.
func (p *peer) adopt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isLearned {
		p.isLearned = false
		p.outbox.signal()
	}
}

// stop ends the goroutine; it does not wait for it.
func (p *peer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.stopCtx()
	if p.conn != nil {
		p.conn.Close()
	}
}

// noticeAlive is told of an inbound handshake: a redial need not wait any longer, and a connection to an earlier
// process of that peer is dead.
func (p *peer) noticeAlive(hello Hello) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.news = hello
	if p.conn != nil && p.remote.Peer.ID != 0 && !sameProcess(p.remote, hello) {
		p.conn.Close()
	}
	if p.connectStop != nil {
		p.connectStop(errPeerAlive)
	}
	select {
	case p.retry <- struct{}{}:
	default:
	}
}

func sameProcess(a, b Hello) bool { return a.Peer == b.Peer && a.Epoch == b.Epoch }

// closeUnless closes a connection whose other end does not please.
func (p *peer) closeUnless(pleases func(remote Hello) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil && p.remote.Peer.ID != 0 && !pleases(p.remote) {
		p.conn.Close()
	}
}

// run dials, writes until the connection ends, and dials again.
func (p *peer) run() {
	pause := newBackoff(p.t.cfg.RedialMin, p.t.cfg.RedialMax)
	reachable := true
	for p.awaitWork() {
		begun := time.Now()
		err := p.connectAndServe()
		if p.ctx.Err() != nil {
			break
		}
		if errors.Is(err, errPeerAlive) {
			continue
		}
		reachable = p.noteEnd(err, reachable)
		if reachable {
			p.outbox.remind()
		} else {
			p.t.dropped.Add(uint64(p.outbox.clear())) // what waited this long is stale
		}
		if time.Since(begun) > p.t.cfg.RedialMax+p.t.cfg.DialTimeout {
			pause.reset()
		}
		if !p.pause(pause) {
			break
		}
	}
	p.t.dropped.Add(uint64(p.outbox.clear()))
}

// awaitWork returns when there is a reason to dial, or false when the peer is stopped.
func (p *peer) awaitWork() bool {
	if !p.learned() {
		return p.ctx.Err() == nil
	}
	select {
	case <-p.outbox.ready:
		p.outbox.signal() // give the token back: the writer needs it
		return true
	case <-p.ctx.Done():
		return false
	}
}

func (p *peer) pause(b *backoff) bool {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.retry:
		b.reset()
	case <-p.ctx.Done():
		return false
	}
	return true
}

// errConnect marks what went wrong before there was a connection.
var errConnect = errors.New("remote: cannot connect")

// errPeerAlive ends an attempt to connect that may have begun when the peer was not there yet: its packets are lost
// and the system would wait a second before it sends others.
var errPeerAlive = errors.New("remote: peer has come up")

func (p *peer) connectAndServe() error {
	raw, err := p.connect()
	if err != nil {
		return fmt.Errorf("%w to %v at %s: %w", errConnect, p.id, p.address, err)
	}
	defer raw.Close()
	defer p.disown()
	conn := raw
	if p.t.cfg.ClientTLS != nil {
		conn = tls.Client(raw, p.clientTLS())
	}
	reader := bufio.NewReaderSize(conn, maxHandshakeBytes)
	remote, err := p.introduce(conn, reader)
	if err != nil {
		return fmt.Errorf("%w to %v at %s: %w", errConnect, p.id, p.address, err)
	}
	p.t.dials.Add(1)
	p.t.cfg.Logger.Info("connected", "peer", remote.Peer, "address", p.address)
	if err := p.tellAnswered(remote); err != nil {
		return err
	}
	return p.serve(conn, reader)
}

// tellAnswered tells the handler of the node that answered, unless it is to hear of a later process, or has.
func (p *peer) tellAnswered(remote Hello) error {
	p.seen.Lock()
	defer p.seen.Unlock()
	p.mu.Lock()
	err := p.outdated(remote)
	p.mu.Unlock()
	if err == nil {
		p.t.handler.PeerSeen(remote)
	}
	return err
}

// tellSeen tells the handler of a node that introduced itself; noticeAlive has heard of it before.
func (p *peer) tellSeen(hello Hello) {
	p.seen.Lock()
	defer p.seen.Unlock()
	p.t.handler.PeerSeen(hello)
}

// send queues a message whose frame has the given size and reports whether there was room. A small one that finds
// nothing before it is written at once: waking the goroutine costs more than the write. Behind others it waits for
// the goroutine, which writes many with one call of the system.
func (p *peer) send(message engine.Message, size int) bool {
	queued, alone := p.outbox.push(message, size)
	if !queued {
		return false
	}
	if alone && size <= inlineBytes && pressing(message) {
		if w := p.writer.Load(); w != nil && w.writeInline() {
			return true
		}
	}
	p.outbox.signal()
	return true
}

// pressing says whether somebody waits for what this message brings, and not many: see inlineEntries. Heartbeats and
// their answers gain by waiting: the next may take their place.
func pressing(message engine.Message) bool {
	switch m := message.(type) {
	case *engine.Heartbeat, *engine.HeartbeatResponse:
		return false
	case *engine.AppendEntries:
		return len(m.Entries) <= inlineEntries
	default:
		return true
	}
}

// serve writes what is queued until the connection ends, and returns why it did. There is no write deadline: a peer
// that does not take what we write does not answer either, so watch closes the connection, and a slow peer is none.
func (p *peer) serve(conn net.Conn, reader *bufio.Reader) error {
	ended := make(chan error, 1)
	go func() { ended <- p.watch(conn, reader) }()
	w := newWriter(conn, p.outbox, &p.t.counters)
	p.writer.Store(w)
	p.outbox.remind()
	err := p.write(w, ended)
	p.writer.Store(nil)
	w.end()
	if err != nil {
		return errors.Join(err, <-ended)
	}
	return <-ended
}

// watch reads the keep-alives of the other end. When they stay away, or anything else comes, the connection is over.
func (p *peer) watch(conn net.Conn, reader *bufio.Reader) error {
	defer conn.Close()
	for {
		if err := conn.SetReadDeadline(time.Now().Add(p.t.cfg.IdleTimeout)); err != nil {
			return err
		}
		if _, err := readFrame(reader, 0); err != nil {
			return err
		}
	}
}

func (p *peer) write(w *writer, ended chan error) error {
	ticker := time.NewTicker(p.t.cfg.KeepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-p.outbox.ready:
			if err := w.flush(); err != nil {
				return err
			}
		case <-ticker.C:
			if err := w.keepAlive(); err != nil {
				return err
			}
		case err := <-ended:
			ended <- err
			return nil
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// noteEnd counts and logs the end of an attempt or a connection. Only the first of several failed attempts in a row
// is worth a warning.
func (p *peer) noteEnd(err error, wasReachable bool) (reachable bool) {
	if !errors.Is(err, errConnect) {
		p.t.cfg.Logger.Info("connection ended", "peer", p.id, "error", err)
		return true
	}
	if errors.Is(err, ErrRefused) {
		p.t.refused.Add(1)
	} else {
		p.t.dialErrors.Add(1)
	}
	if wasReachable {
		p.t.cfg.Logger.Warn("peer is unreachable", "peer", p.id, "error", err)
	} else {
		p.t.cfg.Logger.Debug("peer is still unreachable", "peer", p.id, "error", err)
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
