package persistence_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

var errDisk = errors.New("the disk is on fire")

// Every operation on the disk fails once, each in a run of its own, over a workload with everything that a log can go
// through. Where durability rests on the operation, the storage ends with the cause, the place is refused from then on,
// and a new process finds everything that was acknowledged. Where nothing rests on it, nobody notices.
func TestEveryFailingOperation(t *testing.T) {
	for name, c := range map[string]struct {
		fault persistence.Fault
		seed  uint64
	}{
		"on fire": {persistence.Fault{Err: errDisk, Short: 600}, 6},
		"full":    {persistence.Fault{Err: syscall.ENOSPC, Short: 5000}, 13},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopped, went := map[string]int{}, map[string]int{}
			for n := 0; ; n++ {
				f := &failingRun{T: t, n: n, fault: c.fault}
				if !f.run(c.seed) {
					require.Positive(t, f.workload.freed)
					require.Positive(t, f.workload.recycled)
					require.Positive(t, f.workload.switches)
					break
				}
				if f.harmless() {
					went[string(f.fault.Op)]++
				} else {
					stopped[string(f.fault.Op)]++
				}
			}
			t.Logf("ended the storage: %v; went unnoticed: %v", stopped, went)
			for _, op := range []persistence.Op{
				persistence.OpWrite, persistence.OpSync, persistence.OpSyncDir, persistence.OpRename, persistence.OpCreate, persistence.OpOpen,
			} {
				require.Positive(t, stopped[string(op)], op)
			}
			for _, op := range []persistence.Op{persistence.OpRename, persistence.OpOpen, persistence.OpFree} {
				require.Positive(t, went[string(op)], op)
			}
		})
	}
}

// failingRun is a workload whose n-th operation after Create fails.
type failingRun struct {
	*testing.T
	n        int
	fault    persistence.Fault
	workload workload
}

// run reports whether there is an n-th operation.
func (f *failingRun) run(seed uint64) bool {
	disk := persistence.NewMemFS()
	count := 0
	var fsys *persistence.FaultFS
	fsys = persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		switch op {
		case persistence.OpRead, persistence.OpList, persistence.OpSize, persistence.OpClose, persistence.OpLock, persistence.OpMkdirAll:
			return
		default:
		}
		if !f.workload.created {
			return
		}
		if count++; count == f.n+1 {
			f.fault.Op, f.fault.Path = op, path
			fsys.Fail(f.fault)
		}
	})
	f.workload = workload{place: persistence.NewDir(fsys, testPath, small()), seed: seed, batches: 12}
	err := f.workload.run()
	if count <= f.n {
		require.NoError(f, err)
		return false
	}
	name := fmt.Sprintf("operation %d, %s %s", f.n, f.fault.Op, f.fault.Path)
	if f.harmless() {
		require.NoError(f, err, name)
	} else {
		f.requireStopped(fsys, err, name)
	}
	f.requireRecovers(disk, name)
	return true
}

// harmless reports whether nothing rests on the operation: on giving a segment up, on the file of one that was given up,
// and on a look at how much room there is.
func (f *failingRun) harmless() bool {
	name := filepath.Base(f.fault.Path)
	switch f.fault.Op {
	case persistence.OpFree:
		return true
	case persistence.OpRename:
		return strings.HasPrefix(name, "segment-")
	case persistence.OpOpen, persistence.OpRemove:
		return strings.HasPrefix(name, "spare-")
	default:
		return false
	}
}

func (f *failingRun) requireStopped(fsys persistence.FS, err error, name string) {
	require.ErrorIs(f, err, f.fault.Err, name)
	if !errors.Is(err, persistence.ErrPoisoned) {
		require.Equal(f, persistence.OpOpen, f.fault.Op, "%s: only when nothing was written yet", name)
		return
	}
	require.ErrorContains(f, err, testPath)
	_ = f.workload.storage.Close()
	require.Error(f, f.workload.storage.Write(&persistence.Batch{}), name)
	for _, path := range []string{testPath, "/data/../data/n7/."} {
		_, openErr := persistence.NewDir(fsys, path, small()).Open(testID)
		require.ErrorIs(f, openErr, persistence.ErrPoisoned, name)
		require.ErrorIs(f, openErr, f.fault.Err, name)
	}
	_, createErr := persistence.NewDir(fsys, testPath, small()).Create(testID, at(1), nil)
	require.ErrorIs(f, createErr, persistence.ErrPoisoned, name)
}

func (f *failingRun) requireRecovers(disk *persistence.MemFS, name string) {
	for try := range uint64(2) {
		for _, next := range []*persistence.MemFS{disk.Crash(rand.New(rand.NewPCG(uint64(f.n), try))), disk.Kill()} {
			s, err := persistence.NewDir(next, testPath, small()).Open(testID)
			require.NoError(f, err, name)
			require.True(f, f.workload.shows(s.Recovered(0)), name)
			require.NoError(f, s.Close())
		}
	}
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
