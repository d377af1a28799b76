package persistence_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Segments are freed oldest first, one at a time, after the switch is durable, and up to the first one that holds an
// entry above the base.
func TestSegmentsBelowTheBaseAreFreed(t *testing.T) {
	l := startFreeing(t)
	l.append(6)
	l.snapshot(4)
	require.Equal(t, "segment 1, segment 2, segment 3, segment 4, segment 5, segment 6, segment 7, segment 8", l.files())
	for _, want := range []string{
		"segment 2, segment 3, segment 4, segment 5, segment 6, segment 7, segment 8, spare 1",
		"segment 3, segment 4, segment 5, segment 6, segment 7, segment 8, spare 1, spare 2",
		"segment 4, segment 5, segment 6, segment 7, segment 8, spare 1, spare 2, spare 3",
		"segment 5, segment 6, segment 7, segment 8, spare 1, spare 2, spare 3, spare 4",
		"segment 5, segment 6, segment 7, segment 8, spare 1, spare 2, spare 3, spare 4",
	} {
		l.idle(1)
		require.Equal(t, want, l.files())
		l.requireSurvives()
	}
	require.EqualValues(t, 4, l.storage.Metrics().Freed)
	l.reopen()
}

// Nothing is written to a freed segment before its new name is durable: otherwise a crash could bring it back as a
// segment with another content. No sync is made for the names alone.
func TestFreedSegmentsAreUsedAgain(t *testing.T) {
	l := startFreeing(t)
	l.append(2)
	l.snapshot(3)
	l.ops = nil
	l.idle(3)
	require.Equal(t, []string{
		"sync segment 4", // an empty batch
		"rename segment 1", "rename segment 2", "rename segment 3",
	}, l.ops)
	l.ops = nil
	l.append(1)
	require.Equal(t, []string{
		"syncdir n7", "open spare 1", "sync spare 1", "rename spare 1", "syncdir n7", "open segment 5",
		"sync segment 4", "sync segment 5",
	}, l.ops)
	l.ops = nil
	l.append(1)
	require.Equal(t, []string{
		"rename segment 4", // only the switch was in it
		"open spare 2", "sync spare 2", "rename spare 2", "syncdir n7", "open segment 6", "sync segment 5", "sync segment 6",
	}, l.ops, "the other names are durable by now")
	for range 2 { // spare 4 was named before the last rotation, which synced the directory
		l.ops = nil
		l.append(1)
		require.Equal(t, 1, strings.Count(strings.Join(l.ops, ", "), "syncdir"))
	}
	require.EqualValues(t, 4, l.storage.Metrics().Recycled)
	l.requireSurvives()
	l.reopen()
}

// A log that goes round lives on a bounded number of files, and makes no new ones.
func TestRecyclingIsBounded(t *testing.T) {
	l := startFreeing(t)
	l.append(10)
	l.snapshot(l.last())
	l.idle(12)
	require.Equal(t, "segment c, spare 1, spare 2, spare 3, spare 4", l.files(), "the others are removed")
	l.ops = nil
	for range 30 {
		l.append(2)
		l.snapshot(l.last())
	}
	l.idle(4)
	require.NotContains(t, strings.Join(l.ops, ", "), "create")
	require.LessOrEqual(t, strings.Count(l.files(), ","), 4)
	require.EqualValues(t, 90, l.storage.Metrics().Recycled)
	l.reopen()
	l.append(3)
	l.reopen()
}

// Entries whose last copy is in an old segment keep it and all that follow, also if others beside them were replaced.
func TestReplacedEntriesNeedTheirSegmentsNoMore(t *testing.T) {
	l := startFreeing(t)
	l.append(5)
	replace := func(from engine.Index) {
		l.want.HardState.Term++
		l.want.Entries = l.want.Entries[:from-1-l.want.Base.Index]
		b := &persistence.Batch{}
		b.SetHardState(0, l.want.HardState)
		b.Append(0, commands(l.want.HardState.Term, from, 1, 10))
		l.want.Entries = append(l.want.Entries, commands(l.want.HardState.Term, from, 1, 10)...)
		require.NoError(t, l.storage.Write(b))
	}
	replace(3) // segment 7 has what 3 to 6 had
	l.idle(5)
	require.Equal(t, "segment 1, segment 2, segment 3, segment 4, segment 5, segment 6, segment 7", l.files())
	l.requireSurvives()
	replace(1) // and now segment 8 has it all
	l.idle(10)
	require.Equal(t, "segment 8, spare 1, spare 2, spare 3, spare 4", l.files())
	l.requireSurvives()
	l.append(1)
	l.reopen()
}

