package actors

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// meeting is a call that meets an error.
type meeting struct {
	call string
	do   func() error
	want error
}

// Every error of membership changes, reads and transfers is met through the public API: each situation lists the calls
// that it makes fail, and how.
func TestEveryErrorIsMet(t *testing.T) {
	for name, meetings := range map[string]func(t *testing.T) []meeting{
		"orders that cannot be":       meetImpossibleOrders,
		"no member yet":               meetNoLeader,
		"nothing committed yet":       meetNotReady,
		"a change without a majority": meetChangeInProgress,
		"a learner far behind":        meetTooFarBehind,
		"a transfer under way":        meetTransferUnderWay,
		"a transfer and another":      meetAnotherTransfer,
		"a read without a majority":   meetSteppedDown,
		"as many reads as may be":     meetFullReads,
		"a read that panics":          meetReadPanic,
		"shut down":                   meetShutdown,
		"failed":                      meetFatal,
		"given up by its supervisor":  meetDriverDead,
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range meetings(t) {
				require.ErrorIs(t, m.do(), m.want, m.call)
			}
		})
	}
}

// changing and the others below leave only the error of a call.
func changing(change func(ctx context.Context, id engine.NodeID) (Receipt, error), id engine.NodeID) func() error {
	return func() error {
		_, err := change(context.Background(), id)
		return err
	}
}

func adding(add func(context.Context, engine.NodeID, string, ...ChangeOption) (Receipt, error), id engine.NodeID, address string) func() error {
	return func() error {
		_, err := add(context.Background(), id, address)
		return err
	}
}

func promoting(n *Node[int64, int64], id engine.NodeID) func() error {
	return func() error {
		_, err := n.Admin().Promote(context.Background(), id)
		return err
	}
}

func reading(n *Node[int64, int64]) func() error {
	return func() error {
		_, err := sum(context.Background(), n)
		return err
	}
}

func transferring(n *Node[int64, int64], target engine.NodeID) func() error {
	return func() error { return n.TransferLeadership(context.Background(), target) }
}

// meetEverywhere is one call of each kind, which meet the same error.
func meetEverywhere(n *Node[int64, int64], want error) []meeting {
	return []meeting{
		{"Remove", changing(n.Admin().Remove, 2), want},
		{"TransferLeadership", transferring(n, 2), want},
		{"Query", reading(n), want},
	}
}

// meetImpossibleOrders has two voters, and a learner that was never started.
func meetImpossibleOrders(t *testing.T) []meeting {
	c := newCluster(t, 2)
	c.startAll()
	leader := c.leader()
	self := c.idOf(leader)
	other, address := 3-self, remote.InProcessAddress(3)
	admin, follower := leader.Admin(), c.nodes[other]
	_, err := admin.AddLearner(t.Context(), 3, address)
	require.NoError(t, err)
	return append([]meeting{
		{"Promote a stranger", promoting(leader, 9), ErrUnknownNode},
		{"Demote a stranger", changing(admin.Demote, 9), ErrUnknownNode},
		{"Remove a stranger", changing(admin.Remove, 9), ErrUnknownNode},
		{"UpdateAddress of a stranger", func() error { _, err := admin.UpdateAddress(t.Context(), 9, address); return err }, ErrUnknownNode},
		{"AddVoter of a voter", adding(admin.AddVoter, other, address), ErrAlreadyVoter},
		{"AddLearner of a voter", adding(admin.AddLearner, other, address), ErrAlreadyVoter},
		{"AddLearner of a learner", adding(admin.AddLearner, 3, address), ErrAlreadyLearner},
		{"Demote a learner", changing(admin.Demote, 3), ErrAlreadyLearner},
		{"Promote a voter", promoting(leader, other), ErrNotLearner},
		{"AddLearner without an address", adding(admin.AddLearner, 4, ""), ErrInvalidTargetMembership},
		{"AddLearner without an id", adding(admin.AddLearner, 0, address), ErrInvalidTargetMembership},
		{"AddVoter that nobody met", adding(admin.AddVoter, 4, remote.InProcessAddress(4)), ErrNotReached},
		{"Promote a learner that nobody met", promoting(leader, 3), ErrNotReached},
		{"TransferLeadership to itself", transferring(leader, self), ErrInvalidTarget},
		{"TransferLeadership to a learner", transferring(leader, 3), ErrInvalidTarget},
		{"TransferLeadership to a stranger", transferring(leader, 9), ErrInvalidTarget},
	}, meetEverywhere(follower, ErrNotLeader)...)
}

