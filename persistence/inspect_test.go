package persistence_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Looking writes nothing and takes no lock: it works on files that cannot be written. What it sees is what opening would
// give, and how the log ends: proven, with a batch that nothing proves yet, or with one that was never completed.
func TestInspectWritesNothing(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	look := func() persistence.Inspection {
		t.Helper()
		found, err := persistence.Inspect(frozen(t, disk), testPath)
		require.NoError(t, err)
		return found
	}
	for i := range engine.Index(5) {
		require.NoError(t, s.Write(appended(commands(1, i+1, 1, 20_000)...)))
	}
	inUse := look()
	require.False(t, inUse.Proven)
	require.False(t, inUse.Torn)
	require.Len(t, inUse.Groups[0].Entries, 5)
	require.Equal(t, testID, inUse.Identity)

	before := disk.Kill()
	name, end := logEnd(t, disk)
	torn := overwritten(t, before, name, end, tornBatch(t, disk, s))
	found, err := persistence.Inspect(frozen(t, torn), testPath)
	require.NoError(t, err)
	require.True(t, found.Torn)
	require.Equal(t, inUse.Next, found.Next)
	requireState(t, inUse.Groups[0], found.Groups[0])

	require.NoError(t, s.Close())
	closed := look()
	require.True(t, closed.Proven)
	require.Equal(t, inUse.Next+2, closed.Next)
	require.Len(t, closed.Groups[0].Entries, 6)
	require.Len(t, closed.Segments, 3)
	batches := 0
	for i, segment := range closed.Segments {
		require.NoError(t, segment.Err)
		require.EqualValues(t, i+1, segment.Number)
		require.EqualValues(t, batches+1, segment.FirstBatch)
		require.EqualValues(t, 64<<10, segment.Size)
		batches += segment.Batches
	}
	require.EqualValues(t, closed.Next-1, batches)
	requireState(t, closed.Groups[0], requireOpens(t, disk))
}

// tornBatch returns what a power loss may leave of the next batch: the sector of its header.
func tornBatch(t testing.TB, disk *persistence.MemFS, s persistence.Storage) []byte {
	t.Helper()
	name, end := logEnd(t, disk)
	require.NoError(t, s.Write(appended(commands(1, 6, 1, 2000)...)))
	return readFile(t, disk, name)[end:][:512]
}

// An interrupted process leaves a directory that can be looked at as well as opened, whatever it was doing.
func TestInspectAtEveryOperation(t *testing.T) {
	disk := persistence.NewMemFS()
	looked := 0
	var w workload
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if !w.created {
			return
		}
		left := disk.Crash(fixedRandom(uint64(looked)))
		for _, moment := range []*persistence.MemFS{disk, left} {
			found, err := persistence.Inspect(moment, testPath)
			require.NoError(t, err, "%s %s", op, path)
			require.True(t, w.shows(found.Groups[0]), "%s %s", op, path)
		}
		looked++
	})
	w = workload{place: persistence.NewDir(fsys, testPath, small()), seed: 13, batches: 12}
	require.NoError(t, w.run())
	require.Greater(t, looked, 200)
}

// A log that goes on meanwhile, round and round through the same files, looks whole at any moment.
func TestInspectWhileTheLogIsWritten(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	done := make(chan error)
	go func() {
		for i := engine.Index(1); i <= 600; i++ {
			b := appended(commands(1, i, 1, 500)...)
			if i%3 == 0 {
				b.SetSnapshot(0, persistence.SnapshotSwitch{ID: uint64(i), Position: position(1, i), Base: position(1, i-1), Keep: true})
			}
			if err := s.Write(b); err != nil {
				done <- err
				return
			}
		}
		done <- s.Close()
	}()
	for {
		found, err := persistence.Inspect(disk, testPath)
		require.NoError(t, err)
		state := found.Groups[0]
		for i, e := range state.Entries {
			require.Equal(t, commands(1, state.Base.Index+1+engine.Index(i), 1, 500)[0], e)
		}
		select {
		case err := <-done:
			require.NoError(t, err)
			require.Positive(t, s.Metrics().Recycled)
			return
		default:
		}
	}
}

// Where recovery stops, looking goes on: it tells which headers can be read, and what stands behind the damage.
func TestInspectDamage(t *testing.T) {
	disk := threeSegments(t, testID)
	const second = "segment-0000000000000002.log"
	intact, whole, err := persistence.InspectSegment(disk, filepath.Join(testPath, second))
	require.NoError(t, err)
	require.Len(t, whole, 3, "two batches and the seal")
	require.Equal(t, int64(block), whole[0].Offset)
	require.Equal(t, intact.FirstBatch, whole[0].Number)
	require.Equal(t, 2, whole[0].Records, "a checkpoint and entries")

	damaged := overwritten(t, disk, second, whole[0].Offset+1000, []byte("damage"))
	found, err := persistence.Inspect(damaged, testPath)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorContains(t, err, testPath)
	require.Empty(t, found.Groups)
	require.EqualValues(t, intact.FirstBatch-1, found.Segments[0].Batches)
	require.Zero(t, found.Segments[1].Batches)
	info, batches, err := persistence.InspectSegment(damaged, filepath.Join(testPath, second))
	require.NoError(t, err)
	require.EqualValues(t, 2, info.Number)
	want := append([]persistence.BatchInfo(nil), whole...)
	want[0].Damaged = true
	require.Equal(t, want, batches)

	headless := overwritten(t, disk, second, 20, []byte("damage"))
	found, err = persistence.Inspect(headless, testPath)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.Len(t, found.Segments, 3)
	require.Equal(t, second, found.Segments[0].Name)
	require.ErrorIs(t, found.Segments[0].Err, persistence.ErrCorrupt)
	require.EqualValues(t, 3, found.Segments[2].Number, "the others can be read")
	_, _, err = persistence.InspectSegment(headless, filepath.Join(testPath, second))
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	_, _, err = persistence.InspectSegment(headless, filepath.Join(testPath, "segment-9.log"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What an earlier use left in a file is shown as such.
func TestInspectStaleBatches(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	l.append(1)
	newest, _ := logEnd(t, l.disk)
	_, batches, err := persistence.InspectSegment(l.disk, filepath.Join(testPath, newest))
	require.NoError(t, err)
	require.False(t, batches[0].Stale)
	require.True(t, batches[len(batches)-1].Stale)
}
