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
