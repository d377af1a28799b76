package remote

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// peer is the way to one other node: a caller whose connection carries what engines say, and a courier with another one
// for the bytes of snapshots. What waits is written on a goroutine of its own; callers of Send write too, when that
// cannot make them wait (see [writer]).
type peer struct {
	*caller
	courier *courier
	outbox  *outbox
	writer  atomic.Pointer[writer] // nil while there is no connection to write to

	seen      sync.Mutex // held while the handler is told of a handshake, so that news come in order
	isLearned bool       // from a handshake: dialled only when there is something to send; guarded by mu of caller
}

func newPeer(t *tcpTransport, id engine.NodeID, address string, learned bool) *peer {
	return &peer{
		caller:  newCaller(t, id, address, raftpb.ConnectionKind_CONNECTION_KIND_PROTOCOL),
		courier: newCourier(t, id, address),
		outbox:  newOutbox(t.cfg.MaxQueueBytes), isLearned: learned,
	}
}

// start starts the goroutines. The caller holds the transport's lock.
func (p *peer) start() {
	p.t.running.Go(func() { p.run(p) })
	p.t.running.Go(func() { p.courier.run(p.courier) })
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

// stop ends the goroutines; it does not wait for them.
func (p *peer) stop() {
	p.caller.stop()
	p.courier.stop()
}

// noticeAlive is told of an inbound handshake.
func (p *peer) noticeAlive(hello Hello) {
	p.caller.noticeAlive(hello)
	p.courier.noticeAlive(hello)
}

// closeUnless closes connections whose other end does not please.
func (p *peer) closeUnless(pleases func(remote Hello) bool) {
	p.caller.closeUnless(pleases)
	p.courier.closeUnless(pleases)
}

// awaitWork implements cargo. Only a learned route waits for something to send.
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

// answered implements cargo: it tells the handler of the node that answered, unless it is to hear of a later process,
// or has.
func (p *peer) answered(remote Hello) error {
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

// disconnected implements cargo. What waits for a peer that cannot be reached is stale.
func (p *peer) disconnected(reachable bool) {
	if reachable {
		p.outbox.remind()
	} else {
		p.t.dropped.Add(uint64(p.outbox.clear()))
	}
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

// carry implements cargo: it writes what is queued until the connection ends, and returns why it did. There is no write deadline: a peer
// that does not take what we write does not answer either, so watch closes the connection, and a slow peer is none.
func (p *peer) carry(conn net.Conn, reader *bufio.Reader) error {
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
