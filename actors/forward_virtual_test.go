package actors_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// relayCodec is the example's codec with responses.
type relayCodec struct{ Codec }

func (relayCodec) EncodeResponse(dst []byte, sum uint64) ([]byte, error) {
	return binary.AppendUvarint(dst, sum), nil
}

func (relayCodec) DecodeResponse(data []byte) (uint64, error) {
	sum, n := binary.Uvarint(data)
	if n != len(data) || n == 0 {
		return 0, errors.New("not a number")
	}
	return sum, nil
}

func newForwarding(t *testing.T, seed uint64) *virtual {
	t.Helper()
	def := statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &Counter{} },
		Codec: relayCodec{},
	}
	return &virtual{t: t, Cluster: testkit.NewCluster(t, def, testkit.Options{
		Seed: seed, Configure: func(cfg *actors.Config) { cfg.ForwardProposals = true },
	})}
}

func TestAnyNodeTakesWrites(t *testing.T) {
	v := newForwarding(t, 1)
	leader := v.AwaitLeader()
	v.Loop.Advance(time.Second) // everybody follows
	sums := make(map[uint64]bool)
	for _, id := range v.Nodes() {
		for range 10 {
			r := v.propose(id)
			v.Await("an answer", r.Done)
			sum, err := r.Get()
			require.NoError(t, err)
			require.False(t, sums[sum], "each has an answer of its own")
			sums[sum] = true
		}
		forwarded := v.Metrics(id).Forwarded
		require.Equal(t, id != leader, forwarded == 10, "%d of %v", forwarded, id)
	}
	require.EqualValues(t, 20, v.Metrics(leader).Relayed)
	v.AwaitApplied()
	require.Equal(t, 30, v.requireHonest())
}

// Leaders are cut off, one after the other, while clients write through all nodes: every proposal has one answer, and it
// is true.
func TestForwardedProposalsSurviveChangesOfLeader(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := newForwarding(t, seed)
			random := rand.New(rand.NewPCG(seed, 9))
			v.AwaitLeader()
			for range 6 {
				cut := v.AwaitLeader()
				if random.IntN(3) == 0 {
					cut = engine.NodeID(1 + random.IntN(3))
				}
				v.proposeFromAll(random, 300*time.Millisecond)
				v.Network.Partition(cut)
				v.proposeFromAll(random, time.Duration(random.Int64N(int64(3*time.Second))))
				v.Network.Heal()
			}
			v.AwaitLeader()
			v.proposeFromAll(random, time.Second)
			v.Loop.Advance(10 * time.Second)
			v.AwaitApplied()
			require.Greater(t, v.requireHonest(), 100)
			var forwarded uint64
			for _, id := range v.Nodes() {
				forwarded += v.Metrics(id).Forwarded
			}
			require.Greater(t, forwarded, uint64(100))
		})
	}
}

func (v *virtual) proposeFromAll(random *rand.Rand, duration time.Duration) {
	for end := v.Loop.Now() + engine.Instant(duration); v.Loop.Now() < end; {
		v.propose(engine.NodeID(1 + random.IntN(3)))
		v.Loop.Advance(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
	}
}

// Nodes stop in good order, which has a leader hand over, or lose their power in the middle of a write, and a follower that
// forwards is removed: what clients were told through any of them is true on all of them.
func TestForwardedProposalsSurviveTheEndsOfNodes(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := newForwarding(t, seed)
			random := rand.New(rand.NewPCG(seed, 10))
			for range 6 {
				v.AwaitLeader()
				v.proposeFromAll(random, 300*time.Millisecond)
				v.endOne(random, engine.NodeID(1+random.IntN(3)))
			}
			v.AwaitLeader()
			v.proposeFromAll(random, time.Second)
			leaves := v.Others(v.AwaitLeader())[0]
			v.proposeAll(20)
			v.Change(engine.ConfigChange{Kind: engine.ChangeRemove, Target: leaves})
			v.proposeFromAll(random, 100*time.Millisecond)
			v.Loop.Advance(10 * time.Second)
			require.Greater(t, v.requireHonestOn(v.AwaitLeader()), 100)
			for _, id := range v.Nodes() {
				require.Zero(t, v.Metrics(id).Pending, "%v", id)
			}
		})
	}
}

// endOne ends a node while clients write through all of them, and starts it again.
func (v *virtual) endOne(random *rand.Rand, id engine.NodeID) {
	v.proposeAll(20)
	if random.IntN(2) == 0 {
		v.Stop(id)
	} else {
		v.CrashAt(id, 1+random.IntN(6))
		v.proposeFromAll(random, 200*time.Millisecond)
		if !v.Down(id) {
			v.Crash(id)
		}
	}
	v.proposeFromAll(random, time.Duration(random.Int64N(int64(3*time.Second))))
	v.Restart(id)
}

// proposeAll proposes at once through every node.
func (v *virtual) proposeAll(count int) {
	for i := range count {
		v.propose(engine.NodeID(1 + i%3))
	}
}
