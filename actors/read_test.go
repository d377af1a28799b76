package actors

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// sum reads the counter.
func sum(ctx context.Context, n *Node[int64, int64]) (int64, error) {
	return Query(ctx, n, func(m *counter) int64 { return m.sum })
}

// readAsync reads in another goroutine.
func readAsync(n *Node[int64, int64]) chan error {
	result := make(chan error, 1)
	go func() {
		_, err := sum(context.Background(), n)
		result <- err
	}()
	return result
}

// pendingReads waits until so many reads of the node are accepted and not answered.
func (c *cluster) pendingReads(n *Node[int64, int64], count int) {
	c.t.Helper()
	c.eventually(func() bool { return n.core.mailbox.readRoom.pending() == count })
}

// Whoever reads sees what anybody was told before.
func TestReadsSeeEveryAcknowledgedWrite(t *testing.T) {
	for name, lease := range map[string]int{"read index": 0, "lease": 6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes by until there is a leader
			c := newCluster(t, 3)
			c.adjust = func(cfg *Config) { // a leader that stays, however busy the machine is
				cfg.TickInterval, cfg.LeaseDurationTicks = 100*time.Millisecond, lease
			}
			c.startAll()
			leader := c.leader()
			var acknowledged atomic.Int64
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 200 {
						if _, err := leader.Write(context.Background(), 1); err != nil {
							t.Errorf("write: %v", err)
						}
						acknowledged.Add(1)
					}
				})
				wg.Go(func() {
					for range 200 {
						least := acknowledged.Load()
						if seen, err := sum(context.Background(), leader); err != nil || seen < least {
							t.Errorf("saw %d after %d were acknowledged, error %v", seen, least, err)
						}
					}
				})
			}
			wg.Wait()
			m, err := leader.NodeMetrics(t.Context())
			require.NoError(t, err)
			require.EqualValues(t, 800, m.Engine.ReadIndexStarted)
			require.EqualValues(t, 800, m.Engine.ReadsCompleted)
			require.Zero(t, m.Engine.ReadsFailed)
			require.Zero(t, m.PendingReads)
			require.LessOrEqual(t, m.Engine.ReadRounds, m.Engine.ReadIndexStarted)
		})
	}
}

// A lease spares the rounds.
func TestLeaseReadsAskNobody(t *testing.T) {
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.TickInterval, cfg.LeaseDurationTicks = 50*time.Millisecond, 6 }
	c.startAll()
	leader := c.leader()
	c.eventually(func() bool {
		before, err := leader.Metrics(t.Context())
		require.NoError(t, err)
		_, err = sum(t.Context(), leader)
		require.NoError(t, err)
		after, err := leader.Metrics(t.Context())
		require.NoError(t, err)
		return after.ReadRounds == before.ReadRounds
	})
}

// lossy loses messages of some types.
type lossy struct {
	remote.Network
	loses func(message engine.Message) bool
}

type lossyTransport struct {
	remote.Transport
	loses func(message engine.Message) bool
}

func (l lossy) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := l.Network.NewTransport(hello)
	return lossyTransport{transport, l.loses}, err
}

func (l lossyTransport) Send(to engine.NodeID, message engine.Message) {
	if !l.loses(message) {
		l.Transport.Send(to, message)
	}
}

