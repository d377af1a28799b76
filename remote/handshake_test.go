package remote

import (
	"bufio"
	"bytes"
	"net"
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
