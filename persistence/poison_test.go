package persistence_test

import (
	"errors"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

var errDisk = errors.New("the disk is on fire")

func requireDead(t *testing.T, s persistence.Storage, first error) {
	t.Helper()
	require.ErrorIs(t, first, persistence.ErrPoisoned)
	require.ErrorIs(t, first, errDisk)
	require.ErrorContains(t, first, testPath)
	require.Equal(t, first, s.Write(appended(commands(1, 1, 1, 1)...)))
	require.Equal(t, first, s.Write(&persistence.Batch{}))
	require.Equal(t, first, s.PinCluster(testID.Cluster))
	_ = s.Close()
}

// Failing to open a file for writing has lost nothing.
func TestUnwritableDirectoryIsNotPoisoned(t *testing.T) {
	disk := persistence.NewMemFS()
	require.NoError(t, create(t, disk, small()).Close())
	fsys := persistence.NewFaultFS(disk, nil)
	fsys.Fail(persistence.Fault{Op: persistence.OpOpen, Path: ".log", After: 1, Err: errDisk})
	_, err := persistence.NewDir(fsys, testPath, small()).Open(testID)
	require.ErrorIs(t, err, errDisk)
	require.NotErrorIs(t, err, persistence.ErrPoisoned)
	requireOpens(t, fsys)
}

// Failures while reading are not damage: nothing is judged by them.
func TestReadErrorsAreNotCorruption(t *testing.T) {
	disk := threeSegments(t, testID)
	for n := range 20 {
		fsys := persistence.NewFaultFS(disk.Kill(), nil)
		fsys.Fail(persistence.Fault{Op: persistence.OpRead, After: n, Err: errDisk})
		_, err := persistence.NewDir(fsys, testPath, small()).Open(testID)
		if err == nil {
			require.Greater(t, n, 6)
			return
		}
		require.ErrorIs(t, err, errDisk)
		require.NotErrorIs(t, err, persistence.ErrCorrupt)
	}
	require.Fail(t, "the workload has fewer reads than that")
}

// Places are told apart by file system and path.
func TestPoisonIsLocal(t *testing.T) {
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), nil)
	s := create(t, fsys, small())
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
	require.ErrorIs(t, s.Write(appended(commands(1, 1, 1, 1)...)), persistence.ErrPoisoned)
	require.NoError(t, s.Close())

	other, err := persistence.NewDir(fsys, "/data/n8", small()).Create(testID, at(1), nil)
	require.NoError(t, err)
	require.NoError(t, other.Close())
	require.NoError(t, create(t, persistence.NewMemFS(), small()).Close())
}

// The one who holds the directory may fail while another waits for its lock.
func TestPoisonedWhileWaitingForTheLock(t *testing.T) {
	for name, opening := range map[string]func(*persistence.Dir) (persistence.Storage, error){
		"open":   func(d *persistence.Dir) (persistence.Storage, error) { return d.Open(testID) },
		"create": func(d *persistence.Dir) (persistence.Storage, error) { return d.Create(testID, at(1), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			armed := false
			var s persistence.Storage
			var fsys *persistence.FaultFS
			fsys = persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, _ string) {
				if op != persistence.OpLock || !armed {
					return
				}
				armed = false
				fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
				require.ErrorIs(t, s.Write(appended(commands(1, 1, 1, 10)...)), persistence.ErrPoisoned)
				require.NoError(t, s.Close())
			})
			s = create(t, fsys, small())
			armed = true
			_, err := opening(persistence.NewDir(fsys, testPath, small()))
			require.ErrorIs(t, err, persistence.ErrPoisoned)
			lock, err := fsys.Lock(testPath + "/lock")
			require.NoError(t, err, "and the lock is free again")
			require.NoError(t, lock.Close())
		})
	}
}

// A file system in memory is forgotten with its last user, poisoned or not.
func TestPoisonKeepsNoFileSystemAlive(t *testing.T) {
	var disk weak.Pointer[persistence.MemFS]
	var faulty weak.Pointer[persistence.FaultFS]
	func() {
		memory := persistence.NewMemFS()
		fsys := persistence.NewFaultFS(memory, nil)
		s := create(t, fsys, small())
		fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
		require.ErrorIs(t, s.Write(appended(commands(1, 1, 1, 1)...)), persistence.ErrPoisoned)
		require.NoError(t, s.Close())
		disk, faulty = weak.Make(memory), weak.Make(fsys)
	}()
	for range 10 {
		runtime.GC()
	}
	require.Nil(t, disk.Value())
	require.Nil(t, faulty.Value())
}

// opaqueFS is a user's file system whose values cannot be compared, though its type looks as if they could.
type opaqueFS struct{ persistence.FS }

type unequal struct {
	persistence.FS
	_ func()
}

// What cannot be compared cannot be told apart either: then the path alone decides.
func TestPoisonOfFileSystemsThatCannotBeCompared(t *testing.T) {
	path := t.TempDir()
	fault := persistence.NewFaultFS(persistence.NewMemFS(), nil)
	s, err := persistence.NewDir(opaqueFS{unequal{FS: fault}}, path, small()).Create(testID, at(1), nil)
	require.NoError(t, err)
	fault.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
	require.ErrorIs(t, s.Write(appended(commands(1, 1, 1, 1)...)), persistence.ErrPoisoned)
	require.NoError(t, s.Close())
	_, err = persistence.NewDir(opaqueFS{unequal{FS: fault}}, path, small()).Open(testID)
	require.ErrorIs(t, err, persistence.ErrPoisoned)
}

// Closing and measuring files can fail as well.
func TestFailingCloseAndSize(t *testing.T) {
	disk := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(disk, nil)
	s := create(t, fsys, small())
	fsys.Fail(persistence.Fault{Op: persistence.OpClose, Err: errDisk})
	require.ErrorIs(t, s.Close(), errDisk)

	fsys.Fail(persistence.Fault{Op: persistence.OpSize, Err: errDisk})
	_, err := persistence.NewDir(fsys, testPath, small()).Open(testID)
	require.ErrorIs(t, err, errDisk)
	require.NotErrorIs(t, err, persistence.ErrCorrupt, "not judged by it")

	s = open(t, fsys) // neither kept the lock
	for _, name := range []string{"spare.tmp", "segment-0000000000000001.log"} {
		next := persistence.NewFaultFS(disk.Kill(), nil)
		s, err := persistence.NewDir(next, testPath, small()).Open(testID)
		require.NoError(t, err)
		next.Fail(persistence.Fault{Op: persistence.OpClose, Path: name, Err: errDisk})
		requireDead(t, s, s.Write(appended(commands(1, 1, 1, 10)...)))
	}
	require.NoError(t, s.Close())
}
