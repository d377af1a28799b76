package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// verdicts hears what a node says to offers of snapshots.
type verdicts struct {
	remote.Network
	heard chan *engine.SnapshotOfferResponse
}

type verdictTransport struct {
	remote.Transport
	heard chan *engine.SnapshotOfferResponse
}

func (v *verdicts) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := v.Network.NewTransport(hello)
	return verdictTransport{transport, v.heard}, err
}

func (v verdictTransport) Send(to engine.NodeID, message engine.Message) {
	if m, ok := message.(*engine.SnapshotOfferResponse); ok {
		v.heard <- m
	}
	v.Transport.Send(to, message)
}

// A node that handles no snapshots says so to whoever offers one, and lives on.
func TestOfferedSnapshotIsRefused(t *testing.T) {
	c := newCluster(t, 1)
	network := &verdicts{Network: c.network, heard: make(chan *engine.SnapshotOfferResponse, 10)}
	c.adjust = func(cfg *Config) { cfg.Network = network }
	c.startAll()
	node := c.writable()
	status, err := node.Status(t.Context())
	require.NoError(t, err)
	offer := &engine.SnapshotOffer{Term: status.Term + 1, Number: 7, Transfer: 77, Snapshot: engine.SnapshotMeta{
		ID: 5, Position: engine.Position{Term: status.Term, Index: 1000}, Membership: status.Membership, ConfigurationIndex: 2,
	}}
	newInbound(c.system.Root, node.core.epoch.Load(), node.PID()).Deliver(engine.Peer{ID: 2, Incarnation: 9}, offer, 100)
	select {
	case answer := <-network.heard:
		require.Equal(t, &engine.SnapshotOfferResponse{Term: offer.Term, Number: 7, Transfer: 77, Verdict: engine.SnapshotRefused}, answer)
	case <-time.After(patience):
		require.Fail(t, "no answer")
	}
	_, err = c.writable().Write(t.Context(), 1)
	require.NoError(t, err)
}
