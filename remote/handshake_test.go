package remote

import (
	"bufio"
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

func TestTheTextOfARefusalIsBounded(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", 5000), strings.Repeat("ä", 3000), "x" + strings.Repeat("ä", 3000), "\xff\xfe"} {
		near, far := net.Pipe()
		said := make(chan error, 1)
		go func() {
			said <- refuseHello(near, refuse(raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "%s", text))
			near.Close()
		}()
		var answer raftpb.HelloAnswer
		require.NoError(t, readHandshake(bufio.NewReader(far), &answer))
		require.NoError(t, <-said)
		got := answer.GetRefusal().GetText()
		require.LessOrEqual(t, len(got), maxRefusalText)
		require.True(t, utf8.ValidString(got))
		require.True(t, strings.HasPrefix(text, got))
		require.GreaterOrEqual(t, len(got), min(maxRefusalText-1, len(strings.ToValidUTF8(text, ""))))
	}
}

// A listener that says more than it may does not fill the dialler's log.
func TestARefusalThatIsReadIsBoundedToo(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		var hello raftpb.Hello
		_ = readHandshake(bufio.NewReader(far), &hello)
		_ = writeHandshake(far, &raftpb.HelloAnswer{Answer: &raftpb.HelloAnswer_Refusal{
			Refusal: &raftpb.Refusal{Text: strings.Repeat("x", 3000)},
		}})
		far.Close()
	}()
	_, err := introduce(near, bufio.NewReader(near), introductionOf(1), 2)
	require.ErrorIs(t, err, ErrRefused)
	require.Equal(t, maxRefusalText, strings.Count(err.Error(), "x"))
}

// A protobuf string is UTF-8: such a node could not even introduce itself.
func TestAClusterNameIsUTF8(t *testing.T) {
	local := introductionOf(1)
	local.Cluster.Name = "caf\xe9"
	for _, network := range []Network{NewTCP(TCPConfig{Listen: "127.0.0.1:0"}), NewInProcess()} {
		_, err := network.NewTransport(local)
		require.ErrorIs(t, err, ErrInvalidConfig)
		require.ErrorContains(t, err, `cluster name "caf\xe9" is not UTF-8`)
	}
	require.ErrorContains(t, validateHello(local, 16), "cluster name is not UTF-8")
	frame, err := protoFrame(helloToWire(introductionOf(2)))
	require.NoError(t, err)
	hello := bytes.Replace(frame[frameHeaderSize:], []byte("\x1a\x01c"), []byte("\x1a\x01\xff"), 1)
	_, err = readHello(bufio.NewReader(bytes.NewReader(frameOf(hello))), introductionOf(1))
	require.ErrorIs(t, err, ErrRefused)
}

// Zero is not a time but says nothing of it; see Hello.
func TestAnElectionTimeoutNeedNotBeSaid(t *testing.T) {
	for _, timeout := range []int64{0, 1, 500_000_000} {
		hello := helloToWire(introductionOf(2))
		hello.MinElectionTimeoutNs = timeout
		got, err := helloFromWire(hello)
		require.NoError(t, err)
		require.EqualValues(t, timeout, got.MinElectionTimeout)
	}
	local := introductionOf(engine.NodeID(1))
	local.MinElectionTimeout = 0
	_, err := NewTCP(TCPConfig{Listen: "127.0.0.1:0"}).NewTransport(local)
	require.NoError(t, err)
}

func TestAHelloThatBreaksARuleIsRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*raftpb.Hello)
		reason raftpb.RefusalReason
		text   string
	}{
		"zero id":          {func(h *raftpb.Hello) { h.NodeId = 0 }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "node id is zero"},
		"no incarnation":   {func(h *raftpb.Hello) { h.Incarnation = 0 }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "incarnation is zero"},
		"own id":           {func(h *raftpb.Hello) { h.NodeId = 1 }, raftpb.RefusalReason_REFUSAL_REASON_SAME_ID, "this node is n1 itself"},
		"no cluster":       {func(h *raftpb.Hello) { h.Cluster = "" }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "cluster name of 0 bytes"},
		"long cluster":     {func(h *raftpb.Hello) { h.Cluster = strings.Repeat("c", 129) }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "cluster name of 129 bytes"},
		"other cluster":    {func(h *raftpb.Hello) { h.Cluster = "d" }, raftpb.RefusalReason_REFUSAL_REASON_WRONG_CLUSTER, "n2 is of cluster d:01000000, this node of c:01000000"},
		"other founders":   {func(h *raftpb.Hello) { h.Founders[0] = 2 }, raftpb.RefusalReason_REFUSAL_REASON_WRONG_CLUSTER, "n2 is of cluster c:02000000"},
		"another node":     {func(h *raftpb.Hello) { h.ToNodeId = 3 }, raftpb.RefusalReason_REFUSAL_REASON_WRONG_NODE, "this node is n1, not n3"},
		"short hash":       {func(h *raftpb.Hello) { h.Founders = h.Founders[:3] }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "founders' hash of 3 bytes"},
		"no address":       {func(h *raftpb.Hello) { h.Address = "" }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "invalid hello"},
		"address, no host": {func(h *raftpb.Hello) { h.Address = ":7001" }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "no host and port"},
		"long address":     {func(h *raftpb.Hello) { h.Address = strings.Repeat("a", 1100) + ":1" }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "address of 1102 bytes"},
		"negative timeout": {func(h *raftpb.Hello) { h.MinElectionTimeoutNs = -1 }, raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "negative"},
		"no version":       {func(h *raftpb.Hello) { h.Version = 0 }, raftpb.RefusalReason_REFUSAL_REASON_WRONG_VERSION, "this node 1..2"},
		"too new":          {func(h *raftpb.Hello) { h.Version, h.OldestVersion = WireVersion+2, WireVersion+1 }, raftpb.RefusalReason_REFUSAL_REASON_WRONG_VERSION, "peer speaks wire versions 3..4"},
	} {
		transport, heard := listening(t)
		s := dial(t, transport)
		hello := helloToWire(introductionOf(2))
		c.spoil(hello)
		require.NoError(t, writeHandshake(s, hello))
		var answer raftpb.HelloAnswer
		require.NoError(t, readHandshake(s.reader, &answer), name)
		require.Equal(t, c.reason, answer.GetRefusal().GetReason(), name)
		require.Contains(t, answer.GetRefusal().GetText(), c.text, name)
		s.untilClosed()
		require.EqualValues(t, 1, transport.Metrics().Refused, name)
		require.Empty(t, heard.seen, name)
	}
}

// Node 3 has a wrong address for node 2. What it says to node 1 under its right address goes on.
func TestAMisroutedConnectionLeavesTheHealthyOneAlone(t *testing.T) {
	transport, heard := listening(t)
	healthy := dialAs(t, transport, introductionOf(3))
	<-heard.seen
	misrouted := dial(t, transport)
	_, err := introduce(misrouted, misrouted.reader, introductionOf(3), 2)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "this node is n1, not n2")
	misrouted.untilClosed()
	healthy.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-heard.messages)
	require.Empty(t, heard.seen)
}

func TestADiallerSaysWhomItMeans(t *testing.T) {
	transport, _ := listening(t)
	peer := fake(t)
	transport.SetRoute(2, peer.address())
	conn, err := peer.Accept()
	require.NoError(t, err)
	defer conn.Close()
	var hello raftpb.Hello
	require.NoError(t, readHandshake(bufio.NewReader(conn), &hello))
	require.EqualValues(t, 2, hello.GetToNodeId())

	unsaid := dial(t, transport)
	_, err = introduce(unsaid, unsaid.reader, introductionOf(3), 0)
	require.NoError(t, err, "it need not")
}

// The older process connected first and died; its Hello is read when the newer one is there already.
func TestALateHelloOfAnOlderProcessIsRefused(t *testing.T) {
	transport, heard := listening(t)
	late := dial(t, transport)
	for transport.strangerCount() == 0 {
		runtime.Gosched()
	}
	restarted := introductionOf(2)
	restarted.Epoch++
	newer := dialAs(t, transport, restarted)
	require.EqualValues(t, 2, (<-heard.seen).Epoch)
	_, err := introduce(late, late.reader, introductionOf(2), 1)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "a newer connection of n2 is there")
	newer.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-heard.messages)
	require.Empty(t, heard.seen)
}

// The answer of the older process was read before the newer one introduced itself, and is told after: not at all.
func TestNewsOfAnAnswerDoNotComeAfterThoseOfANewerProcess(t *testing.T) {
	transport, heard := listening(t)
	p := newPeer(transport, 2, "127.0.0.1:1", true)
	answered, restarted := introductionOf(2), introductionOf(2)
	restarted.Epoch++
	require.NoError(t, p.setRemote(answered))
	p.noticeAlive(restarted)
	require.ErrorIs(t, p.answered(answered), errPeerAlive)
	p.tellSeen(restarted)
	require.NoError(t, p.answered(restarted))
	require.EqualValues(t, 2, (<-heard.seen).Epoch)
	require.EqualValues(t, 2, (<-heard.seen).Epoch)
	p.stop()
	require.ErrorIs(t, p.answered(restarted), net.ErrClosed)
	require.Empty(t, heard.seen)
}
