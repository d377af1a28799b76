// Package remotetest holds every implementation of [remote.Transport] to its contract. A user who brings a transport
// calls [Run] in a test.
package remotetest

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// NewNetworks returns, for one test, the network of each node: the same one for all nodes when they share it, one
// of its own for each when they do not. Address is where the node shall be reached; empty: anywhere.
//
// Time limits of a network must be far beyond what a busy machine takes to connect. What is not connected in time may be
// dropped, and most tests send a message once and wait for it.
type NewNetworks func(t *testing.T) func(id engine.NodeID, address string) remote.Network

// Run runs the conformance suite.
func Run(t *testing.T, networks NewNetworks) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"a message arrives as it was sent", testEveryMessage},
		{"messages of one kind arrive in order", testOrder},
		{"a large message arrives", testLargeMessage},
		{"both ends see each other before the first message", testPeerSeen},
		{"a message without a route is dropped", testNoRoute},
		{"a joiner can be answered", testLearnedRoute},
		{"a joiner that does not know the founders is let in", testUnpinned},
		{"another cluster is refused", testWrongCluster},
		{"other founders are refused", testOtherFounders},
		{"a pinned joiner refuses other founders", testPin},
		{"a route to the wrong node delivers nothing", testWrongNode},
		{"a node does not talk with itself", testSelf},
		{"a dropped route carries nothing", testDropRoute},
		{"a peer whose route was dropped brings it back", testReturn},
		{"a changed route leads to the new place", testChangedRoute},
		{"a restarted peer is seen again", testRestart},
		{"an occupied address is told at start", testOccupied},
		{"a transport starts once", testStartOnce},
		{"a handler may use the transport", testReentrant},
		{"many senders, and nothing is lost or counted twice", testConcurrentSenders},
		{"nodes that dial each other at once lose nothing", testSimultaneous},
		{"the bytes of a snapshot arrive, and acknowledgements come back", testChunks},
		{"a chunk without a route is dropped", testChunkWithoutRoute},
		{"nothing is delivered after Close", testClose},
		{"a node must be able to introduce itself", testInvalidLocal},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, &cluster{t: t, network: networks(t)}) })
	}
}

// cluster makes the nodes of one test.
type cluster struct {
	t       *testing.T
	network func(id engine.NodeID, address string) remote.Network
}

// node is a started transport and what it heard.
type node struct {
	*Recorder
	remote.Transport
	id engine.NodeID
}

// Introduction returns a complete Hello for a node of the cluster "conformance".
func Introduction(id engine.NodeID) remote.Hello {
	return remote.Hello{
		Cluster:            engine.ClusterID{Name: "conformance", Founders: [16]byte{1}},
		Peer:               engine.Peer{ID: id, Incarnation: engine.Incarnation(0xbeef<<8 | uint64(id))},
		MinElectionTimeout: 500 * time.Millisecond,
		Epoch:              uint64(id) * 1000,
	}
}

func (c *cluster) start(id engine.NodeID, changes ...func(*remote.Hello)) *node {
	c.t.Helper()
	return c.startAt(id, "", changes...)
}

func (c *cluster) startAt(id engine.NodeID, address string, changes ...func(*remote.Hello)) *node {
	c.t.Helper()
	local := Introduction(id)
	for _, change := range changes {
		change(&local)
	}
	transport, err := c.network(id, address).NewTransport(local)
	require.NoError(c.t, err)
	n := &node{Recorder: NewRecorder(), Transport: transport, id: id}
	require.NoError(c.t, transport.Start(n))
	c.t.Cleanup(func() { require.NoError(c.t, transport.Close()) })
	return n
}

func (n *node) routeTo(other *node) { n.SetRoute(other.id, other.Address()) }

// heartbeat returns a message that is told from others by its number. Heartbeats may replace each other: it is for
// tests that wait for one before they send the next.
func heartbeat(number engine.SendNumber) engine.Message {
	return &engine.Heartbeat{Term: 1, Number: number}
}

// timeoutNow returns a message that is never replaced by a newer one.
func timeoutNow(number engine.SendNumber) engine.Message {
	return &engine.TimeoutNow{Term: 1, Number: number}
}

func appendEntries(number engine.SendNumber, size int) *engine.AppendEntries {
	return &engine.AppendEntries{
		Term: 3, Number: number, Prev: engine.Position{Term: 2, Index: 9},
		Entries: []engine.Entry{{Term: 3, Index: 10, Kind: engine.EntryCommand, Data: make([]byte, size)}},
		Commit:  9,
	}
}

