package actors

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// crash makes the driver panic: a peer message without a quota is a bug.
func crash(c *cluster, n *Node[int64, int64]) { c.system.Root.Send(n.PID(), &peerMessage{}) }

// writeAsync writes on another goroutine and hands over the error.
func writeAsync(n *Node[int64, int64], commands ...int64) chan error {
	result := make(chan error, 1)
	go func() {
		_, err := n.WriteBatch(context.Background(), commands)
		result <- err
	}()
	return result
}

// Whoever was accepted is answered, also when the order that carries it is still queued in the apply actor, whose
// mailbox protoactor drops in silence.
func TestWhatIsQueuedForApplyIsAnswered(t *testing.T) {
	for _, ending := range []struct {
		name  string
		end   func(c *cluster, n *Node[int64, int64])
		cause error
	}{
		{"restart", func(c *cluster, n *Node[int64, int64]) {
			crash(c, n)
			c.eventually(n.core.mailbox.suspended.Load)
		}, ErrRestarted},
		{"stop", func(c *cluster, n *Node[int64, int64]) {
			c.system.Root.Stop(n.PID())
			c.eventually(func() bool {
				_, err := n.Status(c.t.Context())
				return errors.Is(err, ErrShutdown)
			})
		}, ErrStopped},
		{"apply panics", func(*cluster, *Node[int64, int64]) {}, ErrFatal},
	} {
		t.Run(ending.name, func(t *testing.T) {
			g := newGate()
			c := newCluster(t, 1)
			c.apply = func(command int64) {
				g.pass(command)
				if command == 1 && errors.Is(ending.cause, ErrFatal) {
					panic("unlucky")
				}
			}
			c.startAll()
			n := c.leader()
			first := writeAsync(n, 1)
			c.eventually(func() bool { return g.entered.Load() == 1 })
			second := writeAsync(n, 2)
			c.eventually(func() bool {
				s, err := n.Status(t.Context())
				return err == nil && s.Commit >= s.Applied+2
			})
			ending.end(c, n)
			close(g.open)
			for _, err := range []error{<-first, <-second} {
				if err == nil && !errors.Is(ending.cause, ErrFatal) {
					continue // applied before the apply actor heard of the end
				}
				require.ErrorIs(t, err, ErrOutcomeUnknown)
				require.ErrorIs(t, err, ending.cause)
				require.NotErrorIs(t, err, ErrShutdown, "which would say that it is safe to retry")
			}
			c.eventually(func() bool { return n.core.mailbox.admission.pending() == 0 })
		})
	}
}

func TestPartlyHandedBatchIsAnsweredWhenLeadershipIsLost(t *testing.T) {
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.MaxPendingApplies = 8 }
	g := newGate()
	c.apply = g.pass
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	// Only eight of sixteen entries are handed over; the machine is stuck in the first.
	commands := make([]int64, 16)
	commands[0] = 1
	batch := writeAsync(leader, commands...)
	c.eventually(func() bool { return g.entered.Load() > 0 })
	c.network.Partition(status.ID)
	c.eventually(func() bool {
		for id, n := range c.nodes {
			if s, err := n.Status(t.Context()); err == nil && id != status.ID && s.Role == engine.Leader {
				return true
			}
		}
		return false
	})
	c.network.Heal()
	c.eventually(func() bool {
		s, err := leader.Status(t.Context())
		return err == nil && s.Role != engine.Leader
	})
	close(g.open)
	err = <-batch
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrLostLeadership)
}

func TestRestartWhileDrainingOnlyStops(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	write := writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	c.eventually(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := n.Write(ctx, 0)
		return errors.Is(err, ErrShutdown)
	})
	crash(c, n)
	close(g.open)
	require.NoError(t, <-stopped)
	if err := <-write; err != nil {
		require.ErrorIs(t, err, ErrOutcomeUnknown)
	}
	require.NoError(t, n.Err(), "it was asked to stop, and it did")
	delete(c.nodes, 1)
}

// countingOpener counts how often a storage is opened again.
type countingOpener struct {
	persistence.Opener
	opens *atomic.Int64
}

func (o countingOpener) Open(id persistence.Identity) (persistence.Storage, error) {
	o.opens.Add(1)
	return o.Opener.Open(id)
}

func TestFailedNodeStaysFailedWhenItsActorIsRestarted(t *testing.T) {
	c := newCluster(t, 1)
	var opens atomic.Int64
	c.storages[1] = countingOpener{c.storages[1], &opens}
	c.apply = func(command int64) {
		if command == 13 {
			panic("unlucky")
		}
	}
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), 13)
	require.ErrorIs(t, err, ErrFatal)
	requireFailed(t, n, "apply")
	crash(c, n)
	requireFailed(t, n, "apply")
	require.Zero(t, opens.Load())
}

