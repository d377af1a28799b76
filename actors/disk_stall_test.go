package actors_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/testkit"
)

// A leader that cannot write is of no use: another one has to take over, and the clients go on there. The old one
// comes back as a follower and disturbs nobody.
func TestLeaderWithStalledDiskHandsOverAndComesBackQuietly(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := newVirtual(t, seed, nil)
			old := v.AwaitLeader()
			v.proposeEvery(50*time.Millisecond, time.Second, old, nil)
			term := v.Status(old).Term

			v.Loop.Stall(v.place(old, testkit.Disk))
			v.propose(old) // something has to be on its way to the disk, or nobody needs it
			stalled := v.Loop.Now()
			for v.Loop.Now() < stalled+engine.Instant(3*electionTimeoutMax) {
				v.propose(v.Leader())
				v.Loop.Advance(50 * time.Millisecond)
				if v.Leader() == 0 {
					v.Await("the next leader", func() bool { return v.Leader() != 0 })
				}
			}
			now := v.Leader()
			require.NotEqual(t, old, now, "leadership stayed with the stalled disk\n%s", v)
			require.Greater(t, v.Status(now).Term, term)
			r := v.propose(now)
			v.Await("a write", r.Done)
			require.NoError(t, r.Err())
			require.Less(t, r.Took(), electionTimeoutMin, "writes go on without the stalled node")
			elsewhere := v.propose(old)
			v.Loop.Settle()
			require.ErrorIs(t, elsewhere.Err(), actors.ErrNotLeader)
			for i, r := range v.results {
				require.True(t, r.Done(), "proposal %d waits for a disk that hangs", i+1)
			}

			settled := v.Status(now).Term
			v.Loop.Resume(v.place(old, testkit.Disk))
			v.proposeEvery(50*time.Millisecond, 3*electionTimeoutMax, now, nil)
			require.Equal(t, reign{now, settled}, v.reign(), "the old leader disturbed the new one\n%s", v)
			v.AwaitApplied()
			v.requireHonest()
		})
	}
}

func TestStallsOfHalfAnElectionTimeoutMoveNoLeader(t *testing.T) {
	for seed := range uint64(10) {
		v := newVirtual(t, seed, nil)
		leader := v.AwaitLeader()
		v.Loop.Advance(time.Second)
		before, elections := v.reign(), v.elections()
		for range 20 {
			v.Loop.Stall(v.place(leader, testkit.Disk))
			v.proposeEvery(10*time.Millisecond, electionTimeoutMin/2, leader, nil)
			v.Loop.Resume(v.place(leader, testkit.Disk))
			v.propose(leader)
			v.Loop.Advance(5 * time.Millisecond)
		}
		require.Equal(t, before, v.reign())
		require.Equal(t, elections, v.elections())
		v.AwaitApplied()
		require.Equal(t, len(v.results), v.requireHonest(), "every write was acknowledged")
	}
}

// Heartbeats wait for neither the state machine, nor snapshots, nor the transport actor, which only owns connections.
func TestStallsOfOtherActorsMoveNoLeader(t *testing.T) {
	for _, name := range []string{"apply", "snapshot", "transport"} {
		t.Run(name, func(t *testing.T) {
			v := newVirtual(t, 1, nil)
			leader := v.AwaitLeader()
			v.Loop.Advance(time.Second)
			before, elections := v.reign(), v.elections()
			v.Loop.Stall(v.place(leader, name))
			v.proposeEvery(50*time.Millisecond, 10*electionTimeoutMax, leader, nil)
			require.Equal(t, before, v.reign())
			require.Equal(t, elections, v.elections())
			v.Loop.Resume(v.place(leader, name))
			v.AwaitApplied()
			require.Equal(t, len(v.results), v.requireHonest(), "every write was acknowledged")
		})
	}
}

func TestFollowerWhoseDiskStalledForAMinuteCatchesUpWithoutAnElection(t *testing.T) {
	for seed := range uint64(3) {
		v := newVirtual(t, seed, nil)
		leader := v.AwaitLeader()
		v.Loop.Advance(time.Second)
		before, elections := v.reign(), v.elections()
		follower := v.Others(leader)[0]
		v.Loop.Stall(v.place(follower, testkit.Disk))
		v.proposeEvery(50*time.Millisecond, time.Minute, leader, nil)
		require.Equal(t, len(v.results), v.requireHonestOn(leader), "a follower's disk is no business of the clients")
		require.Equal(t, before, v.reign())

		v.Loop.Resume(v.place(follower, testkit.Disk))
		caughtUp := v.Loop.Run(func() bool { return v.Status(follower).Applied == v.Status(leader).Applied }, time.Second)
		require.True(t, caughtUp, "a second after its disk came back\n%s", v)
		require.Equal(t, before, v.reign())
		require.Equal(t, elections, v.elections())
		v.AwaitApplied()
		require.Equal(t, len(v.results), v.requireHonest())
	}
}

// With both followers' disks stalled nothing commits, but nobody doubts that the leader lives: heartbeats and their
// answers wait for no disk.
func TestFollowersWithStalledDisksStillBelieveInTheirLeader(t *testing.T) {
	v := newVirtual(t, 1, nil)
	leader := v.AwaitLeader()
	v.Loop.Advance(time.Second)
	before, elections := v.reign(), v.elections()
	for _, follower := range v.Others(leader) {
		v.Loop.Stall(v.place(follower, testkit.Disk))
	}
	v.proposeEvery(50*time.Millisecond, 10*electionTimeoutMax, leader, nil)
	require.Equal(t, before, v.reign())
	for _, r := range v.results {
		require.ErrorIs(t, r.Err(), testkit.ErrUnanswered)
	}
	for _, follower := range v.Others(leader) {
		v.Loop.Resume(v.place(follower, testkit.Disk))
	}
	v.AwaitApplied()
	require.Equal(t, before, v.reign())
	require.Equal(t, elections, v.elections())
	require.Equal(t, len(v.results), v.requireHonest())
}
