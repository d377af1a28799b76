package persistence_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// The order of operations is what recovery rests on: the next segment is complete, synced and named before the seal
// is written to the old one, and the seal is durable before a first batch is written to the new one.
func TestOrderOfARotation(t *testing.T) {
	var ops []string
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, path string) {
		if op == persistence.OpFree {
			return
		}
		ops = append(ops, fmt.Sprintf("%s %s", op, filepath.Base(path)))
	})
	s := create(t, fsys, small())
	ops = nil
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
	require.Equal(t, []string{
		"create spare.tmp",
		"write spare.tmp", "sync spare.tmp", // zeros
		"write spare.tmp", "sync spare.tmp", // header
		"close spare.tmp", "rename spare.tmp", "syncdir n7", // some systems do not rename open files
		"open segment-0000000000000002.log",
		"write segment-0000000000000001.log", "sync segment-0000000000000001.log", // seal
		"close segment-0000000000000001.log",
		"write segment-0000000000000002.log", "sync segment-0000000000000002.log", // checkpoint and batch
	}, ops)
}

// A batch is one write and one sync, whatever is in it.
func TestOneSyncForABatch(t *testing.T) {
	var ops []persistence.Op
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, _ string) { ops = append(ops, op) })
	s := create(t, fsys, persistence.Options{SegmentSize: 1 << 20})
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...))) // the first one looks for room
	before := s.Metrics()
	ops = nil
	b := &persistence.Batch{}
	for group := range persistence.Group(100) {
		group++
		b.SetHardState(group, at(2))
		b.Append(group, commands(2, 1, 10, 50))
	}
	require.NoError(t, s.Write(b))
	require.Equal(t, []persistence.Op{persistence.OpWrite, persistence.OpSync}, ops)
	after := s.Metrics()
	require.Equal(t, persistence.Metrics{
		Batches: before.Batches + 1, Records: before.Records + 200, Bytes: before.Bytes + 72<<10, Syncs: before.Syncs + 1,
		Room: before.Room,
	}, after)
}

// The proof of the last batch is written once, when it is asked for or at the end.
func TestIdleLogIsProvenOnce(t *testing.T) {
	writes := 0
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, _ string) {
		if op == persistence.OpWrite {
			writes++
		}
	})
	s := create(t, fsys, middling())
	count := func(do func() error) int {
		before := writes
		require.NoError(t, do())
		return writes - before
	}
	idle := func() error { return s.Write(&persistence.Batch{}) }
	require.Equal(t, 1, count(idle))
	require.Equal(t, 0, count(idle))
	require.Equal(t, 1, count(func() error { return s.Write(appended(commands(1, 1, 1, 1)...)) }))
	require.Equal(t, 1, count(idle))
	require.Equal(t, 0, count(idle))
	require.Equal(t, 1, count(func() error { return s.Write(appended(commands(1, 2, 1, 1)...)) }))
	require.Equal(t, 1, count(s.Close))

	s = open(t, fsys)
	require.Equal(t, 0, count(idle), "a clean end needs no proof")
	require.Equal(t, 0, count(s.Close))
}

// Ticks and restarts between the writes never use up the room that is kept for the seal.
func TestIdleTicksAtEveryFill(t *testing.T) {
	for gap := range 6 {
		disk := persistence.NewMemFS()
		s := create(t, disk, middling())
		for i := range engine.Index(60) {
			require.NoError(t, s.Write(appended(commands(1, i+1, 1, 100)...)))
			if int(i)%(gap+1) == 0 {
				require.NoError(t, s.Write(&persistence.Batch{}))
			}
			if int(i)%(gap+3) == 0 {
				require.NoError(t, s.Close())
				s = open(t, disk)
				require.Len(t, s.Recovered(0).Entries, int(i)+1)
			}
		}
		require.NoError(t, s.Close())
		require.Len(t, requireOpens(t, disk).Entries, 60)
	}
}

// A batch that no segment holds gets one of its own size.
func TestBatchLargerThanASegment(t *testing.T) {
	disk := persistence.NewMemFS()
	s, err := persistence.NewDir(disk, testPath, small()).Create(testID, at(1), commands(1, 1, 1, 100_000))
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 2, 1, 50_000)...)))
	require.NoError(t, s.Write(appended(commands(1, 3, 2, 10)...)))
	require.NoError(t, s.Close())
	found, err := persistence.Inspect(disk, testPath)
	require.NoError(t, err)
	var sizes []int64
	for _, info := range found.Segments {
		sizes = append(sizes, info.Size)
	}
	require.Equal(t, []int64{4096 + 102400 + 8192, 4096 + 53248 + 8192, 16384}, sizes)
	require.Len(t, found.Groups[0].Entries, 4)
}

// A segment that a crash left without a batch opens with the next one, whose checkpoint takes room as well: where both do not
// fit beside what is reserved for a proof and the seal, the log goes on in another segment.
func TestCheckpointTakesRoomAfterACrash(t *testing.T) {
	disk := persistence.NewMemFS()
	var beforeFirstBatch *persistence.MemFS
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if op == persistence.OpWrite && filepath.Base(path) == "segment-0000000000000002.log" && beforeFirstBatch == nil {
			beforeFirstBatch = disk.Kill()
		}
	})
	require.NoError(t, create(t, fsys, small()).Write(appended(commands(1, 1, 1, 10)...)))

	s, err := persistence.NewDir(beforeFirstBatch, testPath, small()).Open(testID)
	require.NoError(t, err)
	require.Empty(t, s.Recovered(0).Entries)
	entries := append(commands(1, 1, 1, block-64-48-10), commands(1, 2, 2, 10)...) // ten bytes less than a block
	for i := range entries {
		require.NoError(t, s.Write(appended(entries[i])))
		require.NoError(t, s.Write(&persistence.Batch{}))
	}
	requireState(t, persistence.Recovered{HardState: at(1), Entries: entries}, requireOpens(t, beforeFirstBatch.Kill()))
}
