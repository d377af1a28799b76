package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// join starts one more node, which is no member yet.
func (c *cluster) join(id engine.NodeID) *Node[int64, int64] {
	c.t.Helper()
	c.storages[id] = persistence.NewMemory()
	return c.start(id, Join{})
}

func TestClusterGrowsThroughLearnersAndShrinks(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	admin := c.leader().Admin()
	for _, id := range []engine.NodeID{2, 3} {
		c.join(id)
		receipt, err := admin.AddLearner(t.Context(), id, remote.InProcessAddress(id))
		require.NoError(t, err)
		m, known := receipt.Membership.Lookup(id)
		require.True(t, known)
		require.Equal(t, engine.Learner, m.Role)
		c.eventually(func() bool {
			receipt, err = admin.Promote(t.Context(), id)
			return err == nil
		})
		m, _ = receipt.Membership.Lookup(id)
		require.Equal(t, engine.Voter, m.Role)
		require.NotZero(t, receipt.Position.Index)
	}
	sum, err := c.leader().Write(t.Context(), 5)
	require.NoError(t, err)
	require.EqualValues(t, 5, sum)

	receipt, err := admin.Remove(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, []engine.NodeID{1, 3}, receipt.Membership.Voters())
	c.eventually(func() bool {
		status, err := c.nodes[2].Status(t.Context())
		return err == nil && status.Removed
	})
	receipt, err = admin.UpdateAddress(t.Context(), 3, remote.InProcessAddress(3))
	require.NoError(t, err)
	require.Len(t, receipt.Membership.Members, 2)
}

func TestLeaderThatRemovesItselfAnswersFirst(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	receipt, err := leader.Admin().Remove(t.Context(), status.ID)
	require.NoError(t, err)
	require.NotContains(t, receipt.Membership.Voters(), status.ID)
	require.NotSame(t, leader, c.leader(), "the others elect another")
}

// Every error of membership changes is reached through the API.
func TestRefusedChangesSayWhy(t *testing.T) {
	c := newCluster(t, 2)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	self, other := status.ID, 3-status.ID
	admin, address := leader.Admin(), remote.InProcessAddress(3)
	_, err = admin.AddLearner(t.Context(), 3, address) // of a node that is not there
	require.NoError(t, err)
	for want, change := range map[error]func() (Receipt, error){
		ErrUnknownNode:             func() (Receipt, error) { return admin.Promote(t.Context(), 9) },
		ErrAlreadyVoter:            func() (Receipt, error) { return admin.AddVoter(t.Context(), other, address) },
		ErrAlreadyLearner:          func() (Receipt, error) { return admin.AddLearner(t.Context(), 3, address) },
		ErrNotLearner:              func() (Receipt, error) { return admin.Promote(t.Context(), other) },
		ErrInvalidTargetMembership: func() (Receipt, error) { return admin.UpdateAddress(t.Context(), other, "") },
		ErrNotReached:              func() (Receipt, error) { return admin.AddVoter(t.Context(), 4, address) },
	} {
		_, err := change()
		require.ErrorIs(t, err, want)
	}
	_, err = c.nodes[other].Admin().Remove(t.Context(), self)
	require.ErrorIs(t, err, ErrNotLeader)

	require.ErrorIs(t, leader.TransferLeadership(t.Context(), self), ErrInvalidTarget)
	require.ErrorIs(t, leader.TransferLeadership(t.Context(), 3), ErrInvalidTarget, "a learner")
	require.ErrorIs(t, c.nodes[other].TransferLeadership(t.Context(), other), ErrNotLeader)

	after, err := leader.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, after.Membership.Members, 3, "nothing of it was done")
}