func TestSubscriberOfFatalThatPanicsChangesNothing(t *testing.T) {
	c := newCluster(t, 1)
	var applies atomic.Int64
	c.apply = func(command int64) {
		if command == 13 {
			applies.Add(1)
			panic("unlucky")
		}
	}
	subscription := c.system.EventStream.Subscribe(func(event any) {
		if _, ok := event.(*Fatal); ok {
			panic("subscriber")
		}
	})
	t.Cleanup(func() { c.system.EventStream.Unsubscribe(subscription) })
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), 13)
	require.ErrorIs(t, err, ErrFatal)
	requireFailed(t, n, "apply")
	require.EqualValues(t, 1, applies.Load(), "a replay would meet the same command")
}

// flakyNetwork panics or fails for a while.
type flakyNetwork struct {
	remote.Network
	panics, failures, tries atomic.Int64
}

func (f *flakyNetwork) NewTransport(hello remote.Hello) (remote.Transport, error) {
	f.tries.Add(1)
	if f.panics.Add(-1) >= 0 {
		panic("network")
	}
	if f.failures.Add(-1) >= 0 {
		return nil, errDisk
	}
	return f.Network.NewTransport(hello)
}

func TestTransportThatPanicsAtStartFailsTheStart(t *testing.T) {
	c := newCluster(t, 1)
	network := &flakyNetwork{Network: c.network}
	network.panics.Store(1)
	c.adjust = func(cfg *Config) { cfg.Network = network }
	_, err := c.tryStart(1, NewCluster{Members: c.members})
	require.ErrorIs(t, err, ErrFatal)
	require.ErrorIs(t, err, errTransportDied)
	c.start(1, Recover{}) // its storage was released
}

func TestTransportComesBackAtATick(t *testing.T) {
	c := newCluster(t, 3)
	var dying atomic.Bool
	network := &flakyNetwork{Network: c.network}
	c.adjust = func(cfg *Config) {
		cfg.Network = network
		cfg.Runtime = &Runtime{intercept: func(name string, message any) {
			if name == transportName && message == "die" && dying.CompareAndSwap(true, false) {
				panic("injected")
			}
		}}
	}
	c.startAll()
	leader := c.leader()
	network.tries.Store(0)
	network.panics.Store(3)
	network.failures.Store(3)
	dying.Store(true)
	c.system.Root.Send(c.system.NewLocalPID(leader.PID().GetId()+"/"+transportName), "die")
	c.eventually(func() bool { return network.tries.Load() == 7 })
	_, err := c.leader().Write(t.Context(), 1)
	require.NoError(t, err)
	require.NoError(t, leader.Err())
	require.EqualValues(t, 7, network.tries.Load(), "three panics, three errors, and it is back")
}

// The end of an actor overtakes what it said before.
func TestWordOfATransportThatHasDiedIsIgnored(t *testing.T) {
	for _, err := range []error{nil, errDisk} {
		var now atomic.Int64
		c := newCluster(t, 1)
		c.adjust = func(cfg *Config) {
			cfg.ShutdownTimeout = 0
			cfg.Runtime = &Runtime{Clock: &manualClock{now: &now}, intercept: func(name string, message any) {
				switch message := message.(type) {
				case string:
					panic("injected")
				case *actor.Terminated: // no tick brings another one
					if name == driverName && c.nodes[1] != nil && strings.HasSuffix(message.Who.GetId(), transportName) {
						n := c.nodes[1]
						c.system.Root.Send(n.PID(), &transportOpened{epoch: n.core.epoch.Load(), err: err})
					}
				}
			}}
		}
		c.startAll()
		n := c.nodes[1]
		epoch := n.core.epoch.Load()
		pid := c.system.NewLocalPID(n.PID().GetId() + "/" + transportName)
		watcher := newProbe(t, c.system)
		process, _ := c.system.ProcessRegistry.Get(pid)
		process.SendSystemMessage(pid, &actor.Watch{Watcher: watcher.pid})
		c.poke(n, transportName)
		require.IsType(t, &actor.Terminated{}, watcher.next(t))
		c.shutdown(1)
		require.Equal(t, epoch, n.core.epoch.Load(), "the driver was not restarted")
		require.NoError(t, n.Err())
		c.stop()
	}
}

