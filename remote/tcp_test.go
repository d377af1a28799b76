package remote

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/yggr-go/yggr/engine"
)

// ears is a Handler that passes on what it hears.
type ears struct {
	seen     chan Hello
	messages chan engine.Message
	chunks   chan *Chunk
	acks     chan ChunkAck
}

func newEars() *ears {
	return &ears{make(chan Hello, 1000), make(chan engine.Message, 1000), make(chan *Chunk, 1000), make(chan ChunkAck, 1000)}
}

func (e *ears) PeerSeen(hello Hello)                                 { e.seen <- hello }
func (e *ears) Deliver(_ engine.Peer, message engine.Message, _ int) { e.messages <- message }
func (e *ears) DeliverChunk(_ engine.Peer, chunk *Chunk)             { e.chunks <- chunk }
func (e *ears) DeliverChunkAck(_ engine.Peer, ack ChunkAck)          { e.acks <- ack }

func introductionOf(id engine.NodeID) Hello {
	return Hello{
		Cluster: engine.ClusterID{Name: "c", Founders: [16]byte{1}},
		Peer:    engine.Peer{ID: id, Incarnation: 7}, Epoch: 1, Address: "127.0.0.1:1",
	}
}

// patient returns the configuration of a node on a free port of the loopback interface that gives up nothing for want
// of time: what a test sees closed or dropped was not slow. A machine with much else to do can keep a process waiting
// for longer than the defaults allow for a dial.
func patient() TCPConfig {
	return TCPConfig{
		Listen: "127.0.0.1:0", IdleTimeout: time.Hour, DialTimeout: time.Hour, HandshakeTimeout: time.Hour,
	}
}

// listening starts node 1, which is patient.
func listening(t *testing.T, change ...func(*TCPConfig)) (*tcpTransport, *ears) {
	t.Helper()
	return listeningAs(t, 1, change...)
}

func listeningAs(t *testing.T, id engine.NodeID, change ...func(*TCPConfig)) (*tcpTransport, *ears) {
	t.Helper()
	cfg := patient()
	for _, c := range change {
		c(&cfg)
	}
	local := introductionOf(id)
	transport, err := NewTCP(cfg).NewTransport(local)
	require.NoError(t, err)
	heard := newEars()
	require.NoError(t, transport.Start(heard))
	t.Cleanup(func() { require.NoError(t, transport.Close()) })
	return transport.(*tcpTransport), heard
}

// stranger is a raw connection to a transport.
type stranger struct {
	net.Conn
	reader *bufio.Reader
	t      *testing.T
}

func dial(t *testing.T, transport Transport) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", transport.Address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &stranger{conn, bufio.NewReader(conn), t}
}

// dialAs also shakes hands.
func dialAs(t *testing.T, transport Transport, hello Hello) *stranger {
	t.Helper()
	s := dial(t, transport)
	_, err := introduce(s, s.reader, hello, 1)
	require.NoError(t, err)
	return s
}

func (s *stranger) write(b []byte) {
	s.t.Helper()
	_, err := s.Write(b)
	require.NoError(s.t, err)
}

// untilClosed reads until the other end has closed the connection. What it counts is counted by then.
func (s *stranger) untilClosed() []byte {
	all, _ := io.ReadAll(s.reader)
	return all
}

// works holds that a peer can still be heard, whatever strangers did.
func works(t *testing.T, transport Transport, heard *ears) {
	t.Helper()
	friend := dialAs(t, transport, introductionOf(99))
	friend.write(appendFrame(nil, &engine.Heartbeat{Term: 42}))
	require.Equal(t, &engine.Heartbeat{Term: 42}, <-heard.messages)
	friend.Close()
}

