package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// Promises that the host makes, whatever the engine says.

// fullStorage says that it is nearly full, once it is armed.
type fullStorage struct {
	persistence.Opener
	armed *atomic.Bool
}

type fullRoom struct {
	persistence.Storage
	armed *atomic.Bool
}

func (s fullStorage) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := s.Opener.Create(id, state, first)
	return fullRoom{storage, s.armed}, err
}

func (s fullRoom) NearlyFull() bool { return s.armed.Load() }

// A client of a follower is sent to the leader, which has room; it would wait for ever for that of the follower.
func TestFollowerWithAFullDiskNamesTheLeader(t *testing.T) {
	c := newCluster(t, 3)
	full := make(map[engine.NodeID]*atomic.Bool)
	for id, storage := range c.storages {
		full[id] = new(atomic.Bool)
		c.storages[id] = fullStorage{storage, full[id]}
	}
	c.startAll()
	follower := c.follower()
	full[c.idOf(follower)].Store(true)
	var err error
	c.eventually(func() bool {
		_, err = follower.Write(t.Context(), 1)
		return !errors.Is(err, ErrNoLeader) // it may not have heard of its leader yet
	})
	require.ErrorIs(t, err, ErrNotLeader)
}

// What a deposed leader had appended and not committed is nobody's success, and its caller learns so at once: the node
// may be cut off for days.
func TestUncommittedChangeOfADeposedLeaderIsAnsweredAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.writable()
	c.network.Partition(c.idOf(leader))
	made := make(chan error, 1)
	go func() {
		_, err := leader.Admin().AddLearner(context.Background(), 4, remote.InProcessAddress(4))
		made <- err
	}()
	c.eventually(func() bool {
		status, err := leader.Status(t.Context())
		return err == nil && status.Role != engine.Leader
	})
	c.eventually(func() bool { return len(made) == 1 })
	err := <-made
	if !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNoLeader) { // it may have stepped down before it was asked
		require.ErrorIs(t, err, ErrOutcomeUnknown)
	}
}

// talkative lets a test hear, stop or upset the actors of a node.
func talkative(hear func(name string, message any)) func(*Config) {
	return func(cfg *Config) { cfg.Runtime = &Runtime{intercept: hear} }
}

// countedTransports counts how often a node opened its transport.
type countedTransports struct {
	remote.Network
	count atomic.Int64
}

func (n *countedTransports) NewTransport(hello remote.Hello) (remote.Transport, error) {
	n.count.Add(1)
	return n.Network.NewTransport(hello)
}

// onlooker hears of every step of an engine, and may upset it. The rest of what an observer hears is lost on it.
type onlooker struct{ stepped func(event engine.Event) }

func (onlooker) Started(engine.Peer, engine.Recovered) {}
func (onlooker) Durable(engine.Seq)                    {}
func (onlooker) Left(engine.NodeID, engine.Message)    {}
func (o onlooker) Stepped(event engine.Event, _ []engine.Action, _ engine.Status) {
	o.stepped(event)
}

// Actors of an earlier life may still have something to say. Nothing of it reaches the engine of this one, moves its
// shutdown on or ends it.
func TestWordsOfAnEarlierLifeAreIgnored(t *testing.T) {
	c := newCluster(t, 1)
	network := &countedTransports{Network: c.network}
	var ticks, ofPeers atomic.Int64
	c.adjust = func(cfg *Config) {
		cfg.Network = network
		cfg.Runtime = &Runtime{Observer: onlooker{func(event engine.Event) {
			if isEvent[*engine.Tick](event) {
				ticks.Add(1)
			}
			if isEvent[*engine.PeerSeen](event) || isEvent[*engine.Incoming](event) {
				ofPeers.Add(1)
			}
		}}}
	}
	c.startAll()
	n := c.writable()
	earlier := n.core.epoch.Load()
	crash(c, n)
	c.eventually(func() bool { return n.core.epoch.Load() != earlier })
	c.writable()
	before, err := n.Status(t.Context())
	require.NoError(t, err)
	opened := network.count.Load()
	q := &quota{}
	for _, word := range []driverMessage{
		&ticked{epoch: earlier},
		&persisted{epoch: earlier, seq: 1 << 40},
		&applied{epoch: earlier, index: 1 << 40},
		&storageOpened{epoch: earlier, err: errDisk},
		&transportOpened{epoch: earlier, err: errDisk},
		&persistenceFailed{epoch: earlier, err: errDisk},
		&applyFailed{epoch: earlier, err: errDisk},
		&storageFlushed{epoch: earlier},
		&applyDrained{epoch: earlier},
		&storageClosed{epoch: earlier},
		&peerSeen{epoch: earlier, hello: remote.Hello{Cluster: before.Cluster, Peer: engine.Peer{ID: 2, Incarnation: 2}}, quota: q},
		&peerMessage{epoch: earlier, from: engine.Peer{ID: 2, Incarnation: 2}, message: &engine.Heartbeat{Term: 99, Number: 1}, quota: q},
	} {
		c.system.Root.Send(n.PID(), word)
	}
	_, err = n.Write(t.Context(), 1)
	require.NoError(t, err)
	now := ticks.Load()
	c.eventually(func() bool { return ticks.Load() >= now+3 }) // a transport that was stopped would be back
	after, err := n.Status(t.Context())
	require.NoError(t, err)
	require.NoError(t, after.Err)
	require.Equal(t, before.Term, after.Term)
	require.Equal(t, engine.Leader, after.Role)
	require.Equal(t, before.Last.Index+1, after.Commit)
	require.Equal(t, opened, network.count.Load())
	require.Zero(t, ofPeers.Load())
}

