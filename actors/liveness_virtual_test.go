package actors_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/testkit"
)

// Whatever happens to a minority, the others take writes, and after a few election timeouts at the latest. State machines
// that hang are left out: a leader whose machine hangs still leads, and its clients wait.
func TestMinorityInTroubleStopsTheOthersForAFewElectionTimeoutsAtMost(t *testing.T) {
	const patience = 10 * electionTimeoutMax
	longest := time.Duration(0)
	for i := range max(1, *chaosSeeds/4) {
		seed := *chaosFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newMinority(t, seed)
			for range 10 {
				m.chooseAnew()
				acknowledged := m.Loop.Now()
				for m.trouble(); m.random.IntN(4) > 0; m.trouble() {
					for range 1 << m.random.IntN(7) { // some troubles last longer than anybody's patience
						if m.write() {
							acknowledged = m.Loop.Now()
						}
						silence := time.Duration(m.Loop.Now() - acknowledged)
						longest = max(longest, silence)
						require.Less(t, silence, patience, "no write was acknowledged since\n%s", m)
						m.Loop.Advance(time.Duration(m.random.Int64N(int64(500 * time.Millisecond))))
					}
				}
			}
		})
	}
	t.Logf("the longest time without a write was %v", longest)
}

// A leader that nobody answers still sends heartbeats, so nobody else would stand up: it has to go by itself.
func TestLeaderThatHearsNobodyStepsDownAndTellsItsClients(t *testing.T) {
	for seed := range uint64(10) {
		v := newVirtual(t, seed, nil)
		old := v.AwaitLeader()
		v.Loop.Advance(time.Second)
		for _, id := range v.Others(old) {
			v.Network.Cut(id, old)
		}
		cutOff := v.Loop.Now()
		v.propose(old)
		v.Await("another leader", func() bool { return v.Leader() != old && v.Leader() != 0 })
		require.Less(t, time.Duration(v.Loop.Now()-cutOff), 5*electionTimeoutMax)
		require.ErrorIs(t, v.results[0].Err(), actors.ErrOutcomeUnknown)
		v.Write(1000)
		v.Network.Heal()
		v.AwaitApplied()
	}
}

// minority is a cluster of which fewer than half of the nodes are in trouble.
type minority struct {
	*virtual
	random *rand.Rand
	bad    []engine.NodeID
	open   []*testkit.Result[uint64]
	to     engine.NodeID // whom the client believes to lead
}

func newMinority(t *testing.T, seed uint64) *minority {
	t.Helper()
	size := 3 + 2*int(seed%2)
	return &minority{
		virtual: newVirtualOf(t, testkit.Options{Seed: seed, Nodes: size}),
		random:  rand.New(rand.NewPCG(seed, 5)),
	}
}

// chooseAnew ends every trouble and chooses whom the next ones meet: the leader always.
func (m *minority) chooseAnew() {
	m.Network.Heal()
	m.Network.Drop(nil)
	for _, id := range m.Nodes() {
		m.resume(id)
		m.Network.SetLatency(id, 0, 100*time.Microsecond, time.Millisecond)
		m.Loop.Slow(m.place(id, testkit.Disk), 100*time.Microsecond, 500*time.Microsecond)
		if m.Down(id) {
			m.Restart(id)
		}
		m.CrashAt(id, 0)
	}
	m.Loop.Advance(5 * electionTimeoutMax)
	m.to = m.AwaitLeader()
	m.bad = append([]engine.NodeID{m.to}, m.Others(m.to)[:len(m.Nodes())/2-1]...)
}

func (m *minority) resume(id engine.NodeID) {
	for _, name := range []string{testkit.Driver, testkit.Ticker, testkit.Disk, testkit.Transport} {
		m.Loop.Resume(m.place(id, name))
	}
}

// write has a client that goes where it is sent write, and reports whether it was told that it did, now or of an earlier
// write. The client waits 200 ms for a node before it tries another one.
func (m *minority) write() (acknowledged bool) {
	r := m.propose(m.to)
	m.open = append(m.open, r)
	m.Loop.Run(r.Done, 200*time.Millisecond)
	if moved, ok := errors.AsType[*actors.NotLeaderError](r.Err()); ok {
		m.to = moved.Leader
	} else if r.Err() != nil {
		m.to = engine.NodeID(1 + m.random.IntN(len(m.Nodes())))
	}
	m.open = slices.DeleteFunc(m.open, func(r *testkit.Result[uint64]) bool {
		acknowledged = acknowledged || r.Err() == nil
		return r.Done()
	})
	return acknowledged
}

// trouble makes or ends some trouble of one of the minority.
func (m *minority) trouble() {
	id := m.bad[m.random.IntN(len(m.bad))]
	other := engine.NodeID(1 + m.random.IntN(len(m.Nodes())))
	switch m.random.IntN(10) {
	case 0:
		if m.Down(id) {
			m.Restart(id)
		} else {
			m.CrashAt(id, 1+m.random.IntN(20))
		}
	case 1, 2:
		names := []string{testkit.Driver, testkit.Ticker, testkit.Disk, testkit.Transport}
		m.Loop.Stall(m.place(id, names[m.random.IntN(len(names))]))
	case 3:
		m.resume(id)
	case 4:
		m.Network.Partition(id)
	case 5:
		m.Network.Cut(id, other)
	case 6:
		m.Network.Cut(other, id)
	case 7:
		m.Network.Heal()
	case 8:
		m.Network.SetLatency(id, 0, 0, time.Duration(m.random.Int64N(int64(300*time.Millisecond))))
		m.Loop.Slow(m.place(id, testkit.Disk), 0, time.Duration(m.random.Int64N(int64(2*time.Second))))
	case 9:
		odds := m.random.Float64()
		m.Network.Drop(func(from, to engine.NodeID, _ engine.Message) bool {
			return (from == id || to == id) && m.random.Float64() < odds
		})
	}
}