// Every error that says that a read was not served, met through the handle.
func TestErrorsOfReads(t *testing.T) {
	t.Run("follower", func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		leader := c.leader()
		follower := c.follower()
		var err error
		c.eventually(func() bool {
			_, err = sum(t.Context(), follower)
			return errors.Is(err, ErrNotLeader)
		})
		var moved *NotLeaderError
		require.ErrorAs(t, err, &moved)
		require.Equal(t, c.idOf(leader), moved.Leader)
		require.Equal(t, remote.InProcessAddress(moved.Leader), moved.Address)
	})
	t.Run("no leader", func(t *testing.T) {
		c := newCluster(t, 1)
		n := c.start(1, Join{})
		_, err := sum(t.Context(), n)
		require.ErrorIs(t, err, ErrNoLeader)
	})
	t.Run("not ready", func(t *testing.T) {
		c := newCluster(t, 3)
		c.adjust = func(cfg *Config) {
			cfg.Network = lossy{c.network, func(message engine.Message) bool {
				_, isAppend := message.(*engine.AppendEntries)
				return isAppend
			}}
		}
		c.startAll()
		c.eventually(func() bool {
			for _, n := range c.nodes {
				if _, err := sum(t.Context(), n); errors.Is(err, ErrNotReady) {
					return true
				}
			}
			return false
		})
	})
	t.Run("ended context", func(t *testing.T) {
		c := newCluster(t, 1)
		c.startAll()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := sum(ctx, c.leader())
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A leader that is cut off serves nothing while another may lead, and says so in the end.
func TestPartitionedLeaderServesNoRead(t *testing.T) {
	for name, lease := range map[string]int{"read index": 0, "lease": 6} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 3)
			c.adjust = func(cfg *Config) { cfg.LeaseDurationTicks = lease }
			c.startAll()
			old := c.leader()
			c.network.Partition(c.idOf(old))
			var written atomic.Bool
			var wg sync.WaitGroup
			wg.Go(func() { // ask again and again, until it does not lead any more
				for {
					after := written.Load()
					seen, err := sum(context.Background(), old)
					if err == nil && after && seen == 0 {
						t.Error("an old value, after a newer one was acknowledged")
					}
					if errors.Is(err, ErrNoLeader) || errors.Is(err, ErrNotLeader) {
						return
					}
					if err != nil && !errors.Is(err, ErrSteppedDown) {
						t.Errorf("unexpected %v", err)
						return
					}
				}
			})
			id := c.idOf(old)
			c.eventually(func() bool { return c.leadsAnother(id) })
			for _, n := range c.nodes {
				if n != old {
					_, err := n.Write(t.Context(), 7)
					written.CompareAndSwap(false, err == nil)
				}
			}
			wg.Wait()
			c.network.Heal()
			seen, err := sum(t.Context(), c.leader())
			require.NoError(t, err)
			require.EqualValues(t, 7, seen)
		})
	}
}

// A leader that was paused, with a lease, is asked before anything tells it that time has passed.
func TestPausedLeaderServesNothingOld(t *testing.T) {
	f := &faults{}
	c := newCluster(t, 3)
	t.Cleanup(f.resume)
	c.adjust = func(cfg *Config) {
		f.on(cfg)
		cfg.LeaseDurationTicks = 6
	}
	c.startAll()
	old := c.leader()
	id := c.idOf(old)
	f.stallIn(id, driverName)
	c.eventually(func() bool { return c.leadsAnother(id) })
	c.eventually(func() bool {
		for other, n := range c.nodes {
			if other != id {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, err := n.Write(ctx, 7)
				cancel()
				if err == nil {
					return true
				}
			}
		}
		return false
	})
	waiting := make(chan error, 1)
	var seen int64
	go func() {
		var err error
		seen, err = sum(context.Background(), old)
		waiting <- err
	}()
	c.pendingReads(old, 1)
	f.resume()
	if err := <-waiting; err == nil {
		require.EqualValues(t, 7, seen, "it may lead again, but then it knows")
	}
}

