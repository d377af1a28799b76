package actors

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// The order contract of the engine, kept by the actors that host it: what waits leaves only after its write.

// diskGate holds up, or fails, the writes of one node when it is armed.
type diskGate struct {
	persistence.Opener

	mu      sync.Mutex
	hold    chan struct{} // nil: writes pass
	entered chan struct{}
	err     error // what a held write ends with
}

type gatedStorage struct {
	persistence.Storage
	gate *diskGate
}

func (g *diskGate) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := g.Opener.Create(id, state, first)
	return gatedStorage{storage, g}, err
}

func (g *diskGate) arm(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold, g.entered, g.err = make(chan struct{}), make(chan struct{}, 100), err
}

func (g *diskGate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hold != nil {
		close(g.hold)
		g.hold = nil
	}
}

func (s gatedStorage) Write(batch *persistence.Batch) error {
	s.gate.mu.Lock()
	hold, entered, err := s.gate.hold, s.gate.entered, s.gate.err
	s.gate.mu.Unlock()
	if hold == nil || batch.Len() == 0 {
		return s.Storage.Write(batch)
	}
	entered <- struct{}{}
	<-hold
	if err != nil {
		return err
	}
	return s.Storage.Write(batch)
}

// acknowledgements records the highest index that each node acknowledged.
type acknowledgements struct {
	remote.Network
	mu      sync.Mutex
	highest map[engine.NodeID]engine.Index
}

type watchedTransport struct {
	remote.Transport
	self  engine.NodeID
	acked *acknowledgements
}

func (a *acknowledgements) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := a.Network.NewTransport(hello)
	return watchedTransport{transport, hello.Peer.ID, a}, err
}

func (w watchedTransport) Send(to engine.NodeID, message engine.Message) {
	if m, ok := message.(*engine.AppendEntriesResponse); ok && m.Accepted {
		w.acked.mu.Lock()
		w.acked.highest[w.self] = max(w.acked.highest[w.self], m.Match)
		w.acked.mu.Unlock()
	}
	w.Transport.Send(to, message)
}

func (a *acknowledgements) of(id engine.NodeID) engine.Index {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.highest[id]
}

func newWatchedCluster(t *testing.T) (*cluster, map[engine.NodeID]*diskGate, *acknowledgements) {
	c := newCluster(t, 3)
	gates := make(map[engine.NodeID]*diskGate)
	for id, storage := range c.storages {
		gates[id] = &diskGate{Opener: storage}
		c.storages[id] = gates[id]
		t.Cleanup(gates[id].release) // before the cluster is stopped, also when the test has failed
	}
	acked := &acknowledgements{Network: c.network, highest: make(map[engine.NodeID]engine.Index)}
	c.adjust = func(cfg *Config) { cfg.Network = acked }
	c.startAll()
	return c, gates, acked
}

func TestAcknowledgementLeavesAfterItsWrite(t *testing.T) {
	c, gates, acked := newWatchedCluster(t)
	leader := c.writable()
	c.converge()
	id := c.idOf(c.follower())
	gate := gates[id]
	gate.arm(nil)
	_, err := leader.Write(t.Context(), 1) // the leader and the third node are a majority
	require.NoError(t, err)
	<-gate.entered
	index := c.lastOf(leader)
	c.passTime(leader, 20)
	require.Less(t, acked.of(id), index, "the write has not returned")
	gate.release()
	c.eventually(func() bool { return acked.of(id) >= index })
}

func TestNothingIsAcknowledgedAfterAFailedWrite(t *testing.T) {
	c, gates, acked := newWatchedCluster(t)
	leader := c.writable()
	c.converge()
	follower := c.follower()
	id := c.idOf(follower)
	gates[id].arm(errDisk)
	_, err := leader.Write(t.Context(), 1)
	require.NoError(t, err)
	<-gates[id].entered
	index := c.lastOf(leader)
	gates[id].release()
	<-follower.Done()
	require.ErrorIs(t, follower.Err(), errDisk)
	require.Less(t, acked.of(id), index)
}

func TestLeaderCountsItselfAfterItsWrite(t *testing.T) {
	c, gates, _ := newWatchedCluster(t)
	leader := c.writable()
	c.converge()
	before, err := leader.Status(t.Context())
	require.NoError(t, err)
	gate := gates[c.idOf(leader)]
	gate.arm(nil)
	result := writeAsync(leader, 1)
	<-gate.entered
	for range 100 {
		s, err := leader.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, before.Durable, s.Durable, "the write has not returned")
		require.Equal(t, before.Applied, s.Applied, "what is not durable here is not applied here")
	}
	gate.release()
	requireHonest(t, <-result)
}

func (c *cluster) lastOf(n *Node[int64, int64]) engine.Index {
	c.t.Helper()
	s, err := n.Status(c.t.Context())
	require.NoError(c.t, err)
	return s.Last.Index
}
