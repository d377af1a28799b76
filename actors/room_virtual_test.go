package actors_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/testkit"
)

// newSmall founds a node on a disk of 6 MiB that takes snapshots only when it has to.
func newSmall(t *testing.T) (*virtual, *savingsFaults, *persistence.MemFS) {
	t.Helper()
	disk := persistence.NewMemFS()
	disk.SetCapacity(6 << 20)
	v, faults := newSaving(t, testkit.Options{Nodes: 1, Configure: func(cfg *actors.Config) {
		cfg.Storage = persistence.NewDir(disk, "small", persistence.Options{SegmentSize: 64 << 10, ReserveBytes: 2 << 20})
		cfg.SnapshotHintEntries, cfg.SnapshotHintBytes, cfg.TrailingLogEntries = 0, 0, 10
	}})
	v.AwaitLeader()
	return v, faults, disk
}

// writesUntilFull writes until the node refuses.
func (v *virtual) writesUntilFull() {
	v.t.Helper()
	for {
		require.Less(v.t, len(v.results), 10_000)
		r := v.propose(1)
		v.Await("an answer", r.Done)
		if err := r.Err(); err != nil {
			require.ErrorIs(v.t, err, actors.ErrDiskNearlyFull)
			return
		}
	}
}

// A disk that is nearly full is relieved later if it could not be at once: nobody can write any more, so the engine will
// not ask for another snapshot.
func TestRoomIsMadeAgainAndAgain(t *testing.T) {
	v, faults, _ := newSmall(t)
	faults.capture = errors.New("not now")
	v.writesUntilFull()
	v.Await("room", func() bool { return !v.Metrics(1).NearlyFull })
	require.EqualValues(t, 1, v.Metrics(1).Snapshots.Failed)
	v.writes(1)
}

// What is only kept to be resumed goes when there is no room, even if no snapshot can be taken.
func TestPartialSnapshotsMakeRoom(t *testing.T) {
	v, faults, disk := newSmall(t)
	v.Stop(1)
	const path = "small/snapshots/receive-0000000000000077.part"
	file, err := disk.Create(path)
	require.NoError(t, err)
	_, err = file.WriteAt(make([]byte, 2<<20), 0)
	require.NoError(t, errors.Join(err, file.Sync(), file.Close(), disk.SyncDir("small/snapshots")))
	v.Restart(1)
	v.AwaitLeader()
	v.Loop.Advance(time.Second)
	kept, err := disk.OpenRead(path)
	require.NoError(t, err)
	require.NoError(t, kept.Close())

	faults.write = errors.New("not now")
	v.writesUntilFull()
	v.Loop.Advance(time.Second)
	_, err = disk.OpenRead(path)
	require.Error(t, err)
	require.Zero(t, v.Metrics(1).Snapshots.Taken)
}
