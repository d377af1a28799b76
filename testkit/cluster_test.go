package testkit_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// tally adds up.
type tally struct{ sum uint64 }

func (s *tally) Apply(_ statemachine.ApplyContext, add uint64) uint64 {
	s.sum += add
	return s.sum
}

type tallyCodec struct{}

func (tallyCodec) Encode(dst []byte, add uint64) ([]byte, error) {
	return binary.AppendUvarint(dst, add), nil
}

func (tallyCodec) Decode(data []byte) (uint64, error) {
	add, n := binary.Uvarint(data)
	if n != len(data) || n == 0 {
		return 0, errors.New("not a number")
	}
	return add, nil
}

var tallies = statemachine.Definition[uint64, uint64]{
	New:   func() statemachine.Machine[uint64, uint64] { return &tally{} },
	Codec: tallyCodec{},
}

func newCluster(t *testing.T, seed uint64) *testkit.Cluster[uint64, uint64] {
	t.Helper()
	return testkit.NewCluster(t, tallies, testkit.Options{Seed: seed})
}

func TestClusterWritesAndAppliesEverywhere(t *testing.T) {
	c := newCluster(t, 1)
	for i := range uint64(10) {
		require.Equal(t, (i+1)*(i+2)/2, c.Write(i+1))
	}
	c.AwaitApplied()
	for _, id := range c.Nodes() {
		require.Len(t, c.Applied(id), 10)
		require.EqualValues(t, 55, c.Machine(id).(*tally).sum)
		require.Equal(t, c.Applied(1), c.Applied(id))
	}
}

// run is a run with a bit of everything, and its deliveries in words.
func run(t *testing.T, seed uint64) (deliveries []string, c *testkit.Cluster[uint64, uint64]) {
	t.Helper()
	c = newCluster(t, seed)
	c.Loop.Watch(func(d testkit.Delivery) { deliveries = append(deliveries, d.String()) })
	for i := range uint64(5) {
		c.Write(i + 1)
	}
	leader := c.AwaitLeader()
	c.Crash(leader)
	c.Write(6)
	c.Restart(leader)
	c.Network.Partition(c.AwaitLeader())
	c.Loop.Advance(5 * time.Second)
	c.Network.Heal()
	c.Write(7)
	c.AwaitApplied()
	return deliveries, c
}

func TestSameSeedGivesTheSameRunAndAnotherSeedAnother(t *testing.T) {
	seen := map[uint64]uint64{}
	for seed := range uint64(5) {
		deliveries, c := run(t, seed)
		again, same := run(t, seed)
		require.Equal(t, deliveries, again)
		require.Equal(t, c.Loop.Trace(), same.Loop.Trace())
		require.NotContains(t, seen, c.Loop.Trace(), "seeds %d and %d give one run", seed, seen[c.Loop.Trace()])
		seen[c.Loop.Trace()] = seed
		require.Greater(t, len(deliveries), 500)
		require.Equal(t, c.Status(1), same.Status(1))
	}
}

func TestCrashedNodeComesBackWithWhatItHadAcknowledged(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCluster(t, seed)
			for i := range uint64(20) {
				c.Write(i + 1)
			}
			c.AwaitApplied()
			for _, id := range c.Nodes() {
				c.Crash(id)
			}
			for _, id := range c.Nodes() {
				c.Restart(id)
			}
			c.Write(21)
			c.AwaitApplied()
			for _, id := range c.Nodes() {
				require.EqualValues(t, 231, c.Machine(id).(*tally).sum)
			}
		})
	}
}

func TestProposalToANodeThatIsDownIsAnswered(t *testing.T) {
	c := newCluster(t, 1)
	leader := c.AwaitLeader()
	pending := c.Propose(leader, 1)
	require.ErrorIs(t, pending.Err(), testkit.ErrUnanswered)
	c.Crash(leader)
	require.ErrorIs(t, pending.Err(), testkit.ErrDown)
	require.ErrorIs(t, c.Propose(leader, 2).Err(), testkit.ErrDown)
}

func TestStoppedNodeStartsAgain(t *testing.T) {
	c := newCluster(t, 1)
	c.Write(1)
	for _, id := range c.Nodes() {
		c.Stop(id)
		c.Write(1)
		c.Restart(id)
		c.Write(1)
	}
	c.AwaitApplied()
	require.EqualValues(t, 7, c.Machine(1).(*tally).sum)
}

func TestStalledActorGetsNoTurn(t *testing.T) {
	c := newCluster(t, 1)
	leader := c.AwaitLeader()
	c.Loop.Stall(testkit.Place{Node: leader, Name: testkit.Apply})
	c.Loop.Watch(func(d testkit.Delivery) {
		require.NotEqual(t, testkit.Place{Node: leader, Name: testkit.Apply}, d.To)
	})
	r := c.Propose(leader, 1)
	c.Loop.Advance(time.Second)
	require.False(t, r.Done())
	require.Equal(t, engine.Leader, c.Status(leader).Role)
}

func TestPowerGoesInTheMiddleOfWhatADiskDoes(t *testing.T) {
	for operation := range 25 {
		c := newCluster(t, uint64(operation))
		c.Write(1)
		victim := c.AwaitLeader()
		c.CrashAt(victim, operation+1)
		for i := 0; !c.Down(victim); i++ {
			c.Propose(victim, 2)
			c.Loop.Advance(10 * time.Millisecond)
			require.Less(t, i, 100)
		}
		before := c.Applied(c.AwaitLeader())
		c.Restart(victim)
		c.Write(3)
		c.AwaitApplied()
		for _, id := range c.Nodes() {
			require.Equal(t, before, c.Applied(id)[:len(before)], "what was applied stays")
		}
	}
}

func TestDiskFaultEndsItsNodeAndNoOther(t *testing.T) {
	c := newCluster(t, 1)
	c.Write(1)
	leader := c.AwaitLeader()
	c.Disk(leader).Fail(persistence.Fault{Op: persistence.OpSync, Err: errors.New("medium error")})
	r := c.Propose(leader, 2)
	c.Await("the end of "+leader.String(), func() bool { return c.Failure(leader) != nil })
	require.ErrorContains(t, c.Failure(leader), "medium error")
	c.Await("an answer", r.Done)
	require.ErrorIs(t, r.Err(), actors.ErrOutcomeUnknown)
	c.Write(3)
	require.NotEqual(t, leader, c.Leader())
	c.Crash(leader)
	c.Restart(leader)
	c.Write(4)
	c.AwaitApplied()
	require.NoError(t, c.Failure(leader))
}

func TestMetricsOfANode(t *testing.T) {
	c := newCluster(t, 1)
	c.Write(1)
	m := c.Metrics(c.AwaitLeader())
	require.Equal(t, engine.Leader, m.Role)
	require.EqualValues(t, 1, m.Engine.LeaderElectionsWon)
	require.Positive(t, m.Persistence.Syncs)
	require.Positive(t, m.Transport.Sent)
}
