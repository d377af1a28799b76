package actors_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

func TestFullProposalLaneRefusesAtOnceAndWakesNobody(t *testing.T) {
	const limit = 64
	for _, stalled := range []string{testkit.Driver, testkit.Apply, testkit.Disk} {
		t.Run(stalled+" stalled", func(t *testing.T) {
			v := newVirtual(t, 1, func(cfg *actors.Config) { cfg.MaxPendingProposals = limit })
			leader := v.AwaitLeader()
			v.Loop.Stall(v.place(leader, stalled))
			for range limit {
				v.propose(leader)
			}
			v.Loop.Advance(20 * time.Millisecond) // a batch is on its way to disk or machine, or to the driver
			v.Loop.Settle()
			turns := v.Loop.Turns()
			for range 10 * limit {
				require.ErrorIs(t, v.propose(leader).Err(), actors.ErrBusy)
			}
			v.Loop.Settle()
			require.Equal(t, turns, v.Loop.Turns(), "a refused proposal made somebody run")
			v.Loop.Resume(v.place(leader, stalled))
			v.Await("the accepted ones", func() bool { return v.results[limit-1].Done() })
			require.Equal(t, limit, func() int { v.AwaitApplied(); return v.requireHonest() }())
		})
	}
}

func TestFullProposalLaneDelaysNoHeartbeat(t *testing.T) {
	const limit = 64
	v := newVirtual(t, 1, func(cfg *actors.Config) { cfg.MaxPendingProposals = limit })
	leader := v.AwaitLeader()
	v.Loop.Advance(time.Second)
	before, elections := v.reign(), v.elections()
	v.Loop.Stall(v.place(leader, testkit.Apply))
	v.proposeEvery(time.Millisecond, 10*time.Second, leader, nil)
	require.Equal(t, limit, v.Metrics(leader).Pending)
	require.Equal(t, before, v.reign())
	require.Equal(t, elections, v.elections())
	v.Loop.Resume(v.place(leader, testkit.Apply))
	v.AwaitApplied()
	require.Equal(t, limit, v.requireHonest())
}

func TestBlockedMachineIsBoundedCostsNoElectionAndDrains(t *testing.T) {
	const pending, handed = 512, 100
	for seed := range uint64(3) {
		v := newVirtual(t, seed, func(cfg *actors.Config) {
			cfg.MaxPendingProposals, cfg.MaxPendingApplies = pending, handed
		})
		leader := v.AwaitLeader()
		v.Loop.Advance(time.Second)
		before, elections := v.reign(), v.elections()
		applied := v.Status(leader).Applied
		v.Loop.Stall(v.place(leader, testkit.Apply))
		v.proposeEvery(5*time.Millisecond, 10*time.Second, leader, func() {
			m := v.Metrics(leader)
			require.LessOrEqual(t, m.Handed, handed)
			require.LessOrEqual(t, m.Pending, pending)
			require.LessOrEqual(t, int(m.Last.Index-applied), pending)
			require.Equal(t, applied, m.Applied)
		})
		m := v.Metrics(leader)
		require.Equal(t, pending, m.Pending)
		require.Equal(t, handed, m.Handed, "the machine has all the work that it may have")
		require.Equal(t, applied+pending, m.Commit, "a machine that hangs stops nobody's log")
		require.Equal(t, before, v.reign())
		require.Equal(t, elections, v.elections())

		v.Loop.Resume(v.place(leader, testkit.Apply))
		v.AwaitApplied()
		m = v.Metrics(leader)
		require.Zero(t, m.Pending)
		require.Zero(t, m.Handed)
		require.Equal(t, pending, v.requireHonest())
		require.NoError(t, func() error { r := v.propose(leader); v.Await("an answer", r.Done); return r.Err() }())
	}
}

// sizes is a machine whose commands are of 8 MiB and cost nothing: they are all the same bytes.
type sizes struct{ sum int }

func (s *sizes) Apply(_ statemachine.ApplyContext, size int) int {
	s.sum += size
	return s.sum
}

var largeCommand = make([]byte, 8<<20)

type sizeCodec struct{}

func (sizeCodec) Encode([]byte, int) ([]byte, error) { return largeCommand, nil }

func (sizeCodec) Decode(data []byte) (int, error) {
	return len(data) + int(binary.LittleEndian.Uint64(data)), nil
}

// The bounds in bytes: 256 MiB of log that is not applied, on a leader and on a follower, whoever of them has the machine
// that hangs.
func TestBlockedMachineBoundsTheLogInBytes(t *testing.T) {
	const unapplied, inFlight, proposals = 256 << 20, 16 << 20, 50
	for _, who := range []string{"leader", "follower"} {
		t.Run(who, func(t *testing.T) {
			v := testkit.NewCluster(t, statemachine.Definition[int, int]{
				New:   func() statemachine.Machine[int, int] { return &sizes{} },
				Codec: sizeCodec{},
			}, testkit.Options{
				Unchecked: true,
				Configure: func(cfg *actors.Config) { cfg.Storage = persistence.NewMemory() },
			})
			leader := v.AwaitLeader()
			blocked := leader
			if who == "follower" {
				blocked = v.Others(leader)[0]
			}
			v.Loop.Advance(time.Second) // every founder is bound: from here on the log grows by commands alone
			v.AwaitApplied()
			term := v.Status(leader).Term
			place := testkit.Place{Node: blocked, Name: testkit.Apply}
			v.Loop.Stall(place)
			busy, acknowledged := 0, 0
			var results []*testkit.Result[int]
			for range proposals { // 400 MiB in 10 s
				results = append(results, v.Propose(leader, 0))
				v.Loop.Advance(200 * time.Millisecond)
				status := v.Status(blocked)
				require.LessOrEqual(t, int(status.Last.Index-status.Applied)*len(largeCommand), unapplied+inFlight)
			}
			for _, r := range results {
				switch {
				case !r.Done():
				case r.Err() == nil:
					acknowledged++
				default:
					require.ErrorIs(t, r.Err(), actors.ErrBusy)
					busy++
				}
			}
			if who == "leader" {
				require.Zero(t, acknowledged)
				require.Equal(t, proposals-unapplied/len(largeCommand), busy)
			} else {
				require.Equal(t, proposals, acknowledged, "a follower's machine is no business of the clients")
			}
			require.Equal(t, leader, v.Leader())
			v.Loop.Resume(place)
			v.AwaitApplied()
			require.Equal(t, term, v.Status(leader).Term)
			for _, id := range v.Nodes() {
				require.Len(t, v.Applied(id), proposals-busy)
			}
		})
	}
}