func TestTooFarBehindAndChangeInProgress(t *testing.T) {
	c := newCluster(t, 2)
	c.adjust = func(cfg *Config) {
		cfg.MaxAppendEntries, cfg.ElectionTimeoutMaxTicks, cfg.ElectionTimeoutMinTicks = 1, 300, 200
	}
	c.startAll()
	leader := c.leader()
	_, err := leader.Admin().AddLearner(t.Context(), 3, remote.InProcessAddress(3))
	require.NoError(t, err)
	c.join(3)
	c.eventually(func() bool { // until it is bound
		status, err := leader.Status(t.Context())
		m, _ := status.Membership.Lookup(3)
		return err == nil && m.Incarnation != 0 && status.Commit == status.Last.Index
	})
	c.network.Partition(3)
	for range 20 {
		_, err := leader.Write(t.Context(), 1)
		require.NoError(t, err)
	}
	_, err = leader.Admin().Promote(t.Context(), 3)
	require.ErrorIs(t, err, ErrTooFarBehind)

	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	c.network.Partition(3 - status.ID)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := leader.Admin().Remove(ctx, 3)
		first <- err
	}()
	c.eventually(func() bool {
		now, err := leader.Status(t.Context())
		return err == nil && len(now.Membership.Members) == 2
	})
	_, err = leader.Admin().Demote(t.Context(), 3-status.ID)
	require.ErrorIs(t, err, ErrChangeInProgress)
	cancel()
	require.ErrorIs(t, <-first, ErrOutcomeUnknown)
}

func TestLeadershipIsTransferred(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	target := status.ID%3 + 1
	require.NoError(t, leader.TransferLeadership(t.Context(), target))
	c.eventually(func() bool {
		now, err := c.nodes[target].Status(t.Context())
		return err == nil && now.Role == engine.Leader
	})
	require.NoError(t, c.nodes[target].TransferLeadership(t.Context(), 0), "to whoever holds most")
	_, err = c.leader().Write(t.Context(), 1)
	require.NoError(t, err)
}

// While the target is waited for, proposals are refused; afterwards the leader goes on.
func TestTransferToANodeThatIsGoneTimesOut(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	target := status.ID%3 + 1
	c.network.Partition(target)
	_, err = leader.Write(t.Context(), 1) // which the target does not hold
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- leader.TransferLeadership(context.Background(), target) }()
	c.eventually(func() bool {
		_, err := leader.Write(t.Context(), 0)
		return errors.Is(err, ErrBusy)
	})
	require.ErrorIs(t, leader.TransferLeadership(t.Context(), 0), ErrBusy, "one at a time")
	require.ErrorIs(t, <-result, ErrTransferTimedOut)
	_, err = leader.Write(t.Context(), 1)
	require.NoError(t, err)
}

// A leader that has committed nothing of its own term does not know yet what is committed.
func TestChangesWaitForTheFirstCommitOfATerm(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	c.leader()
	c.network.Drop(func(_, _ engine.NodeID, m engine.Message) bool {
		_, answer := m.(*engine.AppendEntriesResponse)
		return answer
	})
	first := c.leading()
	require.NoError(t, first.TransferLeadership(t.Context(), 0))
	c.eventually(func() bool {
		_, err := c.leading().Admin().Remove(t.Context(), 1)
		return errors.Is(err, ErrNotReady)
	})
}

// leading waits for a node that says it leads; it need not be able to commit anything.
func (c *cluster) leading() *Node[int64, int64] {
	c.t.Helper()
	var found *Node[int64, int64]
	c.eventually(func() bool {
		for _, n := range c.nodes {
			if status, err := n.Status(c.t.Context()); err == nil && status.Role == engine.Leader {
				found = n
			}
		}
		return found != nil
	})
	return found
}

func TestActorsAdministerByMessage(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	p := newProbe(t, c.system)
	target := status.ID%3 + 1
	p.request(leader.PID(), &ChangeMembership{Change: engine.ConfigChange{Kind: engine.ChangeDemote, Target: target}})
	receipt := p.next(t).(*Receipt)
	require.Equal(t, []engine.NodeID{target}, receipt.Membership.Learners())
	p.request(leader.PID(), ChangeMembership{Change: engine.ConfigChange{Kind: engine.ChangeDemote, Target: target}})
	require.ErrorIs(t, p.next(t).(*ProposeFailed).Err, ErrAlreadyLearner)
	p.request(leader.PID(), &TransferLeadership{Target: target})
	require.ErrorIs(t, p.next(t).(*ProposeFailed).Err, ErrInvalidTarget)
	p.request(leader.PID(), TransferLeadership{})
	require.Equal(t, &LeadershipTransferred{}, p.next(t))
}

