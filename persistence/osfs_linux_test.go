package persistence_test

import (
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