func TestGarbageInsteadOfAHandshakeIsRefused(t *testing.T) {
	random := make([]byte, 4096)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(random)
	huge := make([]byte, frameHeaderSize)
	binary.LittleEndian.PutUint32(huge, 1<<31)
	hello, err := protoFrame(helloToWire(introductionOf(2)))
	require.NoError(t, err)
	for name, garbage := range map[string][]byte{
		"random bytes":        random,
		"HTTP":                []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"TLS":                 {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"RESP":                []byte("*1\r\n$4\r\nPING\r\n"),
		"zeros":               make([]byte, 4096),
		"huge length":         huge,
		"hello, bit flipped":  append(bytes.Clone(hello[:len(hello)-1]), hello[len(hello)-1]^1),
		"frame of no hello":   frameOf([]byte{0xff, 0xff, 0xff}),
		"empty hello":         frameOf(nil),
		"message, not hello":  appendFrame(nil, &engine.TimeoutNow{Term: 1}),
		"answer, not a hello": frameOf([]byte{10, 2, 8, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			transport, heard := listening(t)
			s := dial(t, transport)
			s.write(garbage)
			s.untilClosed()
			require.EqualValues(t, 1, transport.Metrics().Refused)
			require.Empty(t, heard.seen)
			works(t, transport, heard)
		})
	}
}

func TestAHandshakeHasATimeLimit(t *testing.T) {
	impatient := func(c *TCPConfig) { c.HandshakeTimeout = 20 * time.Millisecond }
	hello, err := protoFrame(helloToWire(introductionOf(2)))
	require.NoError(t, err)
	for name, first := range map[string][]byte{
		"silent": nil, "one byte": hello[:1], "a header": hello[:frameHeaderSize], "half": hello[:len(hello)/2],
	} {
		transport, _ := listening(t, impatient)
		s := dial(t, transport)
		s.write(first)
		s.untilClosed()
		require.EqualValues(t, 1, transport.Metrics().Refused, name)
	}
}

// A newer peer that still speaks our version is welcome, with the message types that we do not know.
func TestAMessageOfUnknownTypeIsCountedAndIgnored(t *testing.T) {
	transport, heard := listening(t)
	s := dial(t, transport)
	hello := helloToWire(introductionOf(2))
	hello.Version = 9
	require.NoError(t, writeHandshake(s, hello))
	require.EqualValues(t, 9, (<-heard.seen).Version)
	strange := protowire.AppendBytes(protowire.AppendTag(nil, 40, protowire.BytesType), []byte("new"))
	s.write(frameOf(strange))
	s.write(appendFrame(nil, &engine.Heartbeat{Term: 1}))
	require.Equal(t, &engine.Heartbeat{Term: 1}, <-heard.messages)
	require.EqualValues(t, 1, transport.Metrics().Unknown)
	require.Zero(t, transport.Metrics().Malformed)
}

func TestMalformedContentClosesTheConnection(t *testing.T) {
	flipped := appendFrame(nil, &engine.Heartbeat{Term: 3})
	flipped[len(flipped)-1] ^= 1
	huge := make([]byte, frameHeaderSize)
	binary.LittleEndian.PutUint32(huge, 1<<31)
	for name, content := range map[string][]byte{
		"checksum":        flipped,
		"huge length":     huge,
		"no term":         appendFrame(nil, &engine.Heartbeat{}),
		"no envelope":     frameOf([]byte("GET /")),
		"a second hello":  frameOf([]byte{8, 1, 16, 1, 26, 1, 'c'}),
		"entries unsound": appendFrame(nil, &engine.AppendEntries{Term: 3, Entries: []engine.Entry{{Term: 4, Index: 1, Kind: 2}}}),
	} {
		t.Run(name, func(t *testing.T) {
			transport, heard := listening(t)
			s := dialAs(t, transport, introductionOf(2))
			s.write(content)
			s.untilClosed()
			require.EqualValues(t, 1, transport.Metrics().Malformed)
			require.Zero(t, transport.Metrics().Received)
			works(t, transport, heard)
		})
	}
}

func TestConnectionsBeyondTheBoundsAreRefused(t *testing.T) {
	transport, heard := listening(t, func(c *TCPConfig) { c.MaxPeers = 1 })
	first := dialAs(t, transport, introductionOf(2))
	s := dial(t, transport)
	_, err := introduce(s, s.reader, introductionOf(3), 1)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "this node has 1 peers already")
	first.Close()
	<-heard.seen
}