// Messages returns one message of each type with every field set.
func Messages() []engine.Message {
	founders, err := engine.FoundersEntry(engine.Membership{
		Members: []engine.Member{{ID: 1, Role: engine.Voter, Address: "10.0.0.1:7000"}},
	})
	if err != nil {
		panic(err)
	}
	last := engine.Position{Term: 6, Index: 40}
	return []engine.Message{
		&engine.RequestPreVote{Term: 7, Round: 2, Last: last},
		&engine.RequestPreVoteResponse{Term: 7, Round: 2, Granted: true},
		&engine.RequestVote{Term: 7, Last: last, Transfer: true},
		&engine.RequestVoteResponse{Term: 7, Granted: true, Candidate: 1 << 63},
		&engine.AppendEntries{
			Term: 7, Number: 11, Prev: engine.Position{Term: 5, Index: 38}, Commit: 38,
			Entries: []engine.Entry{
				{Term: 6, Index: 39, Kind: engine.EntryNoOp},
				{Term: 6, Index: 40, Kind: engine.EntryCommand, Data: []byte("set k v")},
				{Term: 7, Index: 41, Kind: engine.EntryConfiguration, Data: founders.Data},
			},
		},
		&engine.AppendEntriesResponse{Term: 7, Number: 11, Accepted: true, Match: 41},
		&engine.AppendEntriesResponse{Term: 7, Number: 12, Conflict: engine.Position{Term: 6, Index: 39}},
		&engine.Heartbeat{Term: 7, Number: 13, Commit: 41},
		&engine.HeartbeatResponse{Term: 7, Number: 13},
		&engine.TimeoutNow{Term: 7, Number: 14},
		&engine.SnapshotOffer{Term: 7, Number: 15, Transfer: 1 << 60, Snapshot: engine.SnapshotMeta{
			ID: 1 << 63, Position: last, ConfigurationIndex: 38, Size: 1 << 30, Checksum: 77, Membership: engine.Membership{
				Members: []engine.Member{{ID: 1, Incarnation: 9, Role: engine.Voter, Address: "10.0.0.1:7000"}},
			},
		}},
		&engine.SnapshotOfferResponse{Term: 7, Number: 15, Transfer: 1 << 60, Verdict: engine.SnapshotAccepted, Offset: 4096},
		&engine.SnapshotOfferResponse{Term: 7, Number: 15, Transfer: 1 << 60, Verdict: engine.SnapshotHeld, Match: 40},
		&engine.Removed{Term: 7, Incarnation: 1 << 63, Commit: last},
		&engine.ProposalForward{Term: 7, Origin: 8, ID: 9, Commands: [][]byte{[]byte("a"), []byte("b")}},
		&engine.ProposalForwardResult{Term: 7, Origin: 8, ID: 9, Outcome: engine.ForwardApplied, Responses: [][]byte{[]byte("c"), []byte("d")}},
	}
}

func testEveryMessage(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	for _, m := range Messages() {
		a.Send(b.id, m)
		got := b.Next()
		require.Equal(t, m, got.Message)
		require.Equal(t, Introduction(1).Peer, got.From)
		require.Positive(t, got.Size)
	}
	require.EqualValues(t, len(Messages()), b.Metrics().Received)
	require.Zero(t, a.Metrics().Dropped)
}

func testOrder(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	const count = 1000
	for i := range count {
		a.Send(b.id, appendEntries(engine.SendNumber(i+1), 100))
	}
	for i := range count {
		got, ok := b.Next().Message.(*engine.AppendEntries)
		require.True(t, ok)
		require.Equal(t, engine.SendNumber(i+1), got.Number)
	}
}

func testLargeMessage(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	m := appendEntries(1, 8<<20)
	for i := range m.Entries[0].Data {
		m.Entries[0].Data[i] = byte(i * 7)
	}
	a.Send(b.id, m)
	got := b.Next()
	require.Equal(t, m, got.Message)
	require.Greater(t, got.Size, 8<<20)
}

func testPeerSeen(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	a.Send(b.id, heartbeat(1))
	b.Next()
	require.NotEmpty(t, b.seen, "a message came before the handshake was told")
	for _, side := range []struct{ hears, of *node }{{b, a}, {a, b}} {
		want := Introduction(side.of.id)
		want.Address, want.Version = side.of.Address(), remote.WireVersion
		require.Equal(t, want, side.hears.Await(side.of.id))
	}
}