// explosiveNetwork panics in Send, on the sender's goroutine, when it is armed for the sender.
type explosiveNetwork struct {
	remote.Network
	armed *atomic.Uint64
}

type explosiveTransport struct {
	remote.Transport
	self  engine.NodeID
	armed *atomic.Uint64
}

func (e explosiveNetwork) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := e.Network.NewTransport(hello)
	return explosiveTransport{transport, hello.Peer.ID, e.armed}, err
}

func (e explosiveTransport) Send(to engine.NodeID, message engine.Message) {
	_, isAppend := message.(*engine.AppendEntries)
	if isAppend && e.armed.CompareAndSwap(uint64(e.self), 0) {
		panic("injected")
	}
	e.Transport.Send(to, message)
}

func TestResumedDriverEndsTheNode(t *testing.T) {
	var armed atomic.Uint64
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.Network = explosiveNetwork{c.network, &armed} }
	resume := actor.NewOneForOneStrategy(10, time.Second, func(any) actor.Directive { return actor.ResumeDirective })
	for _, m := range c.members {
		c.startUnder(m.ID, resume)
	}
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	armed.Store(uint64(status.ID))
	_, err = leader.Write(t.Context(), 1) // the engine has appended it, and nothing that it asked for is done
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	requireFailed(t, leader, "engine")
	require.ErrorIs(t, leader.Err(), errResumed)
}

func TestPanicInAStepLeavesTheOutcomeUnknown(t *testing.T) {
	var armed atomic.Uint64
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.Network = explosiveNetwork{c.network, &armed} }
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	armed.Store(uint64(status.ID))
	_, err = leader.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrRestarted)
	_, err = c.leader().Write(t.Context(), 1)
	require.NoError(t, err)
}

// startUnder spawns a founder under a guardian strategy and waits until it serves.
func (c *cluster) startUnder(id engine.NodeID, strategy actor.SupervisorStrategy) *Node[int64, int64] {
	c.t.Helper()
	core, err := newCore(c.config(id, NewCluster{Members: c.members}), typedApplication[int64, int64]{def: definition(c.apply)})
	require.NoError(c.t, err)
	props := actor.PropsFromProducer(noProducer, actor.WithSpawnFunc(core.spawn), actor.WithGuardian(strategy))
	_, err = c.system.Root.SpawnNamed(props, "supervised-"+id.String())
	require.NoError(c.t, err)
	_, err = core.started.wait(c.t.Context())
	require.NoError(c.t, err)
	c.nodes[id] = newNode[int64, int64](core, counterCodec{})
	return c.nodes[id]
}

func TestDriverThatItsSupervisorGivesUpSaysSo(t *testing.T) {
	c := newCluster(t, 1)
	stop := actor.NewOneForOneStrategy(0, time.Second, func(any) actor.Directive { return actor.StopDirective })
	n := c.startUnder(1, stop)
	c.leader()
	crash(c, n)
	<-n.Done()
	require.ErrorIs(t, n.Err(), ErrDriverDead)
	_, err := n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrDriverDead)
}

// slowCreate lets a test act between the creation of the storage and the word of it.
type slowCreate struct {
	persistence.Opener
	created, goOn chan struct{}
	once          *sync.Once
}

func (s slowCreate) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := s.Opener.Create(id, state, first)
	s.once.Do(func() {
		close(s.created)
		<-s.goOn
	})
	return storage, err
}

func TestRestartDuringCreateRecoversWhatWasCreated(t *testing.T) {
	c := newCluster(t, 1)
	s := slowCreate{c.storages[1], make(chan struct{}), make(chan struct{}), &sync.Once{}}
	c.storages[1] = s
	started := make(chan error, 1)
	go func() {
		n, err := c.tryStart(1, NewCluster{Members: c.members})
		c.nodes[1] = n
		started <- err
	}()
	<-s.created
	pid := c.system.NewLocalPID("yggr/test/n1")
	process, _ := c.system.ProcessRegistry.Get(pid)
	process.SendUserMessage(pid, &peerMessage{})
	close(s.goOn)
	require.NoError(t, <-started)
	c.leader()
}

// earlyNetwork tells of a peer before Start has returned.
type earlyNetwork struct {
	remote.Network
	hello remote.Hello
}

type earlyTransport struct {
	remote.Transport
	hello remote.Hello
}

func (e earlyNetwork) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := e.Network.NewTransport(hello)
	return earlyTransport{transport, e.hello}, err
}

func (e earlyTransport) Start(handler remote.Handler) error {
	err := e.Transport.Start(handler)
	handler.PeerSeen(e.hello)
	return err
}

