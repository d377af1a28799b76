package remote

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// joined starts the given nodes in one network, each with a route to each.
func joined(t *testing.T, network *InProcess, ids ...engine.NodeID) map[engine.NodeID]Transport {
	t.Helper()
	transports := make(map[engine.NodeID]Transport)
	for _, id := range ids {
		transport, err := network.NewTransport(introductionOf(id))
		require.NoError(t, err)
		require.NoError(t, transport.Start(newEars()))
		t.Cleanup(func() { require.NoError(t, transport.Close()) })
		transports[id] = transport
	}
	for _, a := range ids {
		for _, b := range ids {
			transports[a].SetRoute(b, InProcessAddress(b))
		}
	}
	return transports
}

// gets reports whether a message from one node reaches another. In one process it has arrived when Send returns.
func gets(transports map[engine.NodeID]Transport, from, to engine.NodeID) bool {
	before := transports[to].Metrics().Received
	transports[from].Send(to, &engine.TimeoutNow{Term: 1})
	return transports[to].Metrics().Received > before
}

func TestAPartitionPartsAndHealJoins(t *testing.T) {
	network := NewInProcess()
	nodes := joined(t, network, 1, 2, 3, 4)
	network.Partition(1, 2)
	require.True(t, gets(nodes, 1, 2))
	require.True(t, gets(nodes, 3, 4))
	require.False(t, gets(nodes, 1, 3))
	require.False(t, gets(nodes, 4, 2))
	network.Partition(2)
	require.False(t, gets(nodes, 1, 2))
	require.False(t, gets(nodes, 3, 2))
	network.Heal()
	require.True(t, gets(nodes, 1, 3))
	require.True(t, gets(nodes, 2, 1))
	require.EqualValues(t, 2, nodes[1].Metrics().Dropped)
}

func TestACutWorksOneWay(t *testing.T) {
	network := NewInProcess()
	nodes := joined(t, network, 1, 2)
	network.Cut(1, 2)
	require.False(t, gets(nodes, 1, 2))
	require.True(t, gets(nodes, 2, 1))
	network.Heal()
	require.True(t, gets(nodes, 1, 2))
}

func TestDropChoosesMessages(t *testing.T) {
	network := NewInProcess()
	nodes := joined(t, network, 1, 2)
	network.Drop(func(from, to engine.NodeID, message engine.Message) bool {
		_, loses := message.(*engine.TimeoutNow)
		return loses && from == 1 && to == 2
	})
	require.False(t, gets(nodes, 1, 2))
	require.True(t, gets(nodes, 2, 1))
	nodes[1].Send(2, &engine.Heartbeat{Term: 1})
	require.EqualValues(t, 1, nodes[1].Metrics().Sent)
	require.EqualValues(t, 1, nodes[1].Metrics().Dropped)
	network.Drop(nil)
	require.True(t, gets(nodes, 1, 2))
}

// After a partition both ends shake hands again, as over a real network.
func TestAHealedLinkShakesHandsAgain(t *testing.T) {
	network := NewInProcess()
	nodes := joined(t, network, 1, 2)
	before := nodes[1].Metrics().Dials
	require.True(t, gets(nodes, 1, 2))
	network.Partition(1)
	require.False(t, gets(nodes, 1, 2))
	network.Heal()
	require.True(t, gets(nodes, 1, 2))
	require.Equal(t, before+1, nodes[1].Metrics().Dials)
}

func TestAMalformedMessageInOneProcessIsABug(t *testing.T) {
	nodes := joined(t, NewInProcess(), 1, 2)
	require.PanicsWithValue(t,
		"remote: n1@0000000000000007 sent what no engine says: remote: malformed: *engine.Heartbeat of term 0",
		func() { nodes[1].Send(2, &engine.Heartbeat{}) })
}
