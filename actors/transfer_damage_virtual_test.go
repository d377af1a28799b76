package actors_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/testkit"
)

// snapshotPaths are the complete snapshots of a node.
func (a *archive) snapshotPaths(id engine.NodeID) (paths []string) {
	for _, name := range a.Files(id) {
		if filepath.Ext(name) == ".snap" {
			paths = append(paths, filepath.Join("data", "snapshots", name))
		}
	}
	return paths
}

// place is an actor of a node.
func (a *archive) place(id engine.NodeID, name string) testkit.Place {
	return testkit.Place{Node: id, Name: name}
}

// A disk may change what was written to it. The receiver finds out, and then the sender: it does not send the same bytes
// for ever, but takes another snapshot and sends that.
func TestADamagedSnapshotIsNotSentForEver(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 10})
	a.fill(200)
	leader, follower := a.AwaitLeader(), a.follower()
	a.behindAs(follower, 120)
	a.Network.Partition(follower)
	a.Loop.Advance(time.Second)
	for _, path := range a.snapshotPaths(leader) {
		flip(t, a.Disk(leader), path, 20<<10)
	}
	a.Network.Heal()
	a.Loop.Advance(30 * time.Second)
	require.EqualValues(t, 1, a.received(follower))
	require.Equal(t, leader, a.Leader())
	a.agree()
}

// A snapshot that is being built, however large, holds up none that is on its way.
func TestABuildHoldsUpNoTransfer(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 11})
	a.fill(30)
	follower := a.follower()
	a.Loop.Advance(time.Second)
	a.Loop.Stall(a.place(follower, testkit.Snapshots))
	a.TriggerSnapshot(follower)
	a.Loop.Advance(time.Second)
	a.behindAs(follower, 200)
	a.Loop.Advance(10 * time.Second)
	require.EqualValues(t, 1, a.received(follower))
	a.Loop.Resume(a.place(follower, testkit.Snapshots))
	a.agree()
}

// The directory fails its sync when the received file has got its name, and the power goes after the snapshot was switched
// to: what the switch names is there all the same.
func TestAReceivedSnapshotHasADurableName(t *testing.T) {
	for seed := range uint64(8) {
		a := newArchive(t, testkit.Options{Seed: 20 + seed})
		follower := a.follower()
		a.Disk(follower).Fail(persistence.Fault{
			Op: persistence.OpSyncDir, Path: "snapshots", Err: errors.New("input/output error"),
		})
		a.behindAs(follower, 100)
		a.Await("the snapshot to be installed", func() bool { return a.received(follower) > 0 })
		a.Loop.Advance(100 * time.Millisecond)
		a.Crash(follower)
		a.Restart(follower)
		a.agree()
		require.NoError(t, a.Failure(follower))
	}
}

// Who asks for a snapshot while one of the leader's is switched to is answered when that is durable, too.
func TestTriggerWaitsForTheSwitchToAnother(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 12})
	a.Network.SetChunkRate(100 << 10)
	follower := a.behind(200)
	a.Loop.Advance(time.Second) // it arrives
	a.Loop.Stall(a.place(follower, testkit.Disk))
	a.Await("the switch to be ordered", func() bool { return a.received(follower) > 0 })
	r := a.TriggerSnapshot(follower)
	a.Loop.Advance(time.Second)
	require.False(t, r.Done(), "a restart would not begin with it yet")
	a.Loop.Resume(a.place(follower, testkit.Disk))
	a.Await("an answer", r.Done)
	index, err := r.Get()
	require.NoError(t, err)
	require.Equal(t, a.Status(follower).Snapshot.Index, index)
	a.agree()
}