// A shutdown that waits for the disk is not moved on by what the storage of an earlier life did: what becomes durable by
// the flush has to be applied behind it.
func TestShutdownWaitsForItsOwnStorage(t *testing.T) {
	c := newCluster(t, 1)
	flushing, goOn := make(chan struct{}), make(chan struct{})
	var flushed, early atomic.Bool
	c.adjust = talkative(func(_ string, message any) {
		switch message := message.(type) {
		case *batch:
			if _, flush := message.messages[len(message.messages)-1].(*flushStorage); flush {
				close(flushing)
				<-goOn
			}
		case *storageFlushed:
			flushed.Store(flushed.Load() || message.epoch != 0)
		case *drainApply:
			early.Store(early.Load() || !flushed.Load())
		}
	})
	c.startAll()
	n := c.writable()
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	<-flushing
	for range 3 {
		for _, word := range []driverMessage{&storageFlushed{}, &applyDrained{}, &storageClosed{}} {
			c.system.Root.Send(n.PID(), word)
			_, err := n.Status(t.Context()) // behind the word
			require.NoError(t, err, "the node waits")
		}
	}
	close(goOn)
	require.NoError(t, <-stopped)
	require.False(t, early.Load())
	delete(c.nodes, 1)
}

// What is committed when the time for a shutdown is up is applied and answered all the same, however many times the
// engine has to be asked for more of it.
func TestShutdownAppliesWhatIsCommitted(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	flushed := make(chan struct{})
	c.adjust = func(cfg *Config) {
		talkative(func(_ string, message any) {
			if _, ok := message.(*storageFlushed); ok {
				close(flushed)
			}
		})(cfg)
		cfg.ShutdownTimeout, cfg.MaxPendingApplies = 0, 4
	}
	c.startAll()
	n := c.leader()
	commands := make([]int64, 16)
	commands[0] = 1
	write := writeAsync(n, commands...)
	c.eventually(func() bool { return g.entered.Load() > 0 })
	c.eventually(func() bool {
		status, err := n.Status(t.Context())
		return err == nil && status.Commit == status.Last.Index
	})
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	<-flushed
	close(g.open)
	require.NoError(t, <-stopped)
	require.NoError(t, <-write)
	delete(c.nodes, 1)
}

// slowOpen lets a test act before a storage is opened again.
type slowOpen struct {
	persistence.Opener
	opening, goOn chan struct{}
}

func (s slowOpen) Open(id persistence.Identity) (persistence.Storage, error) {
	close(s.opening)
	<-s.goOn
	return s.Opener.Open(id)
}

// An engine is made of what its own life has read: the storage of the life before is closed.
func TestStorageOfAnEarlierLifeStartsNoEngine(t *testing.T) {
	c := newCluster(t, 1)
	var engines atomic.Int64
	c.adjust = func(cfg *Config) { cfg.Runtime = &Runtime{Observer: countedEngines{count: &engines}} }
	s := slowOpen{c.storages[1], make(chan struct{}), make(chan struct{})}
	c.storages[1] = s
	c.startAll()
	n := c.writable()
	earlier := n.core.epoch.Load()
	crash(c, n)
	<-s.opening
	c.system.Root.Send(n.PID(), &storageOpened{epoch: earlier, recovered: persistence.Recovered{}})
	_, err := n.Status(t.Context()) // behind the word
	require.NoError(t, err)
	require.EqualValues(t, 1, engines.Load())
	close(s.goOn)
	c.writable()
	require.EqualValues(t, 2, engines.Load())
}