// Silent strangers do not shut out whoever speaks: the oldest of them makes room, and no other.
func TestTheOldestStrangerMakesRoom(t *testing.T) {
	transport, heard := listening(t)
	var silent []*stranger
	for range maxStrangers {
		silent = append(silent, dial(t, transport))
	}
	for transport.strangerCount() < maxStrangers {
		runtime.Gosched()
	}
	works(t, transport, heard)
	silent[0].untilClosed()
	require.EqualValues(t, 1, transport.Metrics().Refused)
	require.Equal(t, maxStrangers-1, transport.strangerCount(), "it has introduced itself")
	for i, s := range silent[1:] {
		hello := introductionOf(engine.NodeID(100 + i))
		_, err := introduce(s, s.reader, hello, 1)
		require.NoError(t, err, "the others still may")
	}
}

func (t *tcpTransport) strangerCount() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.strangers)
}

// A Logger may call back: nothing of the transport is locked while it runs.
func TestALoggerMayUseTheTransport(t *testing.T) {
	curious := &callingBack{told: make(chan string, 1000)}
	transport, _ := listening(t, func(c *TCPConfig) { c.Logger = curious })
	curious.transport.Store(transport)
	for range maxStrangers + 1 {
		dial(t, transport)
	}
	logged(curious.told).await("closed a connection: too many handshakes at once")
	other := introductionOf(1).Cluster
	other.Founders[0]++
	transport.PinCluster(other)
	logged(curious.told).await("cannot pin another cluster")
}

type callingBack struct {
	transport atomic.Pointer[tcpTransport]
	told      chan string
}

func (c *callingBack) Debug(msg string, _ ...any) { c.tell(msg) }
func (c *callingBack) Info(msg string, _ ...any)  { c.tell(msg) }
func (c *callingBack) Warn(msg string, _ ...any)  { c.tell(msg) }

func (c *callingBack) tell(msg string) {
	if t := c.transport.Load(); t != nil {
		t.DropRoute(7)
	}
	c.told <- msg
}

// A peer's process that restarts leaves a connection behind that no one will ever write to.
func TestANewerConnectionOfAPeerClosesTheOlder(t *testing.T) {
	transport, heard := listening(t)
	older := dialAs(t, transport, introductionOf(2))
	require.EqualValues(t, 1, (<-heard.seen).Epoch)
	restarted := introductionOf(2)
	restarted.Epoch++
	newer := dialAs(t, transport, restarted)
	older.untilClosed()
	require.EqualValues(t, 2, (<-heard.seen).Epoch)
	newer.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-heard.messages)
}

// gated is a Handler whose messages wait for the gate.
type gated struct {
	gate   chan struct{}
	events chan any
}

func (g *gated) PeerSeen(hello Hello) { g.events <- hello.Epoch }

func (g *gated) Deliver(_ engine.Peer, message engine.Message, _ int) {
	<-g.gate
	g.events <- message
}

func (g *gated) DeliverChunk(_ engine.Peer, chunk *Chunk) {
	<-g.gate
	g.events <- chunk
}

func (g *gated) DeliverChunkAck(engine.Peer, ChunkAck) {}

// A handler that is told of a new process must not then get a message of the old one.
func TestNothingOfAnOlderConnectionComesAfterTheNewsOfANewer(t *testing.T) {
	transport, err := NewTCP(patient()).NewTransport(introductionOf(1))
	require.NoError(t, err)
	handler := &gated{make(chan struct{}), make(chan any, 10)}
	require.NoError(t, transport.Start(handler))
	defer func() { require.NoError(t, transport.Close()) }()
	older := dialAs(t, transport, introductionOf(2))
	require.EqualValues(t, 1, <-handler.events)
	older.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	for transport.Metrics().Received == 0 {
		runtime.Gosched()
	}
	restarted := introductionOf(2)
	restarted.Epoch++
	newer := dial(t, transport)
	require.NoError(t, writeHandshake(newer, helloToWire(restarted)))
	older.untilClosed()
	runtime.Gosched()
	close(handler.gate)
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-handler.events)
	require.EqualValues(t, 2, <-handler.events)
}

// fakeNode is a listener that behaves as the test wants.
type fakeNode struct {
	net.Listener
	t *testing.T
}

func fake(t *testing.T) *fakeNode {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return &fakeNode{listener, t}
}

func (f *fakeNode) address() string { return f.Addr().String() }