func TestWaitingReadsAreAnsweredAtTheEnd(t *testing.T) {
	waiting := func(t *testing.T, adjust func(*Config)) (*cluster, *Node[int64, int64], chan error) {
		c := newCluster(t, 3)
		c.adjust = func(cfg *Config) {
			cfg.TickInterval = 50 * time.Millisecond // so that it does not give up first
			if adjust != nil {
				adjust(cfg)
			}
		}
		c.startAll()
		leader := c.leader()
		c.network.Partition(c.idOf(leader))
		result := readAsync(leader)
		c.eventually(func() bool { // the engine has taken it
			m, err := leader.Metrics(t.Context())
			return err == nil && m.ReadIndexStarted == 1
		})
		return c, leader, result
	}
	t.Run("shutdown", func(t *testing.T) {
		t.Parallel()
		c, leader, result := waiting(t, func(cfg *Config) { cfg.ShutdownTimeout = 0 })
		c.shutdown(c.idOf(leader))
		require.ErrorIs(t, <-result, ErrShutdown)
		_, err := sum(t.Context(), leader)
		require.ErrorIs(t, err, ErrShutdown)
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		c, leader, result := waiting(t, nil)
		c.system.Root.Stop(leader.PID())
		require.ErrorIs(t, <-result, ErrShutdown)
	})
	t.Run("restart", func(t *testing.T) {
		t.Parallel()
		c, leader, result := waiting(t, nil)
		crash(c, leader)
		err := <-result
		require.ErrorIs(t, err, ErrSteppedDown)
		require.ErrorIs(t, err, ErrRestarted)
		c.network.Heal()
		_, err = sum(t.Context(), c.leader())
		require.NoError(t, err)
	})
	t.Run("leadership", func(t *testing.T) {
		t.Parallel()
		_, _, result := waiting(t, nil)
		require.ErrorIs(t, <-result, ErrSteppedDown)
	})
}

// What is accepted when a node is asked to stop is served, also behind an apply that takes its time.
func TestShutdownServesAcceptedReads(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	written := writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	result := readAsync(n)
	c.eventually(func() bool { // the engine has taken it: what only waits in a lane is refused
		m, err := n.Metrics(t.Context())
		return err == nil && m.ReadIndexStarted == 1
	})
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	c.eventually(func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := sum(ctx, n)
		return errors.Is(err, ErrShutdown)
	})
	close(g.open)
	require.NoError(t, <-written)
	require.NoError(t, <-result)
	require.NoError(t, <-stopped)
	delete(c.nodes, 1)
}

// A read that waits for the voters is accepted work like any other: time goes on while the node waits for it.
func TestShutdownWaitsForReads(t *testing.T) {
	var ticks atomic.Int64
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) {
		cfg.ShutdownTimeout = patience
		cfg.Runtime = &Runtime{intercept: func(_ string, message any) {
			if _, ok := message.(*ticked); ok {
				ticks.Add(1)
			}
		}}
	}
	c.startAll()
	n := c.leader()
	require.True(t, n.core.mailbox.readRoom.enter())
	stopped := make(chan error, 1)
	go func() { stopped <- n.Shutdown(context.Background()) }()
	c.eventually(func() bool {
		_, err := sum(t.Context(), n)
		return errors.Is(err, ErrShutdown)
	})
	before := ticks.Load()
	c.eventually(func() bool { return ticks.Load() > before+5 })
	n.core.mailbox.readRoom.leave()
	require.NoError(t, <-stopped)
	delete(c.nodes, 1)
}

// The machine panics over a command; reads that were ordered behind it get the cause.
func TestReadsOfAFailedNodeGetTheCause(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = func(command int64) {
		g.pass(command)
		if command > 0 {
			panic("injected")
		}
	}
	c.startAll()
	n := c.leader()
	written := writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	result := readAsync(n)
	c.pendingReads(n, 1)
	close(g.open)
	require.ErrorIs(t, <-written, ErrOutcomeUnknown)
	require.ErrorIs(t, <-result, ErrFatal)
	requireFailed(t, n, applyName)
	_, err := sum(t.Context(), n)
	require.ErrorIs(t, err, ErrFatal)
}

func TestPanicOfAReadFailsThatReadOnly(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	written := writeAsync(n, 3)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	bad := make(chan error, 1)
	go func() {
		bad <- n.ReadLinearizable(context.Background(), func(statemachine.Machine[int64, int64]) { panic("injected") })
	}()
	c.pendingReads(n, 1)
	good := readAsync(n) // behind it
	c.pendingReads(n, 2)
	close(g.open)
	require.NoError(t, <-written)
	err := <-bad
	require.ErrorIs(t, err, ErrReadPanic)
	var panicked *ReadPanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, "injected", panicked.Value)
	require.Contains(t, string(panicked.Stack), "TestPanicOfARead")
	require.NoError(t, <-good)

	type another struct {
		statemachine.Machine[int64, int64]
	}
	_, err = Query(t.Context(), n, func(another) int { return 1 })
	require.ErrorIs(t, err, ErrReadPanic, "the machine is of another type")
	seen, err := sum(t.Context(), n)
	require.NoError(t, err)
	require.EqualValues(t, 3, seen)
	c.pendingReads(n, 0)
}

