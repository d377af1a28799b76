package persistence_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

const mebibyte = 1 << 20

// watchedSpare is a log whose next segment's writes are counted.
type watchedSpare struct {
	testing.TB
	fsys    *persistence.FaultFS
	storage persistence.Storage
	last    engine.Index
	writes  int // to the spare, by the last call
}

func watchSpare(t testing.TB) *watchedSpare {
	t.Helper()
	w := &watchedSpare{TB: t}
	w.fsys = persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, path string) {
		if op == persistence.OpWrite && filepath.Base(path) == "spare.tmp" {
			w.writes++
		}
	})
	w.storage = create(t, w.fsys, eightMebibytes)
	return w
}

var eightMebibytes = persistence.Options{SegmentSize: 8 * mebibyte}

// append writes one entry of that size.
func (w *watchedSpare) append(size int) {
	w.Helper()
	w.writes = 0
	w.last++
	require.NoError(w, w.storage.Write(appended(commands(1, w.last, 1, size)...)), "entry %d", w.last)
}

// fill writes entries of 100 KiB; some 78 of them fill a segment.
func (w *watchedSpare) fill(count int) {
	w.Helper()
	for range count {
		w.append(100 << 10)
	}
}

func (w *watchedSpare) reopen() {
	w.Helper()
	require.NoError(w, w.storage.Close())
	var err error
	w.storage, err = persistence.NewDir(w.fsys, testPath, eightMebibytes).Open(testID)
	require.NoError(w, err)
	require.Len(w, w.storage.Recovered(0).Entries, int(w.last))
}

func (w *watchedSpare) requireSegments(count int) {
	w.Helper()
	require.Len(w, segments(w, w.fsys), count)
}

// The next segment is zeroed while the current one fills up: no write waits for more than one step, not even the one
// that finds the segment full.
func TestNextSegmentIsPreparedInSteps(t *testing.T) {
	w := watchSpare(t)
	total := 0
	for i := range 82 {
		w.append(100 << 10)
		total += w.writes
		if i < 10 {
			require.Zero(t, w.writes, "nothing is due before the first mebibyte")
		}
		if i < 76 {
			require.LessOrEqual(t, w.writes, 1, "one step")
		}
		require.LessOrEqual(t, w.writes, 2, "one step, and the header")
	}
	require.Equal(t, 9, total, "eight steps and the header")
	w.requireSegments(2)
}

// A long batch pays in proportion to itself.
func TestLongBatchesPayForThemselves(t *testing.T) {
	w := watchSpare(t)
	for range 6 {
		w.append(mebibyte + mebibyte/4)
		require.LessOrEqual(t, w.writes, 2)
	}
	w.append(mebibyte + mebibyte/4)
	require.LessOrEqual(t, w.writes, 3, "two steps and the header")
	w.requireSegments(2)
}

// Nobody waits at an idle tick, so what is due is done there, a step at a time and no further.
func TestIdleTicksPrepare(t *testing.T) {
	w := watchSpare(t)
	w.append(2*mebibyte + mebibyte/2)
	for _, want := range []int{1, 1, 1, 0, 0} {
		w.writes = 0
		require.NoError(t, w.storage.Write(&persistence.Batch{}))
		require.Equal(t, want, w.writes)
	}
	w.append(10)
	require.Zero(t, w.writes)
}

// A restart sweeps the half-made segment. The new one catches up without a write that pays for all of it.
func TestRestartCatchesUpInSteps(t *testing.T) {
	w := watchSpare(t)
	w.fill(60)
	w.reopen()
	for range 7 {
		w.append(10)
		require.Equal(t, 1, w.writes)
	}
	w.append(10)
	require.Zero(t, w.writes, "caught up")
}

// While the current segment has room, a spare that cannot be made is no reason to stop: the caller's batch is durable.
func TestFullDiskWhilePreparing(t *testing.T) {
	full := errors.New("no space left")
	for _, op := range []persistence.Op{persistence.OpCreate, persistence.OpWrite, persistence.OpSync} {
		t.Run(string(op), func(t *testing.T) {
			w := watchSpare(t)
			fault := persistence.Fault{Op: op, Path: "spare.tmp", Err: full, Short: 5000}
			for range 5 {
				w.fsys.Fail(fault)
			}
			w.fill(40)
			names, err := w.fsys.List(testPath)
			require.NoError(t, err)
			require.NotContains(t, names, "spare.tmp", "what failed is not used again")
			w.fill(50) // with room on the disk again
			w.requireSegments(2)
			w.reopen()
		})
	}
}

// A spare that failed and cannot be removed at once is removed before the next attempt; its content never counts.
func TestFailedSpareIsNeverUsedAgain(t *testing.T) {
	w := watchSpare(t)
	w.fsys.Fail(persistence.Fault{Op: persistence.OpSync, Path: "spare.tmp", Err: errDisk})
	w.fsys.Fail(persistence.Fault{Op: persistence.OpRemove, Path: "spare.tmp", Err: errDisk})
	w.fill(11)
	names, err := w.fsys.List(testPath)
	require.NoError(t, err)
	require.Contains(t, names, "spare.tmp")
	w.fill(79)
	w.requireSegments(2)
	w.reopen()
}

// Where the log cannot go on without a spare, a failure ends it.
func TestFullDiskWhenTheSegmentIsFull(t *testing.T) {
	full := errors.New("no space left")
	w := watchSpare(t)
	for range 20 {
		w.fsys.Fail(persistence.Fault{Op: persistence.OpWrite, Path: "spare.tmp", Err: full})
	}
	w.fill(75)
	var err error
	for err == nil {
		w.last++
		err = w.storage.Write(appended(commands(1, w.last, 1, 100<<10)...))
	}
	require.ErrorIs(t, err, persistence.ErrPoisoned)
	require.ErrorIs(t, err, full)
	require.Greater(t, int(w.last), 76, "not before")
}

// One that could not be removed is also remembered by a log that went on in a freed segment meanwhile.
func TestFailedSpareIsRemovedAfterAFreedOneWasUsed(t *testing.T) {
	w := watchSpare(t)
	w.fill(79) // one segment, and a bit
	w.requireSegments(2)
	w.fsys.Fail(persistence.Fault{Op: persistence.OpSync, Path: "spare.tmp", Err: errDisk})
	w.fsys.Fail(persistence.Fault{Op: persistence.OpRemove, Path: "spare.tmp", Err: errDisk})
	w.fill(12)
	names, err := w.fsys.List(testPath)
	require.NoError(t, err)
	require.Contains(t, names, "spare.tmp")
	b := &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(1, w.last), Base: position(1, w.last), Keep: true})
	require.NoError(t, w.storage.Write(b))
	for recycled := uint64(0); recycled == 0; recycled = w.storage.Metrics().Recycled {
		w.fill(1)
	}
	w.append(9 * mebibyte) // no other freed segment is left, and this batch does not wait for the next attempt
	require.NoError(t, w.storage.Close())
}
