package actors

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote/raftpb"
)

func TestSingleNodeWritesAndRecovers(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	n := c.leader()
	sum, err := n.Write(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, sum)
	sum, err = n.Propose(t.Context(), 4)
	require.NoError(t, err)
	require.EqualValues(t, 7, sum)
	c.shutdown(1)

	c.start(1, Recover{})
	sum, err = c.leader().Write(t.Context(), 5)
	require.NoError(t, err)
	require.EqualValues(t, 12, sum, "a fresh machine replays the log")
}

func TestBatchIsAppliedInOrder(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	sums, err := c.leader().WriteBatch(t.Context(), []int64{1, 2, 3, 4})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3, 6, 10}, sums)
	sums, err = c.leader().WriteBatch(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, sums)
}

func TestBatchLargerThanTheApplyWindowIsAnsweredWhole(t *testing.T) {
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) { cfg.MaxPendingApplies = 3 }
	c.startAll()
	commands := make([]int64, 50)
	for i := range commands {
		commands[i] = 1
	}
	sums, err := c.leader().WriteBatch(t.Context(), commands)
	require.NoError(t, err)
	for i, sum := range sums {
		require.EqualValues(t, i+1, sum)
	}
}

func TestFollowerNamesTheLeader(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	follower := c.follower()
	c.eventually(func() bool {
		_, err = follower.Write(t.Context(), 1)
		return errors.Is(err, ErrNotLeader)
	})
	var moved *NotLeaderError
	require.ErrorAs(t, err, &moved)
	require.Equal(t, status.ID, moved.Leader)
	require.Equal(t, status.Address, moved.Address)
	hint, ok := follower.CurrentLeader()
	require.True(t, ok)
	require.Equal(t, status.ID, hint.ID)
	require.Equal(t, status.Term, hint.Term)
}

// A machine that has much else to do may cost the leader its office meanwhile; no answer may get lost or mixed up by it.
func TestWritersInParallelEachGetTheirOwnAnswer(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.leader()
	var mu sync.Mutex
	seen, unknown := make(map[int64]bool), 0
	write := func(n *Node[int64, int64]) (done bool) {
		sum, err := n.Write(context.Background(), 1)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, ErrOutcomeUnknown):
			unknown++
			return true
		case err != nil:
			return false // certainly not applied
		}
		require.False(t, seen[sum], "sum %d twice", sum)
		seen[sum] = true
		return true
	}
	var wg sync.WaitGroup
	const writers, each = 16, 50
	for range writers {
		wg.Go(func() {
			for range each {
				for id := engine.NodeID(0); !write(c.nodes[id%3+1]); id++ {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, writers*each-unknown)
	sum, err := c.leader().Write(t.Context(), 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, sum, int64(len(seen)))
	require.LessOrEqual(t, sum, int64(writers*each), "nothing is applied twice")
}

func TestClusterGoesOnWithoutItsLeader(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	_, err := leader.Write(t.Context(), 10)
	require.NoError(t, err)
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	c.shutdown(status.ID)
	sum, err := c.leader().Write(t.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 11, sum)
	c.start(status.ID, Recover{})
	c.eventually(func() bool {
		s, err := c.nodes[status.ID].Status(t.Context())
		return err == nil && s.Applied > status.Applied
	})
}

func TestLostLeadershipLeavesTheOutcomeUnknown(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	old := c.leader()
	status, err := old.Status(t.Context())
	require.NoError(t, err)
	c.network.Partition(status.ID)
	result := make(chan error, 1)
	go func() {
		_, err := old.Write(context.Background(), 5)
		result <- err
	}()
	c.eventually(func() bool {
		for id, n := range c.nodes {
			if s, err := n.Status(t.Context()); err == nil && id != status.ID && s.Role == engine.Leader {
				return true
			}
		}
		return false
	})
	c.network.Heal()
	err = <-result
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrLostLeadership)
	var unknown *OutcomeUnknownError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, status.Term, unknown.Term)
	require.Greater(t, unknown.Index, status.Commit)
}

// That heartbeats go on meanwhile is shown in virtual time.
func TestBusyWhenTheBoundIsReached(t *testing.T) {
	g := newGate()
	c := newCluster(t, 3)
	c.apply, c.adjust = g.pass, func(cfg *Config) { cfg.MaxPendingProposals = 8 }
	c.startAll()
	leader := c.leader()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := leader.Write(context.Background(), 1); err != nil && !errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("accepted write: %v", err)
			}
		})
	}
	c.eventually(func() bool {
		m, err := leader.NodeMetrics(t.Context())
		return err == nil && m.Pending == 8
	})
	_, err := leader.Write(t.Context(), 0)
	require.ErrorIs(t, err, ErrBusy)
	m, err := leader.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, m.Busy)
	require.Equal(t, engine.Leader, engine.Role(m.Engine.RoleCode))
	c.eventually(func() bool { // the machine of every node is blocked, and time goes on
		m, err := leader.Metrics(t.Context())
		return err == nil && m.AppendEntriesSent > 0 && g.entered.Load() == 3
	})
	close(g.open)
	wg.Wait()
}