func meetNoLeader(t *testing.T) []meeting {
	return meetEverywhere(newCluster(t, 1).start(1, Join{}), ErrNoLeader)
}

// meetNotReady has a leader whose entries nobody acknowledges.
func meetNotReady(t *testing.T) []meeting {
	c := newCluster(t, 3)
	c.startAll()
	c.leader()
	c.network.Drop(func(_, _ engine.NodeID, m engine.Message) bool {
		_, answer := m.(*engine.AppendEntriesResponse)
		return answer
	})
	require.NoError(t, c.leading().TransferLeadership(t.Context(), 0))
	met := func(do func(*Node[int64, int64]) func() error) func() error {
		return func() (err error) { // the old leader may be asked once more before it knows
			c.eventually(func() bool {
				err = do(c.leading())()
				return err != nil && !errors.Is(err, ErrNotLeader) && !errors.Is(err, ErrNoLeader)
			})
			return err
		}
	}
	return []meeting{
		{"Remove", met(func(n *Node[int64, int64]) func() error { return changing(n.Admin().Remove, 1) }), ErrNotReady},
		{"Query", met(reading), ErrNotReady},
	}
}

// meetChangeInProgress has a change that cannot be committed.
func meetChangeInProgress(t *testing.T) []meeting {
	t.Parallel() // a patient cluster mostly waits
	c := newCluster(t, 2)
	c.adjust = patient
	c.startAll()
	leader := c.leader()
	other := 3 - c.idOf(leader)
	c.network.Partition(other)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := leader.Admin().AddLearner(ctx, 3, remote.InProcessAddress(3))
		first <- err
	}()
	c.members3(leader)
	return []meeting{
		{"Demote", changing(leader.Admin().Demote, other), ErrChangeInProgress},
		{"AddLearner, given up", func() error { cancel(); return <-first }, ErrOutcomeUnknown},
	}
}

// patient is a config with which leaders bear long silences.
func patient(cfg *Config) { cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = 200, 300 }

// members3 waits until the node goes by a membership of three.
func (c *cluster) members3(n *Node[int64, int64]) {
	c.t.Helper()
	c.eventually(func() bool {
		now, err := n.Status(c.t.Context())
		return err == nil && len(now.Membership.Members) == 3
	})
}

// meetTooFarBehind has a learner that was met, and then missed more than a few messages' worth.
func meetTooFarBehind(t *testing.T) []meeting {
	t.Parallel() // a patient cluster mostly waits
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) { patient(cfg); cfg.MaxAppendEntries = 1 }
	c.startAll()
	leader := c.leader()
	c.join(2)
	_, err := leader.Admin().AddLearner(t.Context(), 2, remote.InProcessAddress(2))
	require.NoError(t, err)
	c.eventually(func() bool {
		status, err := leader.Status(t.Context())
		m, _ := status.Membership.Lookup(2)
		return err == nil && m.Incarnation != 0 && status.Commit == status.Last.Index
	})
	c.network.Partition(2)
	for range 20 {
		_, err := leader.Write(t.Context(), 1)
		require.NoError(t, err)
	}
	return []meeting{{"Promote", promoting(leader, 2), ErrTooFarBehind}}
}

// meetTransferUnderWay has a transfer to a node that is cut off before it holds everything.
func meetTransferUnderWay(t *testing.T) []meeting {
	t.Parallel() // a patient cluster mostly waits
	c := newCluster(t, 3)
	c.adjust = patient
	c.startAll()
	leader := c.leader()
	target := c.idOf(leader)%3 + 1
	c.network.Partition(target)
	_, err := leader.Write(t.Context(), 1)
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- leader.TransferLeadership(context.Background(), target) }()
	return []meeting{
		{"Write", func() (err error) {
			c.eventually(func() bool { _, err = leader.Write(t.Context(), 0); return err != nil })
			return err
		}, ErrBusy},
		{"Remove", changing(leader.Admin().Remove, target), ErrBusy},
		{"TransferLeadership, another", transferring(leader, 0), ErrBusy},
		{"TransferLeadership", func() error { return <-result }, ErrTransferTimedOut},
	}
}

