package persistence_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

var update = flag.Bool("update", false, "write the golden directories anew; only for a new format version")

const goldenPath = "testdata/format1"

// goldenHistory writes what the golden directory holds: every kind of record, a replaced suffix, three segments, two
// groups. It returns what must be read from it.
func goldenHistory(t testing.TB, fsys persistence.FS) map[persistence.Group]persistence.Recovered {
	t.Helper()
	next := uint64(0x1000)
	o := persistence.Options{SegmentSize: 24 << 10, Random: func() uint64 { next++; return next }}
	unpinned := testID
	unpinned.Cluster.Founders = [16]byte{}
	founders := engine.Entry{Term: 1, Index: 1, Kind: engine.EntryConfiguration, Data: []byte("founders")}
	s, err := persistence.NewDir(fsys, testPath, o).Create(unpinned, at(1), []engine.Entry{founders})
	require.NoError(t, err)
	require.NoError(t, s.PinCluster(testID.Cluster))

	b := &persistence.Batch{}
	b.SetHardState(0, engine.HardState{Term: 2, Vote: 7, VoteIncarnation: 0xfeed})
	b.Append(0, []engine.Entry{{Term: 2, Index: 2, Kind: engine.EntryNoOp}})
	b.Append(0, commands(2, 3, 4, 100))
	b.SetHardState(1<<33, at(5))
	require.NoError(t, s.Write(b))
	b = &persistence.Batch{}
	b.SetCommit(0, 3)
	b.SetHardState(0, engine.HardState{Term: 4, Vote: 1, VoteIncarnation: 0xbeef})
	b.Append(0, commands(4, 5, 2, 30))
	b.Append(1<<33, commands(5, 1, 3, 2000))
	require.NoError(t, s.Write(b))
	require.NoError(t, s.Write(&persistence.Batch{}))
	require.NoError(t, s.Write(appended(commands(4, 7, 1, 5000)...)))
	require.NoError(t, s.Close())

	entries := append([]engine.Entry{founders, {Term: 2, Index: 2, Kind: engine.EntryNoOp}}, commands(2, 3, 2, 100)...)
	entries = append(append(entries, commands(4, 5, 2, 30)...), commands(4, 7, 1, 5000)...)
	return map[persistence.Group]persistence.Recovered{
		0:       {HardState: engine.HardState{Term: 4, Vote: 1, VoteIncarnation: 0xbeef}, Entries: entries, Commit: 3},
		1 << 33: {HardState: at(5), Entries: commands(5, 1, 3, 2000)},
	}
}

// goldenFreed writes what the second golden directory holds: switches of both kinds, segments that begin behind freed
// ones, one of them in a file that was used before, and a spare.
func goldenFreed(t testing.TB, fsys persistence.FS) map[persistence.Group]persistence.Recovered {
	t.Helper()
	next := uint64(0x2000)
	o := persistence.Options{SegmentSize: 16 << 10, Random: func() uint64 { next++; return next }}
	s, err := persistence.NewDir(fsys, testPath, o).Create(testID, at(3), commands(1, 1, 4, 100))
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(2, 5, 4, 200)...)))
	b := &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 0xabc, Position: position(2, 6), Base: position(1, 4), Keep: true})
	b.SetHardState(9, at(7))
	b.SetSnapshot(9, persistence.SnapshotSwitch{ID: 0xdef, Position: position(6, 1000), Base: position(6, 1000)})
	b.Append(9, commands(7, 1001, 2, 10))
	require.NoError(t, s.Write(b))
	require.NoError(t, s.Write(appended(commands(3, 8, 2, 300)...)))
	b = &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 0xabe, Position: position(3, 8), Base: position(2, 7), Keep: true})
	require.NoError(t, s.Write(b))
	require.NoError(t, s.Write(&persistence.Batch{}))
	require.NoError(t, s.Close())
	return map[persistence.Group]persistence.Recovered{
		0: {
			HardState: at(3), Base: position(2, 7), Entries: commands(3, 8, 2, 300), Commit: 8,
			Snapshot: persistence.SnapshotName{ID: 0xabe, Position: position(3, 8)},
		},
		9: {
			HardState: at(7), Base: position(6, 1000), Entries: commands(7, 1001, 2, 10), Commit: 1000,
			Snapshot: persistence.SnapshotName{ID: 0xdef, Position: position(6, 1000)},
		},
	}
}

// The bytes of format version 1 are written for ever and read for ever.
func TestGoldenDirectory(t *testing.T) {
	for path, history := range map[string]func(testing.TB, persistence.FS) map[persistence.Group]persistence.Recovered{
		goldenPath: goldenHistory, goldenPath + "-freed": goldenFreed,
	} {
		t.Run(path, func(t *testing.T) {
			disk := persistence.NewMemFS()
			want := history(t, disk)
			written := contents(t, disk)
			if *update {
				writeGolden(t, path, written)
			}
			golden := goldenFiles(t, path)
			require.Len(t, golden, len(written))
			for name, data := range golden {
				require.True(t, string(data) == written[name], "%s: this build writes other bytes", name)
			}
			requireGolden(t, path, golden, want)
		})
	}
}

func writeGolden(t testing.TB, path string, files map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(path, 0o750))
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte(data), 0o600))
	}
}

func requireGolden(t testing.TB, path string, golden map[string][]byte, want map[persistence.Group]persistence.Recovered) {
	t.Helper()
	found, err := persistence.Inspect(persistence.OS(), path)
	require.NoError(t, err)
	require.Equal(t, testID, found.Identity)
	require.Len(t, found.Groups, len(want))
	for group, state := range want {
		requireState(t, state, found.Groups[group])
	}
	disk := persistence.NewMemFS()
	require.NoError(t, disk.MkdirAll(testPath))
	for name, data := range golden {
		writeFile(t, disk, name, data)
	}
	requireState(t, want[0], requireOpens(t, disk))
}

func goldenFiles(t testing.TB, path string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(path, e.Name()))
		require.NoError(t, err)
	}
	return files
}
