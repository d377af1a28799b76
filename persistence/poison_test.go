package persistence_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

var errDisk = errors.New("the disk is on fire")

// Every operation that changes the disk fails once, each in a run of its own. The storage ends with the cause, the
// place is refused from then on, and a new process finds everything that was acknowledged.
func TestEveryFailingOperationIsFailStop(t *testing.T) {
	failed := 0
	for n := 0; ; n++ {
		fired := runUntilFault(t, n)
		if !fired {
			break
		}
		failed++
	}
	require.Greater(t, failed, 60)
}

// runUntilFault runs a workload in which the n-th change after Create fails. It reports whether there is one.
func runUntilFault(t *testing.T, n int) bool {
	t.Helper()
	disk := persistence.NewMemFS()
	count, fired := -1, persistence.Op("")
	var fsys *persistence.FaultFS
	fsys = persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		switch op {
		case persistence.OpWrite, persistence.OpSync, persistence.OpSyncDir, persistence.OpRename, persistence.OpCreate:
		default:
			return
		}
		if op == persistence.OpRename && filepath.Base(path) != "spare.tmp" {
			return // to free a segment: see TestFailuresToFreeAreNobodys
		}
		if count >= 0 {
			count++
		}
		if count == n+1 {
			fired = op
			fsys.Fail(persistence.Fault{Op: op, Path: path, Short: 600, Err: errDisk})
		}
	})
	s := create(t, fsys, small())
	count = 0
	acked, err := writeUntilError(s)
	if err == nil {
		err = s.Close() // which changes something, too
	} else {
		requireDead(t, s, err)
	}
	if fired == "" {
		require.NoError(t, err)
		return false
	}
	require.ErrorIs(t, err, persistence.ErrPoisoned)
	name := fmt.Sprintf("operation %d, %s", n, fired)
	_, openErr := persistence.NewDir(fsys, "/data/../data/n7/.", small()).Open(testID)
	require.ErrorIs(t, openErr, persistence.ErrPoisoned, name)
	require.ErrorIs(t, openErr, errDisk, name)
	_, openErr = persistence.NewDir(fsys, testPath, small()).Create(testID, at(1), nil)
	require.ErrorIs(t, openErr, persistence.ErrPoisoned, name)

	for try := range uint64(3) {
		next := disk.Crash(rand.New(rand.NewPCG(uint64(n), try)))
		got := requireOpens(t, next)
		require.GreaterOrEqual(t, len(got.Entries), acked, name)
		require.LessOrEqual(t, len(got.Entries), acked+1, name)
	}
	require.GreaterOrEqual(t, len(requireOpens(t, disk.Kill()).Entries), acked, name)
	return true
}

func writeUntilError(s persistence.Storage) (acked int, err error) {
	for i := range engine.Index(12) {
		if err := s.Write(appended(commands(1, i+1, 1, 100+3000*int(i%2))...)); err != nil {
			return acked, err
		}
		acked++
	}
	return acked, nil
}

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
