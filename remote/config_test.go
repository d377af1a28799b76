package remote

import (
	"bufio"
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// Whatever an engine with default limits sends fits into a frame that the configuration allows.
func TestTheLeastFrameHoldsTheLargestAppend(t *testing.T) {
	limits := engine.DefaultConfig(1)
	entry := engine.Entry{Term: math.MaxInt64, Index: math.MaxInt64, Kind: engine.EntryCommand}
	message := &engine.AppendEntries{
		Term: math.MaxInt64, Number: math.MaxInt64, Prev: at(math.MaxInt64, math.MaxInt64), Commit: math.MaxInt64,
	}
	entry.Data = make([]byte, limits.MaxCommandBytes)
	message.Entries = []engine.Entry{entry}
	require.LessOrEqual(t, envelopeSize(message), leastFrameBytes)

	entry.Data = make([]byte, limits.MaxAppendBytes/limits.MaxAppendEntries)
	message.Entries = nil
	for range limits.MaxAppendEntries {
		message.Entries = append(message.Entries, entry)
	}
	require.LessOrEqual(t, envelopeSize(message), leastFrameBytes)

	_, err := NewTCP(TCPConfig{Listen: "127.0.0.1:0", MaxFrameBytes: leastFrameBytes - 1}).NewTransport(introductionOf(1))
	require.ErrorIs(t, err, ErrInvalidConfig)
	require.ErrorContains(t, err, "MaxFrameBytes is 8454143, not in 8454144..")
	_, err = NewTCP(TCPConfig{Listen: "127.0.0.1:0", MaxFrameBytes: leastFrameBytes}).NewTransport(introductionOf(1))
	require.NoError(t, err)
}

// The name means what the system's files say, and that need not be the loopback interface.
func TestLocalhostIsTrustedByItsAddressesAndNotByItsName(t *testing.T) {
	for name, c := range map[string]struct {
		addresses []string
		err       error
		fine      bool
	}{
		"both":       {[]string{"127.0.0.1", "::1"}, nil, true},
		"mapped":     {[]string{"::ffff:127.0.0.1"}, nil, true},
		"elsewhere":  {[]string{"192.0.2.1"}, nil, false},
		"one is not": {[]string{"127.0.0.1", "192.0.2.1"}, nil, false},
		"unknown":    {nil, errors.New("no such host"), false},
		"no address": {nil, nil, false},
	} {
		cfg := TCPConfig{Listen: "localhost:0"}
		cfg.lookup = func(context.Context, string, string) (addresses []netip.Addr, err error) {
			for _, a := range c.addresses {
				addresses = append(addresses, netip.MustParseAddr(a))
			}
			return addresses, c.err
		}
		_, err := NewTCP(cfg).NewTransport(introductionOf(1))
		if c.fine {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, ErrInvalidConfig, name)
		require.ErrorContains(t, err, `listening on "localhost:0" without TLS`, name)
	}
}

// Between the look at the name and the listening it may have changed.
func TestTheAddressThatWasTakenIsLookedAtToo(t *testing.T) {
	plain := TCPConfig{}
	require.NoError(t, plain.permits(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}))
	require.NoError(t, plain.permits(&net.TCPAddr{IP: net.IPv6loopback, Port: 1}))
	require.ErrorIs(t, plain.permits(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}), ErrInvalidConfig)
	require.ErrorIs(t, plain.permits(&net.TCPAddr{IP: net.IPv6unspecified, Port: 1}), ErrInvalidConfig)
	require.NoError(t, TCPConfig{AllowPlaintext: true}.permits(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}))
}

func TestPlainTextStaysOnTheLoopbackInterface(t *testing.T) {
	for _, listen := range []string{":7001", "0.0.0.0:7001", "192.0.2.1:7001", "[::]:7001", "example.org:7001"} {
		_, err := NewTCP(TCPConfig{Listen: listen, Advertise: "192.0.2.1:7001"}).NewTransport(introductionOf(1))
		require.ErrorIs(t, err, ErrInvalidConfig, listen)
		require.ErrorContains(t, err, "configure TLS, listen on a loopback address, or set AllowPlaintext", listen)
		_, err = NewTCP(TCPConfig{Listen: listen, Advertise: "192.0.2.1:7001", AllowPlaintext: true}).NewTransport(introductionOf(1))
		require.NoError(t, err, listen)
	}
	for _, listen := range []string{"127.0.0.1:0", "127.1.2.3:0", "localhost:0", "[::1]:0"} {
		_, err := NewTCP(TCPConfig{Listen: listen}).NewTransport(introductionOf(1))
		require.NoError(t, err, listen)
	}
}

// The address is refused before a packet leaves.
func TestARouteBeyondTheLoopbackInterfaceIsNotDialledInPlainText(t *testing.T) {
	told := make(logged, 100)
	transport, _ := listening(t, func(c *TCPConfig) { c.Logger = told })
	transport.SetRoute(2, "192.0.2.1:7001")
	told.await("peer is unreachable")
	require.ErrorContains(t, onlyLoopback("tcp", "192.0.2.1:7001", nil), "not on the loopback interface")
	require.NoError(t, onlyLoopback("tcp", "127.0.0.1:7001", nil))
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]TCPConfig{
		"no address":            {},
		"no port":               {Listen: "127.0.0.1"},
		"nowhere to dial":       {Listen: ":7001", AllowPlaintext: true},
		"advertised without":    {Listen: "127.0.0.1:0", Advertise: "127.0.0.1:0"},
		"advertised everywhere": {Listen: "127.0.0.1:0", Advertise: "0.0.0.0:7001"},
		"tiny frames":           {Listen: "127.0.0.1:0", MaxFrameBytes: 100},
		"queue below a frame":   {Listen: "127.0.0.1:0", MaxFrameBytes: leastFrameBytes, MaxQueueBytes: leastFrameBytes - 1},
		"no peers":              {Listen: "127.0.0.1:0", MaxPeers: -1},
		"negative time":         {Listen: "127.0.0.1:0", DialTimeout: -1},
		"idle below keep-alive": {Listen: "127.0.0.1:0", KeepAlive: time.Second, IdleTimeout: time.Second},
		"redial reversed":       {Listen: "127.0.0.1:0", RedialMin: time.Second, RedialMax: time.Millisecond},
	} {
		_, err := NewTCP(c).NewTransport(introductionOf(1))
		require.ErrorIs(t, err, ErrInvalidConfig, name)
	}
}

func TestTheAdvertisedAddressIsTheOneThatPeersHear(t *testing.T) {
	transport, _ := listening(t, func(c *TCPConfig) { c.Advertise = "raft-1.internal:7001" })
	require.Equal(t, "raft-1.internal:7001", transport.Address())
	peer := fake(t)
	transport.SetRoute(2, peer.address())
	conn, err := peer.Accept()
	require.NoError(t, err)
	defer conn.Close()
	hello, err := readHello(bufio.NewReader(conn), introductionOf(2))
	require.NoError(t, err)
	require.Equal(t, "raft-1.internal:7001", hello.Address)
}

func TestAPortThatTheSystemTakesIsAdvertised(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "127.0.0.1:", "127.0.0.1:00"} {
		transport, _ := listening(t, func(c *TCPConfig) { c.Listen = listen })
		require.NoError(t, validateAddress(transport.Address()), "%s gives %s", listen, transport.Address())
	}
}
