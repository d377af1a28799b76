package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// Timeouts of the default config.
const (
	electionTimeoutMin = 500 * time.Millisecond
	electionTimeoutMax = time.Second
)

// virtual is a cluster in virtual time, with the counter of the example.
type virtual struct {
	*testkit.Cluster[uint64, uint64]
	t *testing.T

	results []*testkit.Result[uint64]
}

// newVirtual founds a cluster of three.
func newVirtual(t *testing.T, seed uint64, configure func(*actors.Config)) *virtual {
	t.Helper()
	return newVirtualOf(t, testkit.Options{Seed: seed, Configure: configure})
}

func newVirtualOf(t *testing.T, options testkit.Options) *virtual {
	t.Helper()
	counter := statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &Counter{} },
		Codec: Codec{},
	}
	return &virtual{t: t, Cluster: testkit.NewCluster(t, counter, options)}
}

// steady makes everything that takes time always take the same.
func (v *virtual) steady() {
	v.Network.SetLatency(0, 0, time.Millisecond, time.Millisecond)
	for _, id := range v.Nodes() {
		v.Loop.Slow(testkit.Place{Node: id, Name: testkit.Disk}, time.Millisecond, time.Millisecond)
	}
}

// propose sends a command that no other proposal of the test carries.
func (v *virtual) propose(to engine.NodeID) *testkit.Result[uint64] {
	r := v.Propose(to, uint64(len(v.results)+1))
	v.results = append(v.results, r)
	return r
}

// proposeEvery proposes at a steady pace for a while.
func (v *virtual) proposeEvery(pace, duration time.Duration, to engine.NodeID, each func()) {
	for end := v.Loop.Now() + engine.Instant(duration); v.Loop.Now() < end; {
		v.propose(to)
		v.Loop.Advance(pace)
		if each != nil {
			each()
		}
	}
}

// requireHonest holds that every proposal of the test has an answer and that it is true on every node. It returns how
// many were acknowledged. Nodes must not have crashed: a machine starts anew then.
func (v *virtual) requireHonest() (acknowledged int) {
	v.t.Helper()
	for _, id := range v.Nodes() {
		acknowledged = v.requireHonestOn(id)
	}
	return acknowledged
}

// requireHonestOn holds it for one node: what was acknowledged was applied there once, what was refused was not, and
// nothing was twice.
func (v *virtual) requireHonestOn(id engine.NodeID) (acknowledged int) {
	v.t.Helper()
	applied := make(map[uint64]int)
	for _, a := range v.Applied(id) {
		applied[a.Command]++
	}
	for i, r := range v.results {
		times := applied[uint64(i+1)]
		require.LessOrEqual(v.t, times, 1, "%v applied command %d", id, i+1)
		switch err := r.Err(); {
		case err == nil:
			acknowledged++
			require.Equal(v.t, 1, times, "%v applied the acknowledged command %d", id, i+1)
		case !errors.Is(err, actors.ErrOutcomeUnknown):
			require.NotErrorIs(v.t, err, testkit.ErrUnanswered)
			require.Zero(v.t, times, "%v applied command %d, which got %v", id, i+1, err)
		}
	}
	return acknowledged
}

// reign is who leads, as all nodes see it.
type reign struct {
	leader engine.NodeID
	term   engine.Term
}

// reign returns who leads, and requires that all nodes agree.
func (v *virtual) reign() reign {
	v.t.Helper()
	r := reign{v.Leader(), 0}
	require.NotZero(v.t, r.leader, "nobody leads\n%s", v)
	r.term = v.Status(r.leader).Term
	for _, id := range v.Nodes() {
		require.Equal(v.t, r, reign{v.Status(id).Leader, v.Status(id).Term}, "seen by %v\n%s", id, v)
	}
	return r
}

// elections returns how many elections and pre-elections there were.
func (v *virtual) elections() (count uint64) {
	for _, id := range v.Nodes() {
		m := v.Metrics(id).Engine
		count += m.ElectionsStarted + m.PreVotesGranted + m.PreVotesDenied
	}
	return count
}

func (v *virtual) place(id engine.NodeID, name string) testkit.Place {
	return testkit.Place{Node: id, Name: name}
}