// Every group must be done with a segment.
func TestSlowestGroupDecides(t *testing.T) {
	l := startFreeing(t)
	b := &persistence.Batch{}
	b.SetHardState(5, at(1))
	b.Append(5, commands(1, 1, 1, 10))
	require.NoError(t, l.storage.Write(b)) // in segment 2
	l.append(3)
	l.snapshot(4)
	l.idle(5)
	require.Equal(t, "segment 2, segment 3, segment 4, segment 5, segment 6, spare 1", l.files())
	b = &persistence.Batch{}
	b.SetSnapshot(5, persistence.SnapshotSwitch{ID: 1, Position: position(1, 1), Base: position(1, 1)})
	require.ErrorIs(t, l.storage.Write(b), nil)
	l.idle(5)
	require.Equal(t, "segment 7, spare 2, spare 3, spare 4, spare 5", l.files(), "spare 1 is segment 7 by now")
	l.reopen()
}

// No failure to free a segment reaches anybody. It is tried again, oldest first.
func TestFailuresToFreeAreNobodys(t *testing.T) {
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprintf("renamed all the same %v", done), func(t *testing.T) {
			l := startFreeing(t)
			l.append(3)
			l.snapshot(4)
			for range 2 {
				l.fsys.Fail(persistence.Fault{Op: persistence.OpRename, Path: "segment", Err: errDisk})
			}
			l.idle(2)
			require.Equal(t, "segment 1, segment 2, segment 3, segment 4, segment 5", l.files())
			if done {
				require.NoError(t, l.disk.Rename(testPath+"/segment-0000000000000001.log", testPath+"/spare-0000000000000001.tmp"))
			}
			l.requireSurvives()
			l.idle(2)
			require.Equal(t, "segment 3, segment 4, segment 5, spare 1, spare 2", l.files())
			l.append(6)
			l.requireSurvives()
			l.reopen()
		})
	}
	t.Run("removal", func(t *testing.T) {
		l := startFreeing(t)
		l.append(7)
		l.snapshot(8)
		l.idle(4)
		l.fsys.Fail(persistence.Fault{Op: persistence.OpRemove, Path: "spare", Err: errDisk})
		l.idle(1)
		require.Equal(t, "segment 6, segment 7, segment 8, segment 9, spare 1, spare 2, spare 3, spare 4, spare 5", l.files())
		l.idle(1)
		require.Equal(t, "segment 7, segment 8, segment 9, spare 1, spare 2, spare 3, spare 4, spare 6", l.files())
		l.idle(4)
		require.Equal(t, "segment 9, spare 1, spare 2, spare 3, spare 4", l.files())
		l.reopen()
	})
}

// A spare that does not open is passed over. Where the directory cannot be synced nothing is known any more.
func TestFailuresToUseAFreedSegment(t *testing.T) {
	l := startFreeing(t)
	l.append(2)
	l.snapshot(3)
	l.idle(2)
	l.fsys.Fail(persistence.Fault{Op: persistence.OpOpen, Path: "spare-0000000000000001", Err: errDisk})
	l.append(1)
	require.EqualValues(t, 1, l.storage.Metrics().Recycled)
	require.Equal(t, "segment 4, segment 5, spare 1, spare 3", l.files(), "spare 2 was used")
	l.reopen()
	l.append(2)
	require.EqualValues(t, 2, l.storage.Metrics().Recycled, "and spare 1 is tried again after a restart")

	l = startFreeing(t)
	l.append(2)
	l.snapshot(3)
	l.idle(2)
	l.fsys.Fail(persistence.Fault{Op: persistence.OpSyncDir, Err: errDisk})
	requireDead(t, l.storage, l.storage.Write(appended(commands(1, 4, 1, 10)...)))
	requireState(t, l.want, requireOpens(t, l.disk.Kill()))
	l.requireSurvives()
}

