package persistence_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// threeSegments returns a closed directory whose log runs through three segments, with five entries in it.
func threeSegments(t testing.TB, id persistence.Identity) *persistence.MemFS {
	t.Helper()
	disk := persistence.NewMemFS()
	s, err := persistence.NewDir(disk, testPath, middling()).Create(id, at(1), nil)
	require.NoError(t, err)
	for i := range engine.Index(5) {
		require.NoError(t, s.Write(appended(commands(1, i+1, 1, 20_000)...)))
	}
	require.NoError(t, s.Close())
	require.Len(t, segments(t, disk), 3)
	return disk
}

func TestSegmentsGoWrong(t *testing.T) {
	const first, second, third = "segment-0000000000000001.log", "segment-0000000000000002.log", "segment-0000000000000003.log"
	stranger := testID
	stranger.Node = 8
	elsewhere := testID
	elsewhere.Cluster.Name = "elsewhere"
	wiped := testID
	wiped.Incarnation++
	swap := func(from persistence.Identity) func(testing.TB, *persistence.MemFS) {
		return func(t testing.TB, disk *persistence.MemFS) {
			writeFile(t, disk, second, readFile(t, threeSegments(t, from), second))
		}
	}
	for name, c := range map[string]struct {
		spoil func(testing.TB, *persistence.MemFS)
		want  error
		facts []string
	}{
		"oldest missing":  {remover(first), persistence.ErrCorrupt, []string{"group 0: entries 1..2 are missing", second + ", number 2", testPath}},
		"middle missing":  {remover(second), persistence.ErrCorrupt, []string{first, third}},
		"newest missing":  {remover(third), persistence.ErrCorrupt, []string{second, "missing"}},
		"all missing":     {remover(first, second, third), persistence.ErrCorrupt, []string{"no segment"}},
		"identity gone":   {remover("identity"), persistence.ErrCorrupt, []string{"identity"}},
		"one twice":       {duplicate(second, "segment-00000000000000aa.log"), persistence.ErrCorrupt, []string{second, "number"}},
		"oldest twice":    {duplicate(first, "segment-00000000000000aa.log"), persistence.ErrCorrupt, []string{first, "number"}},
		"one overwritten": {duplicate(first, second), persistence.ErrCorrupt, []string{first + " has number 1", second + " has 1"}},
		"swapped bodies":  {swappedBodies(second, third), persistence.ErrCorrupt, []string{second, "offset 4096", third, "offset 0"}},
		"torn":            {zeroed(second, 4096+512, 512), persistence.ErrCorrupt, []string{second, "offset 4096"}},
		"torn header":     {zeroed(third, 0, 512), persistence.ErrCorrupt, []string{third, "offset 0"}},
		"newest unused":   {both(reused(third), zeroed(third, 4096, 65536-4096)), persistence.ErrCorrupt, []string{third}},
		"newest stale":    {reused(third), persistence.ErrCorrupt, []string{third}},
		"header zeroed":   {zeroed(second, 0, 4096), persistence.ErrCorrupt, []string{second, "offset 0"}},
		"all zeros":       {zeroed(second, 0, 65536), persistence.ErrCorrupt, []string{second}},
		"body zeroed":     {zeroed(second, 4096, 65536-4096), persistence.ErrCorrupt, []string{second, "offset 4096"}},
		"bodies zeroed": {
			both(zeroed(second, 4096, 65536-4096), zeroed(third, 4096, 65536-4096)), persistence.ErrCorrupt,
			[]string{second, "offset 4096", third, "offset 0"},
		},
		"truncated":       {truncated(first, 65535), persistence.ErrCorrupt, []string{first, "65535 of 65536"}},
		"newest cut":      {truncated(third, 8192), persistence.ErrCorrupt, []string{third, "8192 of 65536"}},
		"empty file":      {truncated(second, 0), persistence.ErrCorrupt, []string{second}},
		"node's":          {swap(stranger), persistence.ErrForeign, []string{second, "n8", "n7"}},
		"cluster's":       {swap(elsewhere), persistence.ErrForeign, []string{second, "elsewhere"}},
		"life's":          {swap(wiped), persistence.ErrForeign, []string{second}},
		"identity cut":    {truncated("identity", 511), persistence.ErrCorrupt, []string{"identity"}},
		"identity zeroed": {zeroed("identity", 0, 512), persistence.ErrCorrupt, []string{"identity"}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := threeSegments(t, testID)
			c.spoil(t, disk)
			requireRefused(t, disk, c.want, c.facts...)
		})
	}
}