func TestEndedContextReturnsAtOnce(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := n.Write(ctx, 1)
		result <- err
	}()
	c.eventually(func() bool { return g.entered.Load() == 1 })
	cancel()
	err := <-result
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	_, err = n.Write(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrOutcomeUnknown, "never handed over: certainly not applied")
	close(g.open)
	c.eventually(func() bool { // the abandoned call gives its place back
		m, err := n.NodeMetrics(t.Context())
		return err == nil && m.Pending == 0
	})
}

func TestBadCommandsAreRefused(t *testing.T) {
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) { cfg.MaxPendingProposals = 4 }
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), -1)
	require.ErrorIs(t, err, ErrBadCommand)
	require.ErrorIs(t, err, errNegative)
	_, err = n.WriteBatch(t.Context(), []int64{1, -1})
	require.ErrorIs(t, err, ErrBadCommand)
	_, err = n.WriteBatch(t.Context(), make([]int64, 5))
	require.ErrorIs(t, err, ErrTooLarge)
	sum, err := n.Write(t.Context(), 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, sum, "nothing of the refused batch was applied")
	c.shutdown(1)

	c.adjust = func(cfg *Config) { cfg.MaxCommandBytes = 7 }
	c.start(1, Recover{})
	_, err = c.nodes[1].Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestShutdownAnswersWhatWasAccepted(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	result := make(chan error, 1)
	go func() {
		_, err := n.Write(context.Background(), 1)
		result <- err
	}()
	c.eventually(func() bool { return g.entered.Load() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	c.eventually(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := n.Write(ctx, 0)
		return errors.Is(err, ErrShutdown)
	})
	close(g.open)
	require.NoError(t, <-result, "an accepted write is answered before the node stops")
	require.NoError(t, <-stopped)
	<-n.Done()
	require.NoError(t, n.Err())
	_, err := n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrShutdown)
	_, err = n.Status(t.Context())
	require.ErrorIs(t, err, ErrShutdown)
	require.NoError(t, n.Shutdown(t.Context()), "a second shutdown finds it done")
	delete(c.nodes, 1)
	c.start(1, Recover{}) // the storage was closed and unlocked
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.ShutdownTimeout = 0 }
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	c.network.Partition(status.ID)
	result := make(chan error, 1)
	go func() {
		_, err := leader.Write(context.Background(), 5)
		result <- err
	}()
	c.eventually(func() bool {
		m, err := leader.NodeMetrics(t.Context())
		return err == nil && m.Pending == 1
	})
	c.shutdown(status.ID)
	err = <-result
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrStopped)
}

func TestStoppingTheActorAnswersEveryone(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, err := n.Write(context.Background(), 1)
			if !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrShutdown) && err != nil {
				t.Errorf("unexpected %v", err)
			}
		})
	}
	c.eventually(func() bool { return g.entered.Load() == 1 })
	c.system.Root.Stop(n.PID())
	close(g.open)
	wg.Wait()
	<-n.Done()
}

func TestBootstrapModesAreGuarded(t *testing.T) {
	c := newCluster(t, 1)
	_, err := c.tryStart(1, Recover{})
	require.ErrorIs(t, err, persistence.ErrNoState)
	require.ErrorIs(t, err, ErrFatal)

	c.startAll()
	c.leader()
	c.shutdown(1)
	_, err = c.tryStart(1, NewCluster{Members: c.members})
	require.ErrorIs(t, err, persistence.ErrNotEmpty)
	_, err = c.tryStart(1, Join{})
	require.ErrorIs(t, err, persistence.ErrNotEmpty)

	c.storages[2] = c.storages[1]
	_, err = c.tryStart(2, Recover{})
	require.ErrorIs(t, err, persistence.ErrForeign)
	c.start(1, Recover{})
	c.leader()
}

func TestRunningStorageIsLocked(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	cfg := c.config(1, Recover{})
	_, err := Start(t.Context(), newSystem(t), definition(nil), cfg)
	require.ErrorIs(t, err, persistence.ErrLocked)
	_, err = c.tryStart(1, Recover{})
	require.ErrorIs(t, err, actor.ErrNameExists)
}

