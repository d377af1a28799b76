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

// The bytes of format version 1 are written for ever and read for ever.
func TestGoldenDirectory(t *testing.T) {
	disk := persistence.NewMemFS()
	want := goldenHistory(t, disk)
	written := contents(t, disk)
	if *update {
		require.NoError(t, os.MkdirAll(goldenPath, 0o750))
		for name, data := range written {
			require.NoError(t, os.WriteFile(filepath.Join(goldenPath, name), []byte(data), 0o600))
		}
	}
	golden := goldenFiles(t)
	require.Len(t, golden, 4)
	for name, data := range golden {
		require.True(t, string(data) == written[name], "%s: this build writes other bytes", name)
	}

	found, err := persistence.Inspect(persistence.OS(), goldenPath)
	require.NoError(t, err)
	require.Equal(t, testID, found.Identity)
	require.Len(t, found.Groups, 2)
	for group, state := range want {
		requireState(t, state, found.Groups[group])
	}
	disk = persistence.NewMemFS()
	require.NoError(t, disk.MkdirAll(testPath))
	for name, data := range golden {
		writeFile(t, disk, name, data)
	}
	requireState(t, want[0], requireOpens(t, disk))
}

func goldenFiles(t testing.TB) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(goldenPath)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(goldenPath, e.Name()))
		require.NoError(t, err)
	}
	return files
}