func testNoRoute(t *testing.T, c *cluster) {
	a := c.start(1)
	a.Send(2, heartbeat(1))
	require.EqualValues(t, 1, a.Metrics().Dropped)
	require.Zero(t, a.Metrics().Sent)
}

func testLearnedRoute(t *testing.T, c *cluster) {
	leader, joiner := c.start(1), c.start(2)
	joiner.routeTo(leader)
	require.Equal(t, joiner.Address(), leader.Await(joiner.id).Address)
	leader.Send(joiner.id, heartbeat(1))
	require.Equal(t, heartbeat(1), joiner.Next().Message)
}

func unpinned(h *remote.Hello) { h.Cluster.Founders = [16]byte{} }

func testUnpinned(t *testing.T, c *cluster) {
	leader, joiner := c.start(1), c.start(2, unpinned)
	leader.routeTo(joiner)
	hello := joiner.Await(leader.id)
	require.Equal(t, Introduction(1).Cluster, hello.Cluster, "the joiner learns the whole id")
	joiner.PinCluster(hello.Cluster)
	leader.Send(joiner.id, heartbeat(1))
	joiner.Next()
	joiner.Send(leader.id, heartbeat(2))
	leader.Next()
}

// repeat does something again and again, as an engine does, until it has had its effect.
func repeat(do func(), done func() bool) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !done() {
		do()
		<-ticker.C
	}
}

// refused holds that nothing gets from a to b, and that some other node still can.
func refused(t *testing.T, c *cluster, a, b *node) {
	t.Helper()
	a.routeTo(b)
	repeat(func() { a.Send(b.id, timeoutNow(1)) }, func() bool { return a.Metrics().Refused > 0 })
	friend := c.start(9, func(h *remote.Hello) { h.Cluster = clusterOf(b) })
	friend.routeTo(b)
	friend.Send(b.id, timeoutNow(2))
	require.Equal(t, timeoutNow(2), b.Next().Message, "the refused message was delivered")
	require.Equal(t, friend.id, b.NextSeen().Peer.ID, "the refused node was seen")
	repeat(func() {}, func() bool { return b.Metrics().Refused > 0 })
}

func clusterOf(n *node) engine.ClusterID {
	if n.id == 3 {
		return otherCluster
	}
	return Introduction(n.id).Cluster
}

var otherCluster = engine.ClusterID{Name: "other", Founders: [16]byte{1}}

func testWrongCluster(t *testing.T, c *cluster) {
	refused(t, c, c.start(1), c.start(3, func(h *remote.Hello) { h.Cluster = otherCluster }))
}

func testOtherFounders(t *testing.T, c *cluster) {
	refused(t, c, c.start(1, func(h *remote.Hello) { h.Cluster.Founders = [16]byte{2} }), c.start(2))
}

func testPin(t *testing.T, c *cluster) {
	a := c.start(1, unpinned)
	a.PinCluster(engine.ClusterID{Name: Introduction(1).Cluster.Name, Founders: [16]byte{2}})
	refused(t, c, a, c.start(2))
}

func testWrongNode(t *testing.T, c *cluster) {
	a, b, other := c.start(1), c.start(2), c.start(4)
	a.SetRoute(other.id, b.Address())
	repeat(func() { a.Send(other.id, timeoutNow(1)) }, func() bool { return a.Metrics().Refused > 0 })
	require.Zero(t, b.Waiting())
	require.Zero(t, other.Waiting())
}

func testSelf(t *testing.T, c *cluster) {
	a := c.start(1)
	a.routeTo(a)
	a.SetRoute(0, a.Address())
	a.Send(a.id, heartbeat(1))
	a.Send(0, heartbeat(1))
	require.EqualValues(t, 2, a.Metrics().Dropped)
}

func testDropRoute(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	a.Send(b.id, timeoutNow(1))
	b.Next()
	a.DropRoute(b.id)
	dropped := a.Metrics().Dropped
	a.Send(b.id, timeoutNow(2))
	require.Equal(t, dropped+1, a.Metrics().Dropped)
	a.routeTo(b)
	a.Send(b.id, timeoutNow(3))
	require.Equal(t, timeoutNow(3), b.Next().Message)
}