// welcome accepts a connection and shakes hands as the given node.
func (f *fakeNode) welcome(as Hello) *stranger {
	f.t.Helper()
	conn, err := f.Accept()
	require.NoError(f.t, err)
	f.t.Cleanup(func() { conn.Close() })
	s := &stranger{conn, bufio.NewReader(conn), f.t}
	_, err = readHello(s.reader, as)
	require.NoError(f.t, err)
	require.NoError(f.t, welcomeHello(conn, as))
	return s
}

func TestAnInboundHandshakeOfANewProcessEndsTheConnectionToTheOld(t *testing.T) {
	transport, _ := listening(t)
	peer := fake(t)
	transport.SetRoute(2, peer.address())
	old := peer.welcome(introductionOf(2))
	restarted := introductionOf(2)
	restarted.Epoch++
	dialAs(t, transport, restarted)
	old.untilClosed()
	peer.welcome(restarted)
}

// The news of a new process ends an attempt that the old one may have begun to answer. That is no reason to take the
// peer for unreachable: what waits goes to the new process.
func TestWhatWaitsOutlivesAnAttemptThatNewsOfThePeerEnd(t *testing.T) {
	transport, _ := listening(t)
	peer := fake(t)
	transport.SetRoute(2, peer.address())
	conn, err := peer.Accept()
	require.NoError(t, err)
	old := &stranger{conn, bufio.NewReader(conn), t}
	_, err = readHello(old.reader, introductionOf(2))
	require.NoError(t, err)
	transport.Send(2, &engine.TimeoutNow{Term: 1, Number: 1})
	restarted := introductionOf(2)
	restarted.Epoch++
	dialAs(t, transport, restarted)
	require.NoError(t, welcomeHello(old, introductionOf(2)))
	old.untilClosed()
	body, err := readFrame(peer.welcome(restarted).reader, leastFrameBytes)
	require.NoError(t, err)
	message, err := decode(body)
	require.NoError(t, err)
	require.Equal(t, &engine.TimeoutNow{Term: 1, Number: 1}, message)
	require.Zero(t, transport.Metrics().Dropped)
}

// With pauses of an hour, only the inbound handshake can bring the redial about.
func TestAnInboundHandshakeEndsThePauseBeforeARedial(t *testing.T) {
	closed := fake(t)
	closed.Close()
	failed := make(logged, 100)
	transport, _ := listening(t, func(c *TCPConfig) {
		c.RedialMin, c.RedialMax, c.Logger = time.Hour, time.Hour, failed
	})
	transport.SetRoute(2, closed.address())
	failed.await("peer is unreachable")
	require.EqualValues(t, 1, transport.Metrics().DialErrors)

	again, err := net.Listen("tcp", closed.address())
	require.NoError(t, err)
	defer again.Close()
	dialAs(t, transport, introductionOf(2))
	(&fakeNode{again, t}).welcome(introductionOf(2))
}

// logged is a Logger for tests that wait for something to be told.
type logged chan string

func (l logged) Debug(msg string, _ ...any) { l <- msg }
func (l logged) Info(msg string, _ ...any)  { l <- msg }
func (l logged) Warn(msg string, _ ...any)  { l <- msg }

func (l logged) await(msg string) {
	for got := range l {
		if got == msg {
			return
		}
	}
}

func TestAConnectionWithoutASignOfLifeIsClosed(t *testing.T) {
	restless := func(c *TCPConfig) { c.KeepAlive, c.IdleTimeout = 5*time.Millisecond, 20*time.Millisecond }
	t.Run("inbound", func(t *testing.T) {
		transport, _ := listening(t, restless)
		dialAs(t, transport, introductionOf(2)).untilClosed()
	})
	t.Run("outbound", func(t *testing.T) {
		transport, _ := listening(t, restless)
		peer := fake(t)
		transport.SetRoute(2, peer.address())
		peer.welcome(introductionOf(2)).untilClosed()
		peer.welcome(introductionOf(2))
	})
}

func TestADiallerGivesSignsOfLife(t *testing.T) {
	transport, _ := listening(t, func(c *TCPConfig) { c.KeepAlive = time.Millisecond })
	peer := fake(t)
	transport.SetRoute(2, peer.address())
	s := peer.welcome(introductionOf(2))
	for range 3 {
		body, err := readFrame(s.reader, 0)
		require.NoError(t, err)
		require.Empty(t, body)
	}
}