// meetAnotherTransfer has a leader that does not hear how its transfer went on, and whose successor hands over to a third
// node. How fast that is depends on the machine, so it is tried until it was fast enough.
func meetAnotherTransfer(t *testing.T) []meeting {
	t.Parallel() // a patient cluster mostly waits
	c := newCluster(t, 3)
	c.adjust = patient
	c.startAll()
	attempt := func() error {
		first := c.leader()
		from := c.idOf(first)
		second, third := from%3+1, (from+1)%3+1
		c.holdsAll(first, second)
		c.network.Cut(second, from)
		defer c.network.Heal()
		result := make(chan error, 1)
		go func() { result <- first.TransferLeadership(context.Background(), second) }()
		c.eventually(func() bool {
			status, err := c.nodes[second].Status(t.Context())
			return err == nil && status.Role == engine.Leader || len(result) > 0
		})
		_ = c.nodes[second].TransferLeadership(t.Context(), third) // the error of the first one counts
		return <-result
	}
	return []meeting{{"TransferLeadership", func() (err error) {
		for range 20 {
			if err = attempt(); err != nil && !errors.Is(err, ErrTransferTimedOut) {
				break
			}
		}
		return err
	}, ErrTransferAborted}}
}

// holdsAll waits until the leader knows that a follower holds its whole log.
func (c *cluster) holdsAll(leader *Node[int64, int64], follower engine.NodeID) {
	c.t.Helper()
	c.eventually(func() bool {
		status, err := leader.Status(c.t.Context())
		return err == nil && slices.ContainsFunc(status.Followers, func(f engine.FollowerStatus) bool {
			return f.ID == follower && f.Match == status.Last.Index
		})
	})
}

// meetSteppedDown has a leader that is cut off with a read.
func meetSteppedDown(t *testing.T) []meeting {
	c := newCluster(t, 3)
	c.startAll()
	leader := c.leader()
	c.network.Partition(c.idOf(leader))
	return []meeting{{"Query", reading(leader), ErrSteppedDown}}
}

func meetFullReads(t *testing.T) []meeting {
	g := newGate()
	c := newCluster(t, 1)
	c.apply, c.adjust = g.pass, func(cfg *Config) { cfg.MaxPendingReads = 1 }
	c.startAll()
	n := c.leader()
	writeAsync(n, 1)
	c.eventually(func() bool { return g.entered.Load() == 1 })
	waiting := readAsync(n)
	c.pendingReads(n, 1)
	t.Cleanup(func() {
		close(g.open)
		require.NoError(t, <-waiting)
	})
	return []meeting{
		{"Query", reading(n), ErrBusy},
	}
}

func meetReadPanic(t *testing.T) []meeting {
	c := newCluster(t, 1)
	c.startAll()
	n := c.leader()
	return []meeting{{"ReadLinearizable", func() error {
		return n.ReadLinearizable(t.Context(), func(statemachine.Machine[int64, int64]) { panic("injected") })
	}, ErrReadPanic}}
}

func meetShutdown(t *testing.T) []meeting {
	c := newCluster(t, 1)
	c.startAll()
	n := c.leader()
	c.shutdown(1)
	return meetEverywhere(n, ErrShutdown)
}

// meetFatal has a state machine that panics.
func meetFatal(t *testing.T) []meeting {
	c := newCluster(t, 1)
	c.apply = func(command int64) {
		if command > 0 {
			panic("injected")
		}
	}
	c.startAll()
	n := c.leader()
	_, err := n.Write(t.Context(), 1)
	require.Error(t, err)
	<-n.Done()
	return meetEverywhere(n, ErrFatal)
}

func meetDriverDead(t *testing.T) []meeting {
	c := newCluster(t, 1)
	n := c.startUnder(1, actor.NewOneForOneStrategy(0, time.Second, func(any) actor.Directive { return actor.StopDirective }))
	c.leader()
	crash(c, n)
	<-n.Done()
	return meetEverywhere(n, ErrDriverDead)
}
