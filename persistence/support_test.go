package persistence_test

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

const testPath = "/data/n7"

var testID = persistence.Identity{
	Cluster:     engine.ClusterID{Name: "test", Founders: [16]byte{1}},
	Node:        7,
	Incarnation: 0xfeed,
}

var openings atomic.Uint64

// small keeps segments at 16 KiB: a header, one small batch, an empty one and the seal. No two openings draw the same
// use-ids.
func small() persistence.Options {
	random := rand.New(rand.NewPCG(3, openings.Add(1)))
	return persistence.Options{SegmentSize: 16 << 10, Random: random.Uint64}
}

// middling has room for a dozen small batches in a segment.
func middling() persistence.Options {
	o := small()
	o.SegmentSize = 64 << 10
	return o
}

func at(term engine.Term) engine.HardState { return engine.HardState{Term: term} }

func position(term engine.Term, index engine.Index) engine.Position {
	return engine.Position{Term: term, Index: index}
}

// commands returns count command entries of size bytes.
func commands(term engine.Term, first engine.Index, count, size int) []engine.Entry {
	entries := make([]engine.Entry, count)
	for i := range entries {
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(int(term)*31 + int(first) + i + j)
		}
		entries[i] = engine.Entry{Term: term, Index: first + engine.Index(i), Kind: engine.EntryCommand, Data: data}
	}
	return entries
}

func appended(entries ...engine.Entry) *persistence.Batch {
	b := &persistence.Batch{}
	b.Append(0, entries)
	return b
}

func create(t testing.TB, fsys persistence.FS, o persistence.Options) persistence.Storage {
	t.Helper()
	s, err := persistence.NewDir(fsys, testPath, o).Create(testID, at(1), nil)
	require.NoError(t, err)
	return s
}

func open(t testing.TB, fsys persistence.FS) persistence.Storage {
	t.Helper()
	s, err := persistence.NewDir(fsys, testPath, middling()).Open(testID)
	require.NoError(t, err)
	return s
}

// requireOpens opens the directory and returns what is in it.
func requireOpens(t testing.TB, fsys persistence.FS) persistence.Recovered {
	t.Helper()
	s := open(t, fsys)
	got := s.Recovered(0)
	require.NoError(t, s.Close())
	return got
}

// requireRefused opens the directory, which must fail with want, name what it must name, and change nothing.
func requireRefused(t testing.TB, fsys *persistence.MemFS, want error, facts ...string) {
	t.Helper()
	before := contents(t, fsys)
	_, err := persistence.NewDir(fsys, testPath, middling()).Open(testID)
	require.ErrorIs(t, err, want)
	for _, fact := range facts {
		require.ErrorContains(t, err, fact)
	}
	require.Equal(t, before, contents(t, fsys), "a refused directory is not touched")
}

// contents reads every file of the directory but the lock.
func contents(t testing.TB, fsys persistence.FS) map[string]string {
	t.Helper()
	names, err := fsys.List(testPath)
	require.NoError(t, err)
	all := map[string]string{}
	for _, name := range names {
		if name != "lock" {
			all[name] = string(readFile(t, fsys, name))
		}
	}
	return all
}

func readFile(t testing.TB, fsys persistence.FS, name string) []byte {
	t.Helper()
	file, err := fsys.OpenRead(filepath.Join(testPath, name))
	require.NoError(t, err)
	size, err := file.Size()
	require.NoError(t, err)
	data := make([]byte, size)
	if size > 0 {
		_, err = file.ReadAt(data, 0)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	return data
}

// writeFile replaces or makes a file, durably.
func writeFile(t testing.TB, fsys persistence.FS, name string, data []byte) {
	t.Helper()
	path := filepath.Join(testPath, name)
	if err := fsys.Remove(path); err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	file, err := fsys.Create(path)
	require.NoError(t, err)
	_, err = file.WriteAt(data, 0)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, file.Close())
	require.NoError(t, fsys.SyncDir(testPath))
}

func removeFile(t testing.TB, fsys persistence.FS, name string) {
	t.Helper()
	require.NoError(t, fsys.Remove(filepath.Join(testPath, name)))
	require.NoError(t, fsys.SyncDir(testPath))
}

// segments returns the names of the segments, in order.
func segments(t testing.TB, fsys persistence.FS) []string {
	t.Helper()
	found, err := persistence.Inspect(fsys, testPath)
	require.NoError(t, err)
	var names []string
	for _, s := range found.Segments {
		names = append(names, s.Name)
	}
	return names
}

// sameState compares two states, taking data of no bytes for equal.
func sameState(a, b persistence.Recovered) bool {
	if a.HardState != b.HardState || a.Base != b.Base || a.Commit != b.Commit || a.Snapshot != b.Snapshot || len(a.Entries) != len(b.Entries) {
		return false
	}
	for i := range a.Entries {
		x, y := a.Entries[i], b.Entries[i]
		if x.Position() != y.Position() || x.Kind != y.Kind || string(x.Data) != string(y.Data) {
			return false
		}
	}
	return true
}

func requireState(t testing.TB, want, got persistence.Recovered) {
	t.Helper()
	if !sameState(want, got) {
		require.Equal(t, want, got)
	}
}
