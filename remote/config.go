package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/yggr-go/yggr/engine"
)

// TCPConfig is how one node is reached by TCP. Zero values mean the defaults; only Listen has none.
type TCPConfig struct {
	// Listen is the host:port to listen on; port 0 takes a free one.
	Listen string
	// Advertise is the host:port that peers dial. Empty: the one that Start listens on, which must then name a host.
	Advertise string

	// ServerTLS and ClientTLS, both or neither, encrypt inbound and outbound connections. ServerTLS must demand and
	// verify certificates, unless AllowAnyCertificate is set.
	ServerTLS *tls.Config
	ClientTLS *tls.Config
	// PeerName returns the name that the certificate of a member holds among its DNS names or IP addresses, and no
	// other member's does: so nobody can claim another member's id. It takes the place of ClientTLS.ServerName. It is
	// needed with TLS, unless AllowAnyCertificate is set. It is called by several goroutines, with any id that somebody
	// claims: it must not panic, and returns "" for an id that no certificate is for.
	PeerName func(engine.NodeID) string
	// AllowAnyCertificate permits TLS without PeerName: whoever has a certificate that the TLS configurations accept
	// may claim any id.
	AllowAnyCertificate bool
	// AllowPlaintext permits connections beyond the loopback interface without TLS. Anyone who reaches the port can
	// then read and write the log.
	AllowPlaintext bool

	// MaxFrameBytes, 16 MiB, bounds one message. It is the same on every node, and at least what the largest append of
	// an engine with default limits needs: 8 MiB and 64 KiB. Above the default, a command needs its size and 64 KiB.
	MaxFrameBytes int
	MaxQueueBytes int // 32 MiB: entries waiting for one peer; at least MaxFrameBytes
	MaxPeers      int // 256: inbound connections, and routes learned from them

	HandshakeTimeout time.Duration // 2 s from the connection to the end of the handshake
	DialTimeout      time.Duration // 500 ms to connect
	KeepAlive        time.Duration // 1 s between the signs of life that both ends give
	IdleTimeout      time.Duration // 4 s without a sign of life end a connection; at least twice KeepAlive
	RedialMin        time.Duration // 20 ms: first pause before a redial, with jitter
	RedialMax        time.Duration // 500 ms: to which it doubles

	Logger Logger // nil: silent

	hangUp time.Duration                                                         // two IdleTimeouts without a chunk end a connection for snapshots; shorter in tests
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error) // of the system; another in tests
}

// leastFrameBytes is what the largest append of an engine with default limits needs, and some room: fields of an entry
// take at most 40 bytes beside its data, those of the message at most 64.
const leastFrameBytes = 8<<20 + 64<<10

// lookupTimeout bounds how long NewTransport waits for the addresses of localhost.
const lookupTimeout = 2 * time.Second

