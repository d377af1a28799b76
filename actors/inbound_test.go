package actors

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

func TestFloodOfOnePeerIsBoundedAndCostsNobodyElse(t *testing.T) {
	system := newSystem(t)
	p := newProbe(t, system)
	p.messages = make(chan any, 4*inboundMessages)
	in := newInbound(system.Root, 7, p.pid)
	flood, other := engine.Peer{ID: 1, Incarnation: 1}, engine.Peer{ID: 2, Incarnation: 1}
	for range 2 * inboundMessages {
		in.Deliver(flood, &engine.AppendEntries{Term: 1}, 20)
	}
	require.Len(t, p.messages, inboundMessages/2, "log traffic is dropped first")
	for range 2 * inboundMessages {
		in.Deliver(flood, &engine.Heartbeat{Term: 1}, 20)
	}
	require.Len(t, p.messages, inboundMessages)
	in.Deliver(other, &engine.AppendEntries{Term: 1}, inboundBytes/2)
	require.Len(t, p.messages, inboundMessages+1)
	in.Deliver(other, &engine.AppendEntries{Term: 1}, 1)
	require.Len(t, p.messages, inboundMessages+1, "bytes are bounded as well")
	require.EqualValues(t, 3*inboundMessages+1, in.crowded.Load(), "what is dropped is counted")

	taken := p.next(t).(*peerMessage)
	require.Equal(t, flood, taken.from)
	require.EqualValues(t, 7, taken.epoch)
	taken.quota.give(int64(taken.size))
	in.Deliver(flood, &engine.Heartbeat{Term: 1}, 20)
	require.Len(t, p.messages, inboundMessages+1, "room comes back when the driver takes a message")
}

func TestIdsThatAreMadeUpDoNotPileUp(t *testing.T) {
	system := newSystem(t)
	p := newProbe(t, system)
	p.messages = make(chan any, 8*engine.MaxMembers)
	in := newInbound(system.Root, 1, p.pid)
	for id := range 4 * engine.MaxMembers {
		in.PeerSeen(remote.Hello{Peer: engine.Peer{ID: engine.NodeID(id + 1)}})
		seen := p.next(t).(*peerSeen)
		seen.quota.give(0)
	}
	require.LessOrEqual(t, len(in.quotas), engine.MaxMembers)
}
