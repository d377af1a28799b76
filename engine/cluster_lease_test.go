package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
	"github.com/yggr-go/yggr/sim/check"
)

// leaseRace races leases against elections, where TestRandomCluster is too slow for it: disks and messages take no time,
// so a cluster whose leader is cut off has another one, and a newer commit, as soon as the voters' promises allow.
// Meanwhile the old leader is asked to read all the time, does not hear its ticks, and gets answers to its last
// heartbeats that were on their way for long. Clocks drift by as much as leases bear, and ticks come late and bunched.
type leaseRace struct {
	cluster *scenario.Cluster
	random  *rand.Rand
	clocks  map[engine.NodeID]*nodeClock
	timeout int // the minimum election timeout in ticks
	tally   tally
	held    []heldMessage
	step    int

	restarts bool                 // others crash and come back while the old leader reads
	punctual float64              // how likely a tick that is due comes in a step
	terms    map[engine.Term]bool // that began while an older leader was asked to read
}

// stepsPerTick is how finely time passes.
const stepsPerTick = 10

func newLeaseRace(seed uint64) (*leaseRace, error) {
	r := &leaseRace{random: rand.New(rand.NewPCG(seed, 1)), clocks: map[engine.NodeID]*nodeClock{}, terms: map[engine.Term]bool{}}
	r.timeout, r.punctual = 4+r.random.IntN(16), []float64{0.15, 0.5, 1}[r.random.IntN(3)]
	r.cluster = scenario.New(scenario.Options{
		Seed: seed, Observer: newWitness(check.New(), &r.tally),
		Configure: func(cfg *engine.Config) {
			cfg.HeartbeatIntervalTicks, cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = 1, r.timeout, r.timeout+3
			cfg.LeaseDurationTicks = r.timeout - 2
		},
	})
	ids := []engine.NodeID{1, 2, 3, 4, 5}[:3+2*r.random.IntN(2)]
	if err := r.cluster.Found(ids...); err != nil {
		return r, err
	}
	for _, id := range ids {
		r.clocks[id] = &nodeClock{phase: engine.Instant(r.random.Int64N(int64(tick)))}
		r.cluster.DriftClock(id, []int64{-maxDrift, maxDrift}[r.random.IntN(2)])
	}
	r.cluster.MeetAll()
	return r, r.cluster.Err()
}

// pass lets one step of time pass. The old leader, if there is one, hears its ticks seldom.
func (r *leaseRace) pass(old engine.NodeID) error {
	r.step++
	r.cluster.Advance(tick / stepsPerTick)
	for _, id := range r.cluster.IDs() {
		due := r.random.Float64() < r.punctual // or it comes with a later step, close to the next one
		if id == old {
			due = r.random.IntN(100) == 0
		}
		if due && r.clocks[id].beats(r.cluster.Clock(id)) {
			if err := r.cluster.Tick(id); err != nil {
				return err
			}
		}
	}
	for r.cluster.InFlight() > 0 && r.cluster.Err() == nil {
		if r.cluster.Destination(0) == r.leader() && r.random.IntN(3) == 0 {
			r.held = append(r.held, heldMessage{until: r.step + r.random.IntN(2*r.timeout*stepsPerTick), release: r.cluster.HoldAt(0)})
		} else {
			r.cluster.DeliverAt(0)
		}
	}
	return r.cluster.Err()
}

// letGo gives up to one message that was held back to whom it is for.
func (r *leaseRace) letGo() {
	for i, h := range r.held {
		if h.until <= r.step {
			r.held = append(r.held[:i], r.held[i+1:]...)
			h.release()
			r.cluster.DeliverAt(r.cluster.InFlight() - 1)
			return
		}
	}
}

// leader returns the leader of the newest term.
func (r *leaseRace) leader() (leader engine.NodeID) {
	var term engine.Term
	for _, id := range r.cluster.IDs() {
		if s := r.cluster.Status(id); s.Role == engine.Leader && s.Term > term {
			leader, term = id, s.Term
		}
	}
	return leader
}

// settle waits for a leader that can read, and lets it lead for a while.
func (r *leaseRace) settle() error {
	r.cluster.Heal()
	for range 40 * r.timeout * stepsPerTick {
		if err := r.pass(0); err != nil {
			return err
		}
		if id := r.leader(); id != 0 && r.settled(id) && r.random.IntN(4*stepsPerTick) == 0 {
			return r.cluster.Err()
		}
	}
	return fmt.Errorf("no leader")
}

// settled reports whether everything that a leader has is committed.
func (r *leaseRace) settled(leader engine.NodeID) bool {
	s := r.cluster.Status(leader)
	return s.Commit == s.Last.Index
}

// race cuts the leader off and reads from it until it gives up.
func (r *leaseRace) race() error {
	old := r.leader()
	r.cutOff(old, r.cluster.IDs()...)
	return r.readOn(old)
}

// cutOff severs the links between the leader and others.
func (r *leaseRace) cutOff(leader engine.NodeID, others ...engine.NodeID) {
	for _, id := range others {
		if id != leader {
			r.cluster.Cut(leader, id)
			r.cluster.Cut(id, leader)
		}
	}
}

// readOn reads from a leader that hears nobody until it gives up.
func (r *leaseRace) readOn(old engine.NodeID) error {
	for range 3 * r.timeout * stepsPerTick {
		if err := r.pass(old); err != nil {
			return err
		}
		r.letGo()
		if now := r.leader(); now != old && now != 0 && !r.terms[r.cluster.Status(now).Term] {
			r.terms[r.cluster.Status(now).Term] = true // it commits its first entry at once, which is a write
			r.tally.leaders++
		}
		if r.cluster.Status(old).Role != engine.Leader {
			return nil
		}
		if err := r.cluster.Read(old); err != nil {
			return err
		}
		if r.restarts && r.random.IntN(2*stepsPerTick) == 0 {
			if err := r.restartBut(old); err != nil {
				return err
			}
		}
	}
	return nil
}

func playLeaseRace(seed uint64, race func(*leaseRace) error) (tally, error) {
	const races = 6
	r, err := newLeaseRace(seed)
	for i := 0; i < races && err == nil; i++ {
		if err = r.settle(); err == nil {
			err = race(r)
		}
	}
	return r.tally, err
}

// sweepLeaseRaces runs the seeds that the flags name, and returns what happened and how many there were.
func sweepLeaseRaces(t *testing.T, race func(*leaseRace) error) (total tally, count int) {
	t.Helper()
	first, count := max(1, *clusterSeed), *clusterSeeds
	switch {
	case count != 0:
	case *clusterSeed != 0:
		count = 1
	default:
		count = 60
	}
	for seed := first; seed < first+uint64(count); seed++ {
		result, err := playLeaseRace(seed, race)
		total.add(result)
		require.NoError(t, err, "seed %d", seed)
	}
	t.Logf("%d seeds: %+v", count, total)
	return total, count
}

// TestNoLeaseOutlastsAnElection:
//
//	go test ./engine -run TestNoLeaseOutlastsAnElection -cluster.seeds=2000
//	go test ./engine -run TestNoLeaseOutlastsAnElection -cluster.seed=42
func TestNoLeaseOutlastsAnElection(t *testing.T) {
	total, count := sweepLeaseRaces(t, (*leaseRace).race)
	require.Greater(t, total.servedByLease, 10*count)
	require.Greater(t, total.leaders, count, "others led")
}