// withDefaults fills in what is zero.
func (c TCPConfig) withDefaults() TCPConfig {
	setDefault(&c.MaxFrameBytes, 16<<20)
	setDefault(&c.MaxQueueBytes, max(32<<20, c.MaxFrameBytes))
	setDefault(&c.MaxPeers, 256)
	setDefault(&c.HandshakeTimeout, 2*time.Second)
	setDefault(&c.DialTimeout, 500*time.Millisecond)
	setDefault(&c.KeepAlive, time.Second)
	setDefault(&c.IdleTimeout, 4*time.Second)
	setDefault(&c.hangUp, 2*c.IdleTimeout)
	setDefault(&c.RedialMin, 20*time.Millisecond)
	setDefault(&c.RedialMax, max(500*time.Millisecond, c.RedialMin))
	if c.Logger == nil {
		c.Logger = silent{}
	}
	if c.lookup == nil {
		c.lookup = net.DefaultResolver.LookupNetIP
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate complains about the first thing that cannot work.
func (c TCPConfig) validate() error {
	if err := c.validateBounds(); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("%w: Listen: %w", ErrInvalidConfig, err)
	}
	if err := c.validateTLS(); err != nil {
		return err
	}
	if c.plaintextForbidden() && !c.leadsToLoopback(host) {
		return fmt.Errorf("%w: listening on %q %w", ErrInvalidConfig, c.Listen, errPlaintext)
	}
	if c.Advertise == "" && isUnspecified(host) {
		return fmt.Errorf("%w: Listen %q names no host that peers could dial: set Advertise", ErrInvalidConfig, c.Listen)
	}
	if c.Advertise == "" {
		return nil
	}
	if err := validateAddress(c.Advertise); err != nil {
		return fmt.Errorf("%w: Advertise: %w", ErrInvalidConfig, err)
	}
	return nil
}

// validateTLS holds that a certificate says whose it is, if there are any.
func (c TCPConfig) validateTLS() error {
	switch {
	case (c.ServerTLS == nil) != (c.ClientTLS == nil):
		return fmt.Errorf("%w: ServerTLS and ClientTLS go together", ErrInvalidConfig)
	case c.PeerName != nil && c.AllowAnyCertificate:
		return fmt.Errorf("%w: PeerName and AllowAnyCertificate contradict each other", ErrInvalidConfig)
	case c.ServerTLS == nil && (c.PeerName != nil || c.AllowAnyCertificate):
		return fmt.Errorf("%w: PeerName and AllowAnyCertificate mean nothing without TLS", ErrInvalidConfig)
	case c.ServerTLS == nil || c.AllowAnyCertificate:
		return nil
	case c.PeerName == nil:
		return fmt.Errorf("%w: with TLS alone whoever has a certificate may claim any id: "+
			"set PeerName, or AllowAnyCertificate", ErrInvalidConfig)
	case c.ServerTLS.ClientAuth != tls.RequireAndVerifyClientCert:
		return fmt.Errorf("%w: ServerTLS.ClientAuth is %v: PeerName needs certificates that are demanded and verified",
			ErrInvalidConfig, c.ServerTLS.ClientAuth)
	}
	return nil
}

func (c TCPConfig) validateBounds() error {
	for _, d := range []struct {
		name         string
		value, least time.Duration
	}{
		{"HandshakeTimeout", c.HandshakeTimeout, 1},
		{"DialTimeout", c.DialTimeout, 1},
		{"KeepAlive", c.KeepAlive, 1},
		{"IdleTimeout", c.IdleTimeout, 2 * c.KeepAlive},
		{"RedialMin", c.RedialMin, 1},
		{"RedialMax", c.RedialMax, c.RedialMin},
	} {
		if d.value < d.least {
			return fmt.Errorf("%w: %s is %v, less than %v", ErrInvalidConfig, d.name, d.value, d.least)
		}
	}
	for _, n := range []struct {
		name               string
		value, least, most int
	}{
		{"MaxFrameBytes", c.MaxFrameBytes, leastFrameBytes, 1 << 30},
		{"MaxQueueBytes", c.MaxQueueBytes, c.MaxFrameBytes, 1 << 40},
		{"MaxPeers", c.MaxPeers, 1, 1 << 16},
	} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%w: %s is %d, not in %d..%d", ErrInvalidConfig, n.name, n.value, n.least, n.most)
		}
	}
	return nil
}

func (c TCPConfig) plaintextForbidden() bool { return c.ServerTLS == nil && !c.AllowPlaintext }

// errPlaintext says why and what to do.
var errPlaintext = errors.New("without TLS would let anyone who reaches it read and write the log: " +
	"configure TLS, listen on a loopback address, or set AllowPlaintext")

// leadsToLoopback reports whether a host to listen on is on the loopback interface. Of names only localhost can be, and
// what that means is up to the system's files: each of its addresses is looked at.
func (c TCPConfig) leadsToLoopback(host string) bool {
	if host != "localhost" {
		return isLoopback(host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addresses, err := c.lookup(ctx, "ip", host)
	elsewhere := func(a netip.Addr) bool { return !a.Unmap().IsLoopback() }
	return err == nil && len(addresses) > 0 && !slices.ContainsFunc(addresses, elsewhere)
}

// permits looks at the address that was taken in the end: a name may have changed its meaning.
func (c TCPConfig) permits(listening net.Addr) error {
	if host, _, err := net.SplitHostPort(listening.String()); c.plaintextForbidden() && (err != nil || !isLoopback(host)) {
		return fmt.Errorf("%w: listening on %v %w", ErrInvalidConfig, listening, errPlaintext)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// validateAddress holds that an address can be dialled: host:port with both parts.
func validateAddress(address string) error {
	if len(address) > engine.MaxAddressLength {
		return fmt.Errorf("address of %d bytes, more than %d", len(address), engine.MaxAddressLength)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); isUnspecified(host) || err != nil || n == 0 {
		return fmt.Errorf("address %q names no host and port to dial", address)
	}
	return nil
}

// validateLocal holds that a node can introduce itself.
func validateLocal(local Hello) error {
	switch {
	case local.Peer.ID == 0:
		return fmt.Errorf("%w: node id is zero", ErrInvalidConfig)
	case local.Peer.Incarnation == 0:
		return fmt.Errorf("%w: incarnation of %v is zero", ErrInvalidConfig, local.Peer.ID)
	case local.Cluster.Name == "" || len(local.Cluster.Name) > engine.MaxClusterName:
		return fmt.Errorf("%w: cluster name of %d bytes, not in 1..%d",
			ErrInvalidConfig, len(local.Cluster.Name), engine.MaxClusterName)
	case !utf8.ValidString(local.Cluster.Name):
		return fmt.Errorf("%w: cluster name %q is not UTF-8", ErrInvalidConfig, local.Cluster.Name)
	case local.MinElectionTimeout < 0:
		return fmt.Errorf("%w: minimum election timeout is negative", ErrInvalidConfig)
	}
	return nil
}