// A crash may undo some of the renames and removals and not others. What is behind a gap is tidied up; it counts for
// nothing, even if what is in it could be read.
func TestFreedSegmentsThatComeBack(t *testing.T) {
	l := startFreeing(t)
	l.append(7)
	l.snapshot(8)
	before := l.disk.Kill()
	l.idle(8)
	require.Equal(t, "segment 9, spare 1, spare 2, spare 3, spare 4", l.files())
	for _, back := range [][]string{{"1"}, {"8"}, {"1", "3"}, {"2", "3", "7", "8"}, {"5", "6", "7", "8"}, {"6"}} {
		left := l.disk.Kill()
		for _, number := range back {
			name := fmt.Sprintf("segment-000000000000000%s.log", number)
			writeFile(t, left, name, readFile(t, before, name))
			if err := left.Remove(testPath + "/spare-000000000000000" + number + ".tmp"); err != nil {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
		}
		require.NoError(t, left.SyncDir(testPath))
		requireState(t, l.want, requireOpens(t, left))
		found, err := persistence.Inspect(left, testPath)
		require.NoError(t, err)
		require.Empty(t, found.Unused, "tidied up")
		requireGoesOnAfter(t, left, l.want)
	}
}

// A crash between the seal and the first batch of the next segment leaves a segment that opens with no checkpoint yet.
// Until it has one the sealed segment stays, even if no entry in it is needed.
func TestSealedSegmentStaysUntilTheNextHasACheckpoint(t *testing.T) {
	l := startFreeing(t)
	l.append(1)
	l.snapshot(2)
	var moment *persistence.MemFS
	fsys := persistence.NewFaultFS(l.disk, func(op persistence.Op, path string) {
		if op == persistence.OpWrite && brief(path) == "segment 4" {
			moment = l.disk.Kill()
		}
	})
	require.NoError(t, l.storage.Close())
	s, err := persistence.NewDir(fsys, testPath, small()).Open(testID)
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 3, 1, 10)...)))
	require.NotNil(t, moment)

	l.disk, l.fsys = moment, persistence.NewFaultFS(moment, nil)
	l.storage, err = persistence.NewDir(l.fsys, testPath, small()).Open(testID)
	require.NoError(t, err)
	l.idle(5)
	require.Equal(t, "segment 3, segment 4, spare 2", l.files())
	l.requireSurvives()
	l.append(1)
	l.idle(5)
	require.Equal(t, "segment 4, spare 2, spare 3", l.files())
	l.requireSurvives()
	l.reopen()
}

func requireGoesOnAfter(t testing.TB, fsys *persistence.MemFS, want persistence.Recovered) {
	t.Helper()
	s, err := persistence.NewDir(fsys, testPath, small()).Open(testID)
	require.NoError(t, err)
	for range 12 {
		last := want.Base.Index + engine.Index(len(want.Entries))
		more := commands(want.HardState.Term, last+1, 1, 10)
		require.NoError(t, s.Write(appended(more...)))
		want.Entries = append(want.Entries, more...)
	}
	require.NoError(t, s.Close())
	requireState(t, want, requireOpens(t, fsys))
}

// Where a segment is missing that holds entries above the base, no gap excuses it.
func TestGapAboveTheBase(t *testing.T) {
	l := startFreeing(t)
	l.append(5)
	l.snapshot(2)
	require.NoError(t, l.storage.Close())
	for _, name := range []string{"segment-0000000000000003.log", "segment-0000000000000005.log"} {
		left := l.disk.Kill()
		removeFile(t, left, name)
		requireRefused(t, left, persistence.ErrCorrupt, "missing", "entries 3..", "number")
	}
	left := l.disk.Kill()
	removeFile(t, left, "segment-0000000000000002.log")
	requireState(t, l.want, requireOpens(t, left))
}

// Files that only look like freed segments are removed: one of another size, of another node, cut short, or damaged.
func TestSparesThatAreNone(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	require.NoError(t, l.storage.Close())
	good := readFile(t, l.disk, "spare-0000000000000004.tmp")
	require.Len(t, good, 16<<10)
	wiped := testID
	wiped.Incarnation++
	stranger := persistence.NewMemFS()
	_, err := persistence.NewDir(stranger, testPath, small()).Create(wiped, at(1), nil)
	require.NoError(t, err)
	removeFile(t, l.disk, "spare-0000000000000003.tmp")
	removeFile(t, l.disk, "spare-0000000000000004.tmp")
	for name, data := range map[string][]byte{
		"spare-00000000000000a1.tmp": readFile(t, threeSegments(t, testID), "segment-0000000000000001.log"),
		"spare-00000000000000a2.tmp": readFile(t, stranger, "segment-0000000000000001.log"),
		"spare-00000000000000a3.tmp": good[:len(good)-1],
		"spare-00000000000000a4.tmp": append([]byte{1}, good[1:]...),
		"spare-00000000000000a5.tmp": nil,
	} {
		writeFile(t, l.disk, name, data)
	}
	s, err := persistence.NewDir(l.fsys, testPath, small()).Open(testID)
	require.NoError(t, err)
	l.storage = s
	l.idle(5)
	require.Equal(t, "segment 5, spare 1, spare 2", l.files())
	l.append(8)
	require.Contains(t, l.files(), "segment a6", "no name is used twice")
	l.reopen()
}