// The listener answers the dialler's sign of life, so both stay.
func TestSignsOfLifeAreAnswered(t *testing.T) {
	transport, _ := listening(t, func(c *TCPConfig) { c.KeepAlive = time.Nanosecond })
	s := dialAs(t, transport, introductionOf(2))
	for range 3 {
		s.write(keepAlive)
		body, err := readFrame(s.reader, 0)
		require.NoError(t, err)
		require.Empty(t, body)
	}
}

// One peer reads nothing: what is sent to it is dropped in the end, nobody waits, and the other peer hears all.
func TestAPeerThatReadsNothingDelaysNobody(t *testing.T) {
	transport, _ := listening(t, func(c *TCPConfig) { c.MaxFrameBytes, c.MaxQueueBytes = leastFrameBytes, leastFrameBytes })
	deaf := fake(t)
	transport.SetRoute(2, deaf.address())
	deaf.welcome(introductionOf(2))
	other, heard := listeningAs(t, 3)
	transport.SetRoute(3, other.Address())
	for i := engine.SendNumber(1); transport.Metrics().Dropped == 0; i++ {
		transport.Send(2, entriesOf(i, 500<<10))
		transport.Send(3, &engine.TimeoutNow{Term: 1, Number: i})
		require.Equal(t, &engine.TimeoutNow{Term: 1, Number: i}, <-heard.messages)
	}
}

func TestAMessageLargerThanAFrameIsDroppedAndTold(t *testing.T) {
	told := make(logged, 100)
	transport, _ := listening(t, func(c *TCPConfig) { c.MaxFrameBytes, c.Logger = leastFrameBytes, told })
	transport.SetRoute(2, fake(t).address())
	transport.Send(2, entriesOf(1, leastFrameBytes))
	require.EqualValues(t, 1, transport.Metrics().Dropped)
	told.await("dropped a message that is larger than MaxFrameBytes")
}

func TestADialledNodeThatMisbehavesIsLeft(t *testing.T) {
	for name, answer := range map[string][]byte{
		"silence":     nil,
		"garbage":     []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"no answer":   frameOf(nil),
		"half a line": {1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			transport, heard := listening(t, func(c *TCPConfig) { c.HandshakeTimeout = 20 * time.Millisecond })
			peer := fake(t)
			transport.SetRoute(2, peer.address())
			for i := 0; i < 2 || transport.Metrics().Refused == 0; i++ {
				conn, err := peer.Accept()
				require.NoError(t, err)
				_, err = conn.Write(answer)
				require.NoError(t, err)
				_, _ = io.ReadAll(conn)
				conn.Close()
			}
			require.Empty(t, heard.seen)
		})
	}
}

// The route that only a handshake knew ends with its connection, so strangers cannot pile routes up.
func TestALearnedRouteEndsWithItsConnection(t *testing.T) {
	told := make(logged, 100)
	transport, _ := listening(t, func(c *TCPConfig) { c.Logger = told })
	s := dialAs(t, transport, introductionOf(2))
	s.Close()
	told.await("inbound connection ended")
	again := dialAs(t, transport, introductionOf(3))
	defer again.Close()
	for transport.routes() != 1 {
		runtime.Gosched()
	}
}

func (t *tcpTransport) routes() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.peers)
}

func TestPinningAClusterClosesConnectionsOfOthers(t *testing.T) {
	local := introductionOf(1)
	local.Cluster.Founders = [16]byte{}
	transport, err := NewTCP(patient()).NewTransport(local)
	require.NoError(t, err)
	require.NoError(t, transport.Start(newEars()))
	defer func() { require.NoError(t, transport.Close()) }()
	peer := fake(t)
	transport.SetRoute(3, peer.address())
	other := introductionOf(3)
	other.Cluster.Founders = [16]byte{2}
	outbound := peer.welcome(other)
	inbound := dialAs(t, transport, other)
	transport.PinCluster(introductionOf(1).Cluster)
	inbound.untilClosed()
	outbound.untilClosed()
	transport.PinCluster(other.Cluster)
	s := dial(t, transport)
	_, err = introduce(s, s.reader, other, 1)
	require.ErrorIs(t, err, ErrRefused, "the first pin holds")
}