func TestJoinerWaitsToBeAdded(t *testing.T) {
	c := newCluster(t, 1)
	n := c.start(1, Join{})
	_, err := n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrNoLeader)
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, status.Membership.Members)
	require.False(t, status.Cluster.Pinned())
}

// A bound that nobody checks would be found out in production.
func TestValidateKnowsEveryNumber(t *testing.T) {
	c := newCluster(t, 1)
	valid := c.config(1, NewCluster{Members: c.members})
	require.NoError(t, valid.Validate())
	numbers := 0
	for field := range reflect.TypeFor[Config]().Fields() {
		cfg := valid
		value := reflect.ValueOf(&cfg).Elem().FieldByIndex(field.Index)
		if !value.CanInt() {
			continue
		}
		numbers++
		value.SetInt(-1)
		err := cfg.Validate()
		require.ErrorIs(t, err, ErrInvalidConfig, field.Name)
		require.ErrorContains(t, err, ErrInvalidConfig.Error()+": "+field.Name+" ", "the error names the field first")
	}
	require.Greater(t, numbers, 12)
}

func TestValidateNamesEveryProblem(t *testing.T) {
	cfg := Config{ElectionTimeoutMinTicks: 3, HeartbeatIntervalTicks: 5, LeaseDurationTicks: 9}
	err := cfg.Validate()
	require.ErrorIs(t, err, ErrInvalidConfig)
	for _, problem := range []string{
		"Cluster has no name", "Storage is nil", "Network is nil", "MaxPendingProposals 0", "Bootstrap is nil",
		"ID is zero", "TickInterval 0", "ElectionTimeoutMinTicks 3 is not above", "MaxCommandBytes 0",
		"MaxPendingReads 0", "LeaseDurationTicks 9 is not below", "LeaseDurationTicks 9 needs PreVote",
	} {
		require.ErrorContains(t, err, problem)
	}
	c := newCluster(t, 2)
	stranger := c.config(3, NewCluster{Members: c.members})
	stranger.Storage = persistence.NewMemory()
	require.ErrorContains(t, stranger.Validate(), "n3 is not among the founding voters")
	c.members[1].Address = ""
	unreachable := c.config(1, NewCluster{Members: c.members})
	require.ErrorContains(t, unreachable.Validate(), "n2 has no address")
	_, err = Start(t.Context(), c.system, definition(nil), unreachable)
	require.ErrorIs(t, err, ErrInvalidConfig)
}

func TestActorsProposeByMessage(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader(), c.follower()
	p := newProbe(t, c.system)
	p.request(leader.PID(), &Propose{Command: int64(4)})
	require.Equal(t, &Proposed{Response: int64(4)}, p.next(t))
	p.request(leader.PID(), &Propose{Command: "four"})
	require.ErrorIs(t, p.next(t).(*ProposeFailed).Err, ErrBadCommand)
	c.eventually(func() bool {
		p.request(follower.PID(), &Propose{Command: int64(4)})
		return errors.Is(p.next(t).(*ProposeFailed).Err, ErrNotLeader)
	})
	p.request(follower.PID(), &GetStatus{})
	require.Equal(t, engine.Follower, p.next(t).(*Status).Role)

	c.system.Root.Send(leader.PID(), &Propose{Command: int64(1)}) // nobody waits for the answer
	c.eventually(func() bool {
		sum, err := leader.Write(t.Context(), 0)
		return err == nil && sum == 5
	})
	c.system.Root.Send(follower.PID(), &Shutdown{})
	<-follower.Done()
}

func TestActorsOfOtherProcessesProposeBytes(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader, follower := c.leader(), c.follower()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	p := newProbe(t, c.system)
	command, err := counterCodec{}.Encode(nil, 9)
	require.NoError(t, err)
	p.request(leader.PID(), &raftpb.ProposeRequest{Command: command})
	response, err := counterCodec{}.DecodeResponse(p.next(t).(*raftpb.ProposeResponse).GetResponse())
	require.NoError(t, err)
	require.EqualValues(t, 9, response)

	p.request(leader.PID(), &raftpb.ProposeRequest{Command: []byte("garbage")})
	refused := p.next(t).(*raftpb.ProposeResponse).GetError()
	require.Equal(t, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_INVALID_COMMAND, refused.GetKind())
	c.eventually(func() bool {
		p.request(follower.PID(), &raftpb.ProposeRequest{Command: command})
		refused = p.next(t).(*raftpb.ProposeResponse).GetError()
		return refused.GetKind() == raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_NOT_LEADER
	})
	require.EqualValues(t, status.ID, refused.GetLeaderId())
	require.Equal(t, status.Address, refused.GetLeaderAddress())
	p.request(leader.PID(), &raftpb.StatusRequest{})
	answer := p.next(t).(*raftpb.StatusResponse)
	require.Equal(t, raftpb.NodeRole_NODE_ROLE_LEADER, answer.GetRole())
	require.EqualValues(t, status.ID, answer.GetLeaderId())
	require.Empty(t, answer.GetFailure())
}