func remover(names ...string) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) {
		for _, name := range names {
			removeFile(t, disk, name)
		}
	}
}

func both(first, second func(testing.TB, *persistence.MemFS)) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) {
		first(t, disk)
		second(t, disk)
	}
}

func duplicate(from, to string) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) { writeFile(t, disk, to, readFile(t, disk, from)) }
}

func zeroed(name string, offset, size int) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) {
		data := readFile(t, disk, name)
		clear(data[offset:][:size])
		writeFile(t, disk, name, data)
	}
}

func truncated(name string, size int) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) { writeFile(t, disk, name, readFile(t, disk, name)[:size]) }
}

// swappedBodies leaves two headers where they are and gives each the batches of the other.
func swappedBodies(a, b string) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) {
		x, y := readFile(t, disk, a), readFile(t, disk, b)
		writeFile(t, disk, a, slices.Concat(x[:4096], y[4096:]))
		writeFile(t, disk, b, slices.Concat(y[:4096], x[4096:]))
	}
}

// reused replaces a segment by one that has the same number and first batch and another use-id, as a file that was
// used before would have.
func reused(name string) func(testing.TB, *persistence.MemFS) {
	return func(t testing.TB, disk *persistence.MemFS) {
		other := persistence.NewMemFS()
		o := middling()
		o.Random = func() uint64 { return 12345 }
		s, err := persistence.NewDir(other, testPath, o).Create(testID, at(1), nil)
		require.NoError(t, err)
		for i := range engine.Index(5) {
			require.NoError(t, s.Write(appended(commands(1, i+1, 1, 20_000)...)))
		}
		require.NoError(t, s.Close())
		writeFile(t, disk, name, readFile(t, other, name))
	}
}

// A disk that loses all that was written to a recycled file shows what it held before, under the name of a newer segment.
// Where the log goes on in that segment, or where it is the oldest that is needed, that is damage, not the end of the log.
func TestRecycledSegmentWithItsEarlierContent(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	oldest := readFile(t, l.disk, "segment-0000000000000001.log")
	l.snapshot(3)
	l.idle(3)
	l.append(3)
	require.Positive(t, l.storage.Metrics().Recycled)
	require.NoError(t, l.storage.Close())
	found, err := persistence.Inspect(l.disk, testPath)
	require.NoError(t, err)
	require.Greater(t, len(found.Segments), 2)
	for i, segment := range found.Segments[1:] {
		damaged := l.disk.Kill()
		writeFile(t, damaged, segment.Name, oldest)
		requireRefused(t, damaged, persistence.ErrCorrupt, found.Segments[i].Name, "missing")
	}
}

// What a file's earlier use left behind passes neither for the log's continuation nor for proof of one, though its
// batch numbers may be higher: this file was part of a log that went on longer.
func TestBatchesOfAnEarlierUseAreIgnored(t *testing.T) {
	longer := persistence.NewMemFS()
	s := create(t, longer, persistence.Options{SegmentSize: 1 << 20, Random: func() uint64 { return 99 }})
	for i := range engine.Index(60) {
		require.NoError(t, s.Write(appended(commands(1, i+1, 1, 100)...)))
	}
	old := readFile(t, longer, "segment-0000000000000001.log")[40*4096:] // batch 40 and so on

	disk := threeSegments(t, testID)
	want := requireOpens(t, disk)
	name, end := logEnd(t, disk)
	stale := overwritten(t, disk, name, end, old[:65536-end])
	requireState(t, want, requireOpens(t, stale))
	requireGoesOn(t, stale, want)
}

