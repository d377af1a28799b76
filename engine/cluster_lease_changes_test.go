package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// A lease is a matter of who may vote, and of what they remember. These races begin with a leader that part of the
// others cannot hear, so that they would elect somebody at once, and that changes the membership, itself included, while
// only some of what it says arrives. Then nobody hears it, and those who have promised it something restart.

// trouble is a race of that kind.
func (r *leaseRace) trouble() error {
	old := r.leader()
	if r.random.IntN(2) == 0 {
		if err := r.losePart(old); err != nil {
			return err
		}
	}
	if r.random.IntN(2) == 0 && r.leader() == old {
		if err := r.change(old); err != nil {
			return err
		}
	}
	r.cutOff(old, r.cluster.IDs()...)
	return r.readOn(old)
}

// losePart cuts the leader off from less than half of the nodes, for longer than these stay patient.
func (r *leaseRace) losePart(old engine.NodeID) error {
	ids := r.cluster.IDs()
	r.random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	r.cutOff(old, ids[:(len(ids)-1)/2]...)
	for range (r.timeout + r.random.IntN(r.timeout)) * stepsPerTick {
		if err := r.pass(0); err != nil {
			return err
		}
	}
	return nil
}

// change asks the leader for some changes, and lets a part of what these lead to arrive.
func (r *leaseRace) change(leader engine.NodeID) error {
	for range 1 + r.random.IntN(3) {
		answer, err := r.cluster.Change(leader, r.drawChange(leader))
		if err != nil {
			return err
		}
		if _, accepted := answer.(*engine.ConfigChangeAccepted); accepted {
			r.tally.changed++
		}
		for range r.random.IntN(12) {
			r.moveOne()
		}
		r.cluster.Advance(tick / stepsPerTick)
	}
	return r.cluster.Err()
}

// drawChange makes voters of others, and others of voters.
func (r *leaseRace) drawChange(leader engine.NodeID) engine.ConfigChange {
	ids := r.cluster.IDs()
	change := engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: ids[r.random.IntN(len(ids))], Force: true}
	switch m, found := r.cluster.Status(leader).Membership.Lookup(change.Target); {
	case !found:
		change.Incarnation, change.Address = r.cluster.Peer(change.Target).Incarnation, change.Target.String()
	case m.Role == engine.Learner:
		change.Kind = engine.ChangePromote
	case r.random.IntN(2) == 0:
		change.Kind = engine.ChangeRemove
	default:
		change.Kind = engine.ChangeDemote
	}
	return change
}

// moveOne delivers, loses or holds back one message.
func (r *leaseRace) moveOne() {
	pending := r.cluster.InFlight()
	if pending == 0 {
		return
	}
	switch chosen := r.random.IntN(pending); r.random.IntN(5) {
	case 0:
		r.cluster.DropAt(chosen)
	case 1:
		r.held = append(r.held, heldMessage{until: r.step + r.random.IntN(2*r.timeout*stepsPerTick), release: r.cluster.HoldAt(chosen)})
	default:
		r.cluster.DeliverAt(chosen)
	}
}

// restartBut lets another node than the one named crash and come back at once.
func (r *leaseRace) restartBut(old engine.NodeID) error {
	ids := r.cluster.IDs()
	id := ids[r.random.IntN(len(ids))]
	if id == old {
		return nil
	}
	r.tally.crashes++
	if err := r.cluster.Crash(id, r.cluster.Writes(id)); err != nil {
		return err
	}
	return r.cluster.Restart(id)
}

// TestNoLeaseOutlastsAChangeOrARestart:
//
//	go test ./engine -run TestNoLeaseOutlastsAChangeOrARestart -cluster.seeds=2000
//	go test ./engine -run TestNoLeaseOutlastsAChangeOrARestart -cluster.seed=42
func TestNoLeaseOutlastsAChangeOrARestart(t *testing.T) {
	total, count := sweepLeaseRaces(t, func(r *leaseRace) error {
		r.restarts = true
		return r.trouble()
	})
	require.Greater(t, total.servedByLease, 10*count)
	require.Greater(t, total.leaders, count/2, "others led")
	require.Greater(t, total.changed, count)
	require.Greater(t, total.crashes, count)
}