func TestEveryErrorHasAKindOnTheWire(t *testing.T) {
	for _, err := range []error{
		&NotLeaderError{Leader: 2}, ErrNoLeader, ErrBusy, ErrRejected, ErrShutdown, ErrTooLarge, ErrBadCommand,
		unknown(engine.Position{Term: 2, Index: 7}, ErrLostLeadership), ErrDriverDead, &FatalError{Op: "apply", Err: errDisk},
	} {
		require.NotZero(t, wireError(err).GetKind(), err)
	}
	lost := wireError(unknown(engine.Position{Term: 2, Index: 7}, &FatalError{Op: "apply", Err: errDisk}))
	require.Equal(t, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_OUTCOME_UNKNOWN, lost.GetKind(),
		"that the outcome is unknown matters more than why")
	require.EqualValues(t, 7, lost.GetIndex())
}

func TestSpawnUnderAUsersSupervisor(t *testing.T) {
	c := newCluster(t, 1)
	props, err := NewProps(definition(nil), c.config(1, NewCluster{Members: c.members}))
	require.NoError(t, err)
	pid := c.system.Root.Spawn(props)
	p := newProbe(t, c.system)
	c.eventually(func() bool {
		p.request(pid, &Propose{Command: int64(2)})
		proposed, ok := p.next(t).(*Proposed)
		return ok && proposed.Response == int64(2)
	})
	require.NoError(t, c.system.Root.StopFuture(pid).Wait())
	_, err = NewProps(definition(nil), Config{})
	require.ErrorIs(t, err, ErrInvalidConfig)
}

func TestDriverPanicRestartsFromDurableState(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), 7)
	require.NoError(t, err)
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	c.system.Root.Send(n.PID(), &peerMessage{}) // without a quota: a bug, and so a panic
	var sum int64
	c.eventually(func() bool {
		sum, err = n.Write(t.Context(), 1)
		return err == nil
	})
	require.EqualValues(t, 8, sum, "the same handle serves on, from what was durable")
	after, err := n.Status(t.Context())
	require.NoError(t, err)
	require.Greater(t, after.Term, status.Term)
	close(g.open)
}

func TestStatelessActorsAreStartedAnewAlone(t *testing.T) {
	var armed atomic.Pointer[string]
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) {
		cfg.Runtime = &Runtime{intercept: func(name string, message any) {
			if victim := armed.Load(); message == "die" && victim != nil && name == *victim {
				panic("injected")
			}
		}}
	}
	c.startAll()
	leader := c.leader()
	for _, child := range []string{tickerName, snapshotName, transportName} {
		pid := c.system.NewLocalPID(leader.PID().GetId() + "/" + child)
		watcher := newProbe(t, c.system)
		process, _ := c.system.ProcessRegistry.Get(pid)
		process.SendSystemMessage(pid, &actor.Watch{Watcher: watcher.pid})
		armed.Store(&child)
		c.system.Root.Send(pid, "die")
		require.IsType(t, &actor.Terminated{}, watcher.next(t), child)
		c.eventually(func() bool {
			sum, err := c.leader().Write(t.Context(), 1)
			return err == nil && sum > 0
		})
		require.NoError(t, leader.Err(), "the node lives on without a restart")
	}
}

func TestApplyPanicEndsTheNode(t *testing.T) {
	c := newCluster(t, 1)
	c.apply = func(command int64) {
		if command == 13 {
			panic("unlucky")
		}
	}
	events := make(chan *Fatal, 1)
	subscription := c.system.EventStream.Subscribe(func(event any) {
		if fatal, ok := event.(*Fatal); ok {
			events <- fatal
		}
	})
	t.Cleanup(func() { c.system.EventStream.Unsubscribe(subscription) })
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), 13)
	require.ErrorIs(t, err, ErrOutcomeUnknown, "it was committed, and nobody knows what it answered")
	requireFailed(t, n, "apply")
	require.ErrorContains(t, (<-events).Err, "unlucky")
}

// failingStorage fails every write after the first few.
type failingStorage struct {
	persistence.Opener
	fail func() bool
}

type failingWrites struct {
	persistence.Storage
	fail func() bool
}