func TestJoinerPinsItsClusterAtFirstContact(t *testing.T) {
	c := newCluster(t, 1)
	members, err := engine.NewMembership(c.members...)
	require.NoError(t, err)
	founders, err := engine.FoundersEntry(members)
	require.NoError(t, err)
	id := engine.NewClusterID("test", founders)
	c.adjust = func(cfg *Config) {
		cfg.Network = earlyNetwork{c.network, remote.Hello{Cluster: id, Peer: engine.Peer{ID: 9, Incarnation: 9}}}
	}
	n := c.start(1, Join{})
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, id, status.Cluster)
	c.shutdown(1)

	c.adjust = nil
	status, err = c.start(1, Recover{}).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, id, status.Cluster, "it is durable")
}

// Before it knows its cluster a joiner's transport lets in every cluster of its name. The founders' entries of two
// clusters stand at 1/1 both, so the joiner would take the one for the other.
func TestMessagesOfAnotherClusterAreDropped(t *testing.T) {
	c := newCluster(t, 1)
	id := func(address string) engine.ClusterID {
		members, err := engine.NewMembership(engine.Member{ID: 9, Role: engine.Voter, Address: address})
		require.NoError(t, err)
		founders, err := engine.FoundersEntry(members)
		require.NoError(t, err)
		return engine.NewClusterID("test", founders)
	}
	ours, foreign := id("ours"), id("theirs")
	n := c.start(1, Join{})
	in := newInbound(c.system.Root, n.core.epoch.Load(), n.PID())
	friend, stranger := engine.Peer{ID: 2, Incarnation: 2}, engine.Peer{ID: 3, Incarnation: 3}
	in.PeerSeen(remote.Hello{Cluster: ours, Peer: friend})
	in.PeerSeen(remote.Hello{Cluster: foreign, Peer: stranger})
	in.Deliver(stranger, &engine.Heartbeat{Term: 9, Number: 1}, 10)
	in.Deliver(friend, &engine.Heartbeat{Term: 4, Number: 1}, 10)
	c.eventually(func() bool { return c.term(n) > 0 })
	require.EqualValues(t, 4, c.term(n), "the stranger's term is not adopted")
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, ours, status.Cluster)
	require.Equal(t, friend.ID, status.Leader)

	in.PeerSeen(remote.Hello{Cluster: ours, Peer: stranger}) // it was rebuilt as one of ours
	in.Deliver(stranger, &engine.Heartbeat{Term: 9, Number: 1}, 10)
	c.eventually(func() bool { return c.term(n) == 9 })
}

func TestMemberThatComesBackWithAnotherDirectoryIsReported(t *testing.T) {
	c := newCluster(t, 3)
	var log lockedBuffer
	c.adjust = func(cfg *Config) { cfg.Logger = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Error}) }
	c.startAll()
	leader := c.leader()
	c.eventually(func() bool {
		s, err := leader.Status(t.Context())
		require.NoError(t, err)
		for _, m := range s.Membership.Members {
			if m.Incarnation == 0 {
				return false
			}
		}
		return true
	})
	c.converge()
	lost := c.idOf(c.follower())
	c.shutdown(lost)
	c.storages[lost] = persistence.NewMemory()
	c.start(lost, NewCluster{Members: c.members})
	c.eventually(func() bool { return strings.Contains(log.String(), "another data directory") })
	require.Contains(t, log.String(), lost.String()+"@")
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	log strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.log.String()
}

// sealCounting counts the batches without records.
type sealCounting struct {
	persistence.Opener
	empty *atomic.Int64
}

type sealCountingWrites struct {
	persistence.Storage
	empty *atomic.Int64
}

func (s sealCounting) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := s.Opener.Create(id, state, first)
	return sealCountingWrites{storage, s.empty}, err
}

func (s sealCountingWrites) Write(batch *persistence.Batch) error {
	if batch.Len() == 0 {
		s.empty.Add(1)
	}
	return s.Storage.Write(batch)
}

func TestIdleLogIsSealedOnce(t *testing.T) {
	c := newCluster(t, 1)
	var empty atomic.Int64
	c.storages[1] = sealCounting{c.storages[1], &empty}
	c.startAll()
	n := c.leader()
	c.eventually(func() bool { return empty.Load() > 0 })
	sealed := empty.Load()
	_, err := n.Write(t.Context(), 1)
	require.NoError(t, err)
	c.eventually(func() bool { return empty.Load() == sealed+1 })
}
