package remote

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// authenticate holds that the certificate of the other end is that of the node it claims to be. Both ends do, the
// listener before it takes any notice of the claim. Without TLS, or by AllowAnyCertificate, every claim is believed.
func (t *tcpTransport) authenticate(conn net.Conn, id engine.NodeID) error {
	if t.cfg.PeerName == nil {
		return nil
	}
	if err := holdsName(conn, t.cfg.PeerName(id)); err != nil {
		return refuse(raftpb.RefusalReason_REFUSAL_REASON_WRONG_CERTIFICATE, "not the certificate of %v: %v", id, err)
	}
	return nil
}

// holdsName looks only at a certificate that TLS has verified.
func holdsName(conn net.Conn, name string) error {
	encrypted, ok := conn.(*tls.Conn)
	switch {
	case name == "":
		return errors.New("it has no name")
	case !ok:
		return errors.New("there is none")
	}
	chains := encrypted.ConnectionState().VerifiedChains
	if len(chains) == 0 {
		return errors.New("it was not verified")
	}
	return chains[0][0].VerifyHostname(name)
}

// clientTLS returns the configuration for dialling a peer: whose certificate is expected there.
func (c *caller) clientTLS() *tls.Config {
	cfg := c.t.cfg.ClientTLS
	switch {
	case c.t.cfg.PeerName != nil:
		cfg = cfg.Clone()
		cfg.ServerName = c.t.cfg.PeerName(c.id)
	case cfg.ServerName == "":
		cfg = cfg.Clone()
		cfg.ServerName, _, _ = net.SplitHostPort(c.address)
	}
	return cfg
}