// Who waits for a change or a transfer is answered, whatever becomes of the node.
func TestAdministrationIsAnsweredWhenTheNodeEnds(t *testing.T) {
	c := newCluster(t, 2)
	c.startAll()
	leader := c.leader()
	status, err := leader.Status(t.Context())
	require.NoError(t, err)
	c.network.Partition(3 - status.ID)
	change, transfer := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := leader.Admin().AddLearner(context.Background(), 9, remote.InProcessAddress(9))
		change <- err
	}()
	c.eventually(func() bool {
		now, err := leader.Status(t.Context())
		return err == nil && len(now.Membership.Members) == 3
	})
	go func() { transfer <- leader.TransferLeadership(context.Background(), 3-status.ID) }()
	require.NoError(t, c.system.Root.StopFuture(leader.PID()).Wait())
	require.ErrorIs(t, <-change, ErrOutcomeUnknown)
	require.Error(t, <-transfer)
}

// The successor is elected before the leader is gone: nobody waits for an election timeout.
func TestShutdownHandsLeadershipOver(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	before, err := leader.Status(t.Context())
	require.NoError(t, err)
	c.shutdown(before.ID)
	led := 0
	for _, n := range c.nodes {
		status, err := n.Status(t.Context())
		require.NoError(t, err)
		if status.Role == engine.Leader {
			led++
			require.Equal(t, before.Term+1, status.Term)
		}
	}
	require.Equal(t, 1, led, "at the moment when Shutdown has returned")
}

// manualClock is one node's. Its time is everybody's and stands still but for the test, which the ticks come from too.
type manualClock struct {
	now  *atomic.Int64
	tick atomic.Pointer[func()]
}

func (m *manualClock) Now() engine.Instant { return engine.Instant(m.now.Load()) }

func (m *manualClock) Every(_ time.Duration, tick func()) (stop func()) {
	m.tick.Store(&tick)
	return func() {}
}

// A change that waits for its entry and a transfer that is under way are accepted work like any other.
func TestShutdownWaitsForAdministration(t *testing.T) {
	learner := engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: 9, Address: remote.InProcessAddress(9)}
	change := &changeCall{future: newFuture[Receipt](), asked: learner}
	transfer := &transferCall{future: newFuture[struct{}](), to: 2}
	t.Run("change", func(t *testing.T) {
		shutDownWhileAskedFor(t, change)
		require.NoError(t, change.err)
	})
	t.Run("transfer", func(t *testing.T) {
		shutDownWhileAskedFor(t, transfer)
		require.NoError(t, transfer.err)
	})
}

// shutDownWhileAskedFor shuts a leader down that hears nobody and has taken the question. Later it hears the others.
func shutDownWhileAskedFor(t *testing.T, q question) {
	t.Helper()
	var now atomic.Int64
	clock := &manualClock{now: &now}
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) {
		cfg.ShutdownTimeout = 0
		cfg.Runtime = &Runtime{Clock: &manualClock{now: &now}}
		if cfg.ID == 1 {
			cfg.ShutdownTimeout, cfg.Runtime.Clock = patience, clock
		}
	}
	c.startAll()
	leader := c.nodes[1]
	status := func() Status {
		status, err := leader.Status(t.Context())
		require.NoError(t, err)
		return status
	}
	c.eventually(func() bool { return clock.tick.Load() != nil })
	tick := func() {
		now.Add(int64(leader.core.cfg.TickInterval))
		(*clock.tick.Load())()
		c.eventually(func() bool {
			select {
			case <-leader.Done():
				return true // it takes no more
			default:
				return !leader.core.tickQueued.Load()
			}
		})
	}
	for s := status(); s.Role != engine.Leader || s.Commit != s.Last.Index; s = status() {
		tick()
	}
	c.network.Partition(2, 3)
	leader.core.mailbox.PostUserMessage(q)
	for range 2*leader.core.cfg.HeartbeatIntervalTicks + 1 { // until nobody is found who could take over
		tick()
	}
	status() // the question was before this one
	stopped := make(chan error, 1)
	go func() { stopped <- leader.Shutdown(context.Background()) }()
	c.eventually(func() bool {
		leader.core.mailbox.mu.Lock()
		defer leader.core.mailbox.mu.Unlock()
		return leader.core.mailbox.refusal != nil
	})
	c.network.Heal()
	for range leader.core.cfg.HeartbeatIntervalTicks {
		tick()
	}
	require.NoError(t, <-stopped)
	delete(c.nodes, 1)
}