// A smaller or larger segment size takes no spares of the other.
func TestSparesOfAnotherSize(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	require.NoError(t, l.storage.Close())
	l.storage = open(t, l.disk) // with segments of 64 KiB
	requireState(t, l.want, l.storage.Recovered(0))
	l.idle(4)
	require.Equal(t, "segment 5", l.files())
	require.NoError(t, l.storage.Close())
}

// A batch that is larger than a segment makes a spare larger, and that is not kept.
func TestRecycledSegmentThatGrows(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	entries := commands(1, 5, 1, 100_000)
	require.NoError(t, l.storage.Write(appended(entries...)))
	l.want.Entries = append(l.want.Entries, entries...)
	require.EqualValues(t, 1, l.storage.Metrics().Recycled)
	l.reopen()
	l.append(1)
	l.snapshot(6)
	l.idle(8)
	require.NotContains(t, l.files(), "segment 6")
	require.NotContains(t, l.files(), "spare 6")
	l.reopen()
}

// A snapshot may free many segments at once, of a log that is never idle. No batch waits for more than one rename, and
// only the first of a segment for a removal; in the end no more are left than are kept.
func TestFreeingHoldsUpFewBatches(t *testing.T) {
	disk := persistence.NewMemFS()
	frees, removals, rotations := 0, 0, 0
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		name := brief(path)
		switch {
		case op == persistence.OpRename && strings.HasPrefix(name, "segment"):
			frees++
		case op == persistence.OpRename:
			rotations++
		case op == persistence.OpRemove:
			removals++
		}
	})
	s := create(t, fsys, middling())
	last := engine.Index(0)
	appendOne := func() {
		last++
		require.NoError(t, s.Write(appended(commands(1, last, 1, 100)...)))
	}
	for rotations < 20 {
		appendOne()
	}
	b := &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(1, last), Base: position(1, last), Keep: true})
	require.NoError(t, s.Write(b))
	total, first := 0, false
	for range 200 {
		frees, removals, rotations = 0, 0, 0
		appendOne()
		require.LessOrEqual(t, frees, 1)
		if removals > 0 {
			require.Equal(t, 1, removals)
			require.True(t, first, "just behind a rotation")
		}
		total, first = total+removals, rotations > 0
	}
	require.Greater(t, total, 5)
	require.NoError(t, s.Close())
	require.LessOrEqual(t, strings.Count(filesOf(t, disk), "spare"), 4)
	requireState(t, persistence.Recovered{
		HardState: at(1), Base: position(1, last-200), Entries: commands(1, last-199, 200, 100), Commit: last - 200,
		Snapshot: persistence.SnapshotName{ID: 1, Position: position(1, last-200)},
	}, requireOpens(t, disk))
}

// Entries below the base keep no segment either once what stood beside them was replaced: the one is said by a switch, the
// other by later entries, and whichever comes last, the segment is free.
func TestReplacedBesideEntriesBelowTheBase(t *testing.T) {
	l := startFreeing(t)
	entries := commands(1, 2, 2, 10)
	require.NoError(t, l.storage.Write(appended(entries...))) // segment 2 has entries 2 and 3
	l.want.Entries = append(l.want.Entries, entries...)
	l.snapshot(2) // segment 3
	l.want.HardState.Term++
	instead := commands(2, 3, 1, 10)
	b := &persistence.Batch{}
	b.SetHardState(0, l.want.HardState)
	b.Append(0, instead)
	require.NoError(t, l.storage.Write(b)) // segment 4 has what is left of 2 and 3: the second
	l.want.Entries = instead
	l.idle(5)
	require.Equal(t, "segment 4, spare 2, spare 3", l.files(), "what was spare 1 is segment 4")
	l.requireSurvives()
	l.reopen()
}