// File names are hints: the headers say which segment is which.
func TestSwappedNamesDoNoHarm(t *testing.T) {
	disk := threeSegments(t, testID)
	want := requireOpens(t, disk)
	rename := func(from, to string) {
		require.NoError(t, disk.Rename(filepath.Join(testPath, from), filepath.Join(testPath, to)))
	}
	rename("segment-0000000000000001.log", "segment-00000000000000bb.log")
	rename("segment-0000000000000002.log", "segment-0000000000000001.log")
	rename("segment-00000000000000bb.log", "segment-0000000000000004.log")
	require.NoError(t, disk.SyncDir(testPath))
	requireState(t, want, requireOpens(t, disk))

	s := open(t, disk)
	for i := range engine.Index(4) { // into new segments, which take no name that is taken
		require.NoError(t, s.Write(appended(commands(1, 6+i, 1, 20_000)...)))
	}
	require.NoError(t, s.Close())
	require.Len(t, requireOpens(t, disk).Entries, 9)
}

// A rotation that did not get as far as its first batch leaves a segment that nothing depends on.
func TestInterruptedRotationIsTidiedUp(t *testing.T) {
	disk := persistence.NewMemFS()
	var moments []*persistence.MemFS
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if op == persistence.OpWrite && filepath.Base(path) == "segment-0000000000000001.log" {
			moments = append(moments, disk.Kill())
		}
	})
	s := create(t, fsys, small())
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...))) // does not fit behind the first batch
	require.Len(t, moments, 1)
	beforeSeal := moments[0]
	found, err := persistence.Inspect(beforeSeal, testPath)
	require.NoError(t, err)
	require.Equal(t, []string{"segment-0000000000000002.log"}, found.Unused)
	require.Empty(t, requireOpens(t, beforeSeal).Entries)
	require.Equal(t, []string{"segment-0000000000000001.log"}, segments(t, beforeSeal))
	s = open(t, beforeSeal)
	require.NoError(t, s.Write(appended(commands(1, 1, 3, 10)...)))
	require.NoError(t, s.Close())
	require.Len(t, requireOpens(t, beforeSeal).Entries, 3)
}

// The next segment is named when every batch so far is durable, and its header says which one it was to begin with. So
// damage to the last batch is known as damage even where the log was not taken up in that segment any more.
func TestUnusedSegmentProvesWhatWasDurable(t *testing.T) {
	disk := persistence.NewMemFS()
	var beforeSeal *persistence.MemFS
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, _ string) {
		if op == persistence.OpWrite && beforeSeal == nil && strings.Contains(filesOf(t, disk), "segment 3") {
			beforeSeal = disk.Kill()
		}
	})
	s, err := persistence.NewDir(fsys, testPath, small()).Create(testID, at(1), commands(1, 1, 1, 10))
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 2, 1, 10)...)))
	require.NoError(t, s.Write(appended(commands(1, 3, 1, 10)...)))
	require.NotNil(t, beforeSeal)
	damaged := overwritten(t, beforeSeal, "segment-0000000000000002.log", 4096, make([]byte, 4096))
	requireRefused(t, damaged, persistence.ErrCorrupt,
		"segment-0000000000000002.log, offset 4096", "segment-0000000000000003.log, offset 0")
	require.Len(t, requireOpens(t, beforeSeal).Entries, 2)
}

// Every segment opens with the state of every group, so the hard state does not vanish with an old segment. What
// was in the segments that are gone must lie below the base.
func TestOldestSegmentMayGoWhenNothingInItIsNeeded(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, small())
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
	for term := engine.Term(2); term < 6; term++ {
		b := &persistence.Batch{}
		b.SetHardState(0, engine.HardState{Term: term, Vote: 3})
		b.SetHardState(4, at(term*10))
		require.NoError(t, s.Write(b))
	}
	b := &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(1, 1), Base: position(1, 1), Keep: true})
	require.NoError(t, s.Write(b))
	require.NoError(t, s.Close())
	names := segments(t, disk)
	require.Greater(t, len(names), 3)
	for _, name := range names[:len(names)-1] {
		removeFile(t, disk, name)
	}
	s = open(t, disk)
	requireState(t, persistence.Recovered{
		HardState: engine.HardState{Term: 5, Vote: 3}, Base: position(1, 1), Commit: 1,
		Snapshot: persistence.SnapshotName{ID: 1, Position: position(1, 1)},
	}, s.Recovered(0))
	require.Equal(t, at(50), s.Recovered(4).HardState)
	require.NoError(t, s.Close())
}
