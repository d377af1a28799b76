package persistence_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

// What procfs refuses to sync shows that a sync is asked for at all, and that its failure is told.
func TestSyncsReachTheSystem(t *testing.T) {
	fsys := persistence.OS()
	require.Error(t, fsys.SyncDir("/proc"))
	require.Error(t, fsys.SyncDir("/proc/no/such/directory"))
	file, err := fsys.OpenRead("/proc/self/status")
	require.NoError(t, err)
	require.Error(t, file.Sync())
	require.NoError(t, file.Close())
}

// A directory is reached through parents of any kind. Those that know no sync are passed over; the data directory
// itself is not.
func TestParentsThatCannotBeSynced(t *testing.T) {
	t.Chdir(t.TempDir())
	place := persistence.NewDir(persistence.OS(), "/proc/self/cwd/n1", small())
	s, err := place.Create(testID, at(1), nil)
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
	require.NoError(t, s.Close())
	s, err = place.Open(testID)
	require.NoError(t, err)
	require.Len(t, s.Recovered(0).Entries, 1)
	require.NoError(t, s.Close())
}

// A path that leads through a link and back names one directory for everything: for the files, their names, and the sync that
// makes those durable.
func TestPathThroughALinkAndBack(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "far", "away"), 0o750))
	require.NoError(t, os.Symlink(filepath.Join(root, "far", "away"), filepath.Join(root, "link")))
	for _, parent := range []string{root, filepath.Join(root, "far")} { // either may be there already
		require.NoError(t, os.MkdirAll(filepath.Join(parent, "n1"), 0o750))
	}
	path := filepath.Join(root, "link") + "/../n1"
	s, err := persistence.NewDir(persistence.OS(), path, small()).Create(testID, at(1), commands(1, 1, 2, 10))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	for _, path := range []string{path, filepath.Join(root, "n1")} {
		place := persistence.NewDir(persistence.OS(), path, small())
		require.Equal(t, filepath.Join(root, "n1"), place.String())
		s, err = place.Open(testID)
		require.NoError(t, err)
		require.Len(t, s.Recovered(0).Entries, 2)
		require.NoError(t, s.Close())
		found, err := persistence.Inspect(persistence.OS(), path)
		require.NoError(t, err)
		require.Len(t, found.Segments, 1)
	}
}

// No path is none, and not the current directory.
func TestNoPath(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := persistence.NewDir(persistence.OS(), "", small()).Create(testID, at(1), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	names, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, names)
}

// A link to a poisoned directory leads to the same directory.
func TestPoisonFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	there, link := filepath.Join(dir, "there"), filepath.Join(dir, "link")
	fsys := persistence.NewFaultFS(persistence.OS(), nil)
	s, err := persistence.NewDir(fsys, there, small()).Create(testID, at(1), nil)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(there, link))
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
	require.ErrorIs(t, s.Write(appended(commands(1, 1, 1, 1)...)), persistence.ErrPoisoned)
	require.NoError(t, s.Close())
	_, err = persistence.NewDir(fsys, link, small()).Open(testID)
	require.ErrorIs(t, err, persistence.ErrPoisoned)
}