// countedEngines counts the engines of a node.
type countedEngines struct {
	onlooker
	count *atomic.Int64
}

func (countedEngines) Stepped(engine.Event, []engine.Action, engine.Status) {}
func (e countedEngines) Started(engine.Peer, engine.Recovered)              { e.count.Add(1) }

// A peer whose messages were taken has all its room again.
func TestRoomOfAPeerIsGivenBack(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	n := c.writable()
	in, peer := newInbound(c.system.Root, n.core.epoch.Load(), n.PID()), engine.Peer{ID: 2, Incarnation: 2}
	in.PeerSeen(remote.Hello{Cluster: engine.ClusterID{Name: "test"}, Peer: peer})
	in.Deliver(peer, &engine.Heartbeat{Term: 1}, 20)
	c.eventually(func() bool { return in.quota(peer.ID).messages.Load() == 0 })
	require.Zero(t, in.quota(peer.ID).bytes.Load())
}

// sentMessages is a transport that only counts.
type sentMessages struct {
	remote.Transport
	count int
}

func (s *sentMessages) Send(engine.NodeID, engine.Message) { s.count++ }

// After a fatal error, or when the node ends, nothing is sent any more.
func TestNothingLeavesAfterTheEndOfALife(t *testing.T) {
	l, out := &life{}, &sentMessages{}
	l.send(2, &engine.Heartbeat{})
	require.Zero(t, out.count, "there is no transport yet")
	l.attach(out)
	l.send(2, &engine.Heartbeat{})
	require.Equal(t, 1, out.count)
	l.end(errDisk)
	l.end(ErrStopped)
	l.send(2, &engine.Heartbeat{})
	require.Equal(t, 1, out.count)
	require.ErrorIs(t, l.ended(), errDisk, "the first cause stays")
}

// brokenOnce fails one write, once it is armed, and counts all.
type brokenOnce struct {
	persistence.Opener
	armed  *atomic.Bool
	writes *atomic.Int64
}

type brokenStorage struct {
	persistence.Storage
	disk brokenOnce
}

func (b brokenOnce) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := b.Opener.Create(id, state, first)
	return brokenStorage{storage, b}, err
}

func (b brokenStorage) Write(batch *persistence.Batch) error {
	b.disk.writes.Add(1)
	if b.disk.armed.Swap(false) {
		return errDisk
	}
	return b.Storage.Write(batch)
}

// A disk that failed may answer the next time as if nothing had been. It is not asked again, even before the driver has
// heard of the failure.
func TestAFailedDiskIsNotAskedAgain(t *testing.T) {
	disk := brokenOnce{persistence.NewMemory(), new(atomic.Bool), new(atomic.Int64)}
	goOn, confirmed := make(chan struct{}), new(atomic.Bool)
	heard := make(chan struct{})
	c := newCluster(t, 1)
	c.storages[1] = disk
	c.adjust = talkative(func(_ string, message any) {
		switch message.(type) {
		case *persistenceFailed:
			close(heard)
			<-goOn
		case *persisted:
			confirmed.Store(true)
		}
	})
	c.startAll()
	n := c.writable()
	c.eventually(func() bool { return n.core.mailbox.control.len() == 0 })
	disk.armed.Store(true)
	write := writeAsync(n, 1)
	<-heard
	confirmed.Store(false)
	before := disk.writes.Load()
	child := c.system.NewLocalPID(n.PID().GetId() + "/" + persistenceName)
	order := &persistOrder{seq: 1 << 30, records: []persistRecord{{state: engine.HardState{Term: 77}}}}
	for _, message := range []persistenceMessage{order, &sealLog{}, &pinCluster{}} {
		c.system.Root.Send(child, message)
	}
	c.system.Root.Send(child, &flushStorage{})
	c.eventually(func() bool { return n.core.mailbox.control.len() > 1 }) // one may be a tick; the other is behind the orders
	close(goOn)
	requireFailed(t, n, persistenceName)
	require.ErrorIs(t, <-write, ErrOutcomeUnknown)
	require.Equal(t, before, disk.writes.Load())
	require.False(t, confirmed.Load())
}