func testReturn(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	b.routeTo(a)
	a.Send(b.id, timeoutNow(1))
	b.Next()
	a.DropRoute(b.id)
	repeat(func() { b.Send(a.id, timeoutNow(2)) }, func() bool { return a.Waiting() > 0 })
	a.Send(b.id, timeoutNow(3))
	require.Equal(t, timeoutNow(3), b.Next().Message)
}

func testChangedRoute(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.SetRoute(b.id, "127.0.0.1:1")
	a.routeTo(b)
	a.Send(b.id, timeoutNow(1))
	require.Equal(t, timeoutNow(1), b.Next().Message)
}

func testRestart(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	a.Send(b.id, timeoutNow(1))
	b.Next()
	require.NoError(t, b.Close())
	again := c.startAt(2, b.Address(), func(h *remote.Hello) { h.Epoch++ })
	again.routeTo(a)
	for a.Await(again.id).Epoch == Introduction(2).Epoch {
		continue
	}
	again.Await(a.id)
	repeat(func() { a.Send(again.id, timeoutNow(2)) }, func() bool { return again.Waiting() > 0 })
	require.Equal(t, timeoutNow(2), again.Next().Message)
}

func testOccupied(t *testing.T, c *cluster) {
	first := c.start(1)
	second, err := c.network(1, first.Address()).NewTransport(Introduction(1))
	require.NoError(t, err)
	err = second.Start(NewRecorder())
	require.ErrorContains(t, err, "n1 cannot listen on "+first.Address())
	require.ErrorContains(t, err, "address already in use")
	require.NoError(t, second.Close())
}

func testStartOnce(t *testing.T, c *cluster) {
	a := c.start(1)
	require.ErrorIs(t, a.Start(a), remote.ErrClosed)
	require.NoError(t, a.Close())
	require.NoError(t, a.Close())
	require.ErrorIs(t, a.Start(a), remote.ErrClosed)
	a.Send(2, heartbeat(1))
	a.SetRoute(2, "127.0.0.1:1")
	a.DropRoute(2)
}

// busybody is a handler that calls back into the transport.
type busybody struct {
	*Recorder
	transport remote.Transport
}

func (h *busybody) PeerSeen(hello remote.Hello) {
	h.transport.PinCluster(hello.Cluster)
	h.transport.SetRoute(hello.Peer.ID, hello.Address)
	h.Recorder.PeerSeen(hello)
}

func (h *busybody) Deliver(from engine.Peer, message engine.Message, size int) {
	h.transport.Metrics()
	h.transport.Send(from.ID, &engine.HeartbeatResponse{Term: message.MessageTerm(), Number: 1})
	h.Recorder.Deliver(from, message, size)
}

func testReentrant(t *testing.T, c *cluster) {
	a := c.start(1)
	local := Introduction(2)
	transport, err := c.network(2, "").NewTransport(local)
	require.NoError(t, err)
	b := &busybody{NewRecorder(), transport}
	require.NoError(t, transport.Start(b))
	defer func() { require.NoError(c.t, transport.Close()) }()
	a.SetRoute(2, transport.Address())
	a.Send(2, heartbeat(1))
	require.Equal(t, heartbeat(1), b.Next().Message)
	require.Equal(t, &engine.HeartbeatResponse{Term: 1, Number: 1}, a.Next().Message)
}

func testConcurrentSenders(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	const senders, each = 8, 250
	var group sync.WaitGroup
	for s := range senders {
		group.Go(func() {
			for i := range each {
				a.Send(b.id, appendEntries(engine.SendNumber(s*each+i+1), 10))
			}
		})
	}
	group.Wait()
	numbers := make(map[engine.SendNumber]bool)
	for range senders * each {
		m, ok := b.Next().Message.(*engine.AppendEntries)
		require.True(t, ok)
		require.False(t, numbers[m.Number], "number "+strconv.Itoa(int(m.Number))+" came twice")
		numbers[m.Number] = true
	}
	require.EqualValues(t, senders*each, b.Metrics().Received)
	require.Zero(t, a.Metrics().Dropped)
}