func (s failingStorage) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := s.Opener.Create(id, state, first)
	return failingWrites{storage, s.fail}, err
}

var errDisk = errors.New("input/output error")

func (s failingWrites) Write(batch *persistence.Batch) error {
	if s.fail() {
		return errDisk
	}
	return s.Storage.Write(batch)
}

func TestFailedWriteEndsTheNodeAndNothingIsAcknowledged(t *testing.T) {
	c := newCluster(t, 1)
	fail := make(chan struct{})
	c.storages[1] = failingStorage{c.storages[1], func() bool {
		select {
		case <-fail:
			return true
		default:
			return false
		}
	}}
	c.startAll()
	n := c.leader()
	close(fail)
	_, err := n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, errDisk)
	requireFailed(t, n, "persistence")
	require.ErrorIs(t, n.Err(), errDisk)
}

// requireFailed holds a node to what a failed node does: it answers Status with the cause and everything else
// with Fatal, until it is stopped.
func requireFailed(t *testing.T, n *Node[int64, int64], op string) {
	t.Helper()
	<-n.Done()
	var fatal *FatalError
	require.ErrorAs(t, n.Err(), &fatal)
	require.Equal(t, op, fatal.Op)
	_, err := n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrFatal)
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, status.Err, ErrFatal)
	_, known := n.CurrentLeader()
	require.False(t, known)
}

// explosiveStorage panics when it is asked for room, once it is armed. After a restart it does not.
type explosiveStorage struct {
	persistence.Opener
	armed *atomic.Bool
}

type explosiveRoom struct {
	persistence.Storage
	armed *atomic.Bool
}

func (s explosiveStorage) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	storage, err := s.Opener.Create(id, state, first)
	return explosiveRoom{storage, s.armed}, err
}

func (s explosiveRoom) NearlyFull() bool {
	if s.armed.Load() {
		panic("injected")
	}
	return s.Storage.NearlyFull()
}

func TestCommandsAreAnsweredWhenTheStorageCannotSayHowFullItIs(t *testing.T) {
	var now atomic.Int64
	clock := &manualClock{now: &now}
	var armed atomic.Bool
	c := newCluster(t, 1)
	c.storages[1] = explosiveStorage{c.storages[1], &armed}
	c.adjust = func(cfg *Config) { cfg.Runtime = &Runtime{Clock: clock} }
	c.startAll()
	n := c.nodes[1]
	c.eventually(func() bool { return clock.tick.Load() != nil })
	c.eventually(func() bool {
		now.Add(int64(n.core.cfg.TickInterval))
		(*clock.tick.Load())()
		_, err := n.Write(t.Context(), 0)
		return err == nil
	})
	c.eventually(func() bool { return !n.core.tickQueued.Load() }) // a tick asks the storage too
	_, err := n.Status(t.Context())                                // and it is over
	require.NoError(t, err)
	armed.Store(true)
	_, err = n.Write(t.Context(), 1)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrRestarted)
	require.Zero(t, n.core.mailbox.admission.pending())
}

// A full disk ends a node; refusing work before that costs less.
func TestLeaderRefusesCommandsBeforeTheDiskIsFull(t *testing.T) {
	c := newCluster(t, 1)
	disk := persistence.NewMemFS()
	disk.SetCapacity(3 << 20)
	c.storages[1] = persistence.NewDir(disk, "data", persistence.Options{SegmentSize: 64 << 10, ReserveBytes: 1 << 20})
	c.startAll()
	n := c.leader()
	var acknowledged int64
	c.eventually(func() bool {
		for range 20 {
			_, err := n.Write(t.Context(), 1)
			if errors.Is(err, ErrDiskNearlyFull) {
				require.ErrorIs(t, err, ErrBusy)
				return true
			}
			require.NoError(t, err)
			acknowledged++
		}
		return false
	})
	m, err := n.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.True(t, m.NearlyFull)
	require.Positive(t, m.Persistence.Room, "there is room left for what is on its way")
	require.NoError(t, m.Err)

	quiet, syncs := 0, uint64(0)
	c.eventually(func() bool { // the log is sealed and says nothing more of its own accord
		m, err := n.NodeMetrics(t.Context())
		require.NoError(t, err)
		quiet++
		if m.Persistence.Syncs != syncs {
			quiet, syncs = 0, m.Persistence.Syncs
		}
		return quiet > 50
	})
	disk.SetCapacity(64 << 20)
	var sum int64
	c.eventually(func() bool {
		sum, err = n.Write(t.Context(), 1)
		return err == nil
	})
	require.Equal(t, acknowledged+1, sum, "what was refused was not applied")
}
