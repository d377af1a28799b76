package remote

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// connect makes the connection itself and owns it.
func (p *peer) connect() (net.Conn, error) {
	retry, cancelRetry := context.WithCancelCause(p.ctx)
	defer cancelRetry(nil)
	ctx, cancel := context.WithTimeout(retry, p.t.cfg.DialTimeout)
	defer cancel()
	p.setConnectStop(cancelRetry)
	defer p.setConnectStop(nil)
	var dialer net.Dialer
	if p.t.cfg.plaintextForbidden() {
		dialer.Control = onlyLoopback
	}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, cmp.Or(context.Cause(retry), err)
	}
	limitUnsent(conn)
	return conn, p.own(conn)
}

// onlyLoopback sees the resolved address before anything leaves.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err == nil && isLoopback(host) {
		return nil
	}
	return errors.New("not on the loopback interface: configure TLS or set AllowPlaintext")
}

func (p *peer) setConnectStop(cancel context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connectStop = cancel
}

// own makes conn the one that stop closes.
func (p *peer) own(conn net.Conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		conn.Close()
		return net.ErrClosed
	}
	p.conn, p.remote, p.news = conn, Hello{}, Hello{}
	return nil
}

func (p *peer) disown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn, p.remote = nil, Hello{}
}

// introduce is the dialler's side of the handshake, all within one deadline.
func (p *peer) introduce(conn net.Conn, reader *bufio.Reader) (Hello, error) {
	if err := conn.SetDeadline(time.Now().Add(p.t.cfg.HandshakeTimeout)); err != nil {
		return Hello{}, err
	}
	remote, err := introduce(conn, reader, p.t.introduction(), p.id)
	if err != nil {
		return Hello{}, err
	}
	if err := p.t.authenticate(conn, remote.Peer.ID); err != nil {
		return Hello{}, err
	}
	if err := p.setRemote(remote); err != nil {
		return Hello{}, err
	}
	if err := judge(p.t.introduction(), remote); err != nil { // the cluster was pinned meanwhile
		return Hello{}, err
	}
	return remote, conn.SetDeadline(time.Time{})
}

// setRemote says who answered, unless that is out of date.
func (p *peer) setRemote(remote Hello) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.outdated(remote); err != nil {
		return err
	}
	p.remote = remote
	return nil
}

// outdated tells whether another process of the node that answered has introduced itself meanwhile: then this answer
// may be the last word of the older. The caller holds mu.
func (p *peer) outdated(remote Hello) error {
	switch {
	case p.stopped:
		return net.ErrClosed
	case p.news.Peer.ID != 0 && !sameProcess(p.news, remote):
		return errPeerAlive
	}
	return nil
}