// Each handshake is news of a peer to a node that is just dialling it. What waits for that dial must not be lost. What is
// dropped is told at once: nobody would see the end of the wait for it.
func testSimultaneous(t *testing.T, c *cluster) {
	const pairs = 50
	for range pairs {
		a, b := c.start(1), c.start(2)
		var group sync.WaitGroup
		for _, side := range []struct{ from, to *node }{{a, b}, {b, a}} {
			group.Go(func() {
				side.from.routeTo(side.to)
				side.from.Send(side.to.id, timeoutNow(1))
			})
		}
		group.Wait()
		dropped := func() uint64 { return a.Metrics().Dropped + b.Metrics().Dropped }
		repeat(func() {}, func() bool { return dropped() > 0 || a.Waiting() > 0 && b.Waiting() > 0 })
		require.Zero(t, dropped(), "messages that waited for a connection are gone")
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	}
}

// tally is a handler that only counts messages: there is room for any number of them.
type tally struct {
	*Recorder
	delivered atomic.Uint64
}

func (h *tally) Deliver(engine.Peer, engine.Message, int) { h.delivered.Add(1) }

func testClose(t *testing.T, c *cluster) {
	a := c.start(1)
	b, err := c.network(2, "").NewTransport(Introduction(2))
	require.NoError(t, err)
	heard := &tally{Recorder: NewRecorder()}
	require.NoError(t, b.Start(heard))
	a.SetRoute(2, b.Address())
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := engine.SendNumber(1); ; i++ {
			select {
			case <-stop:
				return
			default:
				a.Send(2, heartbeat(i))
			}
		}
	})
	repeat(func() {}, func() bool { return heard.delivered.Load() > 1 })
	require.NoError(t, b.Close())
	delivered := heard.delivered.Load()
	for range 1000 {
		a.Send(2, timeoutNow(1))
	}
	close(stop)
	group.Wait()
	require.Equal(t, delivered, heard.delivered.Load())
}

func testInvalidLocal(t *testing.T, c *cluster) {
	for name, spoil := range map[string]func(*remote.Hello){
		"no id":            func(h *remote.Hello) { h.Peer.ID = 0 },
		"no incarnation":   func(h *remote.Hello) { h.Peer.Incarnation = 0 },
		"no cluster":       func(h *remote.Hello) { h.Cluster.Name = "" },
		"negative timeout": func(h *remote.Hello) { h.MinElectionTimeout = -1 },
	} {
		local := Introduction(1)
		spoil(&local)
		_, err := c.network(1, "").NewTransport(local)
		require.ErrorIs(t, err, remote.ErrInvalidConfig, name)
	}
}

// chunkOf returns a chunk whose content tells its place.
func chunkOf(transfer engine.TransferID, offset uint64, size int) *remote.Chunk {
	chunk := remote.NewChunk(transfer, offset, size)
	for i := range chunk.Data {
		chunk.Data[i] = byte((offset + uint64(i)) * 7)
	}
	return chunk
}

// testChunks has a window of one chunk, as the least that a sender may have.
func testChunks(t *testing.T, c *cluster) {
	a, b := c.start(1), c.start(2)
	a.routeTo(b)
	b.routeTo(a)
	offset := uint64(0)
	for _, size := range []int{1, 100, 64 << 10, 3 << 20, 5} {
		require.True(t, a.SendChunk(b.id, chunkOf(1<<63, offset, size)))
		got := b.NextChunk()
		require.Equal(t, Introduction(1).Peer, got.From)
		require.Equal(t, chunkOf(1<<63, offset, size).Data, got.Chunk.Data)
		require.Equal(t, engine.TransferID(1<<63), got.Chunk.Transfer)
		require.Equal(t, offset, got.Chunk.Offset)
		got.Chunk.Release()
		offset += uint64(size)
		want := remote.ChunkAck{Transfer: 1 << 63, Offset: offset, Stop: size == 5}
		b.SendChunkAck(a.id, want)
		require.Equal(t, AckArrival{Introduction(2).Peer, want}, a.NextAck())
	}
	require.Eventually(t, func() bool { // an answer may be here before the sender has counted what it answers
		return a.ChunksWaiting(b.id) == 0 && a.Metrics().ChunksSent == 5
	}, time.Minute, time.Millisecond)
	require.EqualValues(t, 5, b.Metrics().ChunksReceived)
	require.Zero(t, b.Waiting(), "a chunk is no message")
}

func testChunkWithoutRoute(t *testing.T, c *cluster) {
	a := c.start(1)
	require.False(t, a.SendChunk(2, chunkOf(1, 0, 10)))
	a.SendChunkAck(2, remote.ChunkAck{Transfer: 1})
	require.EqualValues(t, 2, a.Metrics().Dropped)
	require.Zero(t, a.ChunksWaiting(2))
}