// A read that ends the goroutine of the apply actor ends the node, and nobody waits for ever.
func TestReadThatEndsTheGoroutine(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	writeAsync(n, 3)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	bad := make(chan error, 1)
	go func() {
		bad <- n.ReadLinearizable(context.Background(), func(statemachine.Machine[int64, int64]) { runtime.Goexit() })
	}()
	c.pendingReads(n, 1)
	behind := readAsync(n)
	c.pendingReads(n, 2)
	close(g.open)
	require.Error(t, <-bad)
	require.Error(t, <-behind)
	requireFailed(t, n, applyName)
	c.pendingReads(n, 0)
}

func TestReadsHaveABoundOfTheirOwn(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply, c.adjust = g.pass, func(cfg *Config) { cfg.MaxPendingReads = 4 }
	c.startAll()
	n := c.leader()
	written := writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	var results []chan error
	for range 4 {
		results = append(results, readAsync(n))
	}
	c.pendingReads(n, 4)
	_, err := sum(t.Context(), n)
	require.ErrorIs(t, err, ErrBusy)
	m, err := n.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, m.PendingReads)
	second := writeAsync(n, 0) // writes have their own
	c.eventually(func() bool { return n.core.mailbox.admission.pending() == 2 })
	close(g.open)
	require.NoError(t, <-written)
	require.NoError(t, <-second)
	for _, result := range results {
		require.NoError(t, <-result)
	}
	_, err = sum(t.Context(), n)
	require.NoError(t, err)
	c.pendingReads(n, 0)
}

// Once ReadLinearizable has returned, the closure does not run: what it captured belongs to the caller again.
func TestReadThatWasGivenUpNeverRuns(t *testing.T) {
	g := newGate()
	c := newCluster(t, 1)
	c.apply = g.pass
	c.startAll()
	n := c.leader()
	written := writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error, 1)
	ran := false // without a lock: the race detector judges
	go func() {
		result <- n.ReadLinearizable(ctx, func(statemachine.Machine[int64, int64]) { ran = true })
	}()
	c.pendingReads(n, 1)
	changedMyMind := errors.New("changed my mind")
	cancel(changedMyMind)
	require.ErrorIs(t, <-result, changedMyMind)
	require.Equal(t, 1, n.core.mailbox.readRoom.pending(), "its place is held until it would have been answered")
	close(g.open)
	require.NoError(t, <-written)
	c.pendingReads(n, 0)
	require.False(t, ran)
}

// A closure that runs when the context ends is waited for.
func TestReadThatRunsIsWaitedFor(t *testing.T) {
	c := newCluster(t, 1)
	c.startAll()
	n := c.leader()
	ctx, cancel := context.WithCancel(t.Context())
	err := n.ReadLinearizable(ctx, func(statemachine.Machine[int64, int64]) { cancel() })
	require.NoError(t, err)
}

func TestActorsReadByMessage(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	_, err := leader.Write(t.Context(), 5)
	require.NoError(t, err)
	p := newProbe(t, c.system)
	p.request(leader.PID(), Read{View: func(machine any) any { return machine.(*counter).sum }})
	require.Equal(t, &ReadDone{Result: int64(5)}, p.next(t))
	p.request(leader.PID(), &Read{View: func(any) any { panic("injected") }})
	failed, ok := p.next(t).(*ReadFailed)
	require.True(t, ok)
	require.ErrorIs(t, failed.Err, ErrReadPanic)
	p.request(c.follower().PID(), &Read{})
	failed, ok = p.next(t).(*ReadFailed)
	require.True(t, ok)
	require.ErrorIs(t, failed.Err, ErrNotLeader)
}
