package actors

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

type testPeerMessage struct {
	from   engine.NodeID
	number int
}

func (m testPeerMessage) sender() engine.NodeID { return m.from }
func (m testPeerMessage) String() string        { return fmt.Sprintf("n%d:%d", m.from, m.number) }

func TestPeersTakeTurnsAndStayInOrder(t *testing.T) {
	m, r, s := testMailbox(10)
	for number := range 4 {
		m.PostUserMessage(testPeerMessage{1, number})
	}
	for number := range 2 {
		m.PostUserMessage(testPeerMessage{2, number})
	}
	m.PostUserMessage(testPeerMessage{3, 0})
	m.PostUserMessage("tick")
	require.Equal(t, 8, m.UserMessageCount())
	s.run()
	require.Equal(t, "tick", r.seen[0], "what the node itself waits for goes first")
	require.Equal(t, []string{"n1:0", "n2:0", "n3:0", "n1:1", "n2:1", "n1:2", "n1:3"}, r.seen[1:])
	require.Zero(t, m.UserMessageCount())
}

// What another peer says is taken next, however much of a flood waits, and also when it comes in the middle of it.
func TestAFloodDelaysNoOtherPeer(t *testing.T) {
	m, r, s := testMailbox(10)
	for number := range 5000 {
		m.PostUserMessage(testPeerMessage{1, number})
	}
	r.receive = func(message any) {
		if message == (testPeerMessage{1, 2000}) {
			m.PostUserMessage(testPeerMessage{2, 0})
		}
	}
	s.run()
	require.Len(t, r.seen, 5001)
	require.Contains(t, r.seen[2000:2004], "n2:0")
}

func TestClientsGetATurnUnderPeerLoad(t *testing.T) {
	m, r, s := testMailbox(10)
	for number := range 3 * controlRun {
		m.PostUserMessage(testPeerMessage{1, number})
	}
	p, _ := testProposal(1)
	m.PostUserMessage(p)
	s.run()
	require.Equal(t, "proposals:1", r.seen[controlRun])
}

func TestLinesOfIdsThatAreMadeUpAreForgotten(t *testing.T) {
	m, r, s := testMailbox(10)
	for round := range 3 {
		for id := range 500 {
			m.PostUserMessage(testPeerMessage{engine.NodeID(1000*round + id + 1), 0})
		}
		s.run()
	}
	require.Len(t, r.seen, 1500)
	require.LessOrEqual(t, len(m.peers.lines), keptLines)
}

// A peer that always says more than the driver has taken keeps its line from ever being empty.
func TestALineThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	var l peerLine
	l.push(testPeerMessage{1, 0})
	for number := range 4 * burstCapacity {
		l.push(testPeerMessage{1, number + 1})
		message, ok := l.pop()
		require.True(t, ok)
		require.Equal(t, testPeerMessage{1, number}, message)
	}
	require.LessOrEqual(t, cap(l.queue), 16)
}
