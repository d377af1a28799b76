package persistence_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Every operation on the disk fails once, from Create on and each in a run of its own, over a workload with everything
// that a log can go through. Where durability rests on the operation, the storage ends with the cause, the place is
// refused from then on, and a new process finds everything that was acknowledged. Where nothing rests on it, nobody
// notices. An opening that only failed to read, to lock or to remove something has lost nothing and may be tried again.
func TestEveryFailingOperation(t *testing.T) {
	for name, fault := range map[string]persistence.Fault{
		"on fire":              {Err: errDisk, Short: 600},
		"full":                 {Err: syscall.ENOSPC, Short: 5000},
		"done, said to be not": {Err: errDisk, Done: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcomes := map[outcome]map[persistence.Op]int{refused: {}, retried: {}, unnoticed: {}}
			for n := 0; ; n++ {
				f := &failingRun{T: t, n: n, fault: fault}
				if !f.run(13) {
					require.Positive(t, f.workload.freed)
					require.Positive(t, f.workload.recycled)
					require.Positive(t, f.workload.switches)
					break
				}
				outcomes[f.outcome()][f.fault.Op]++
			}
			t.Logf("%v", outcomes)
			requireOutcomes(t, outcomes)
		})
	}
}

// What a crash left is in nobody's way for long: where it cannot be removed, or completed, at an opening, nothing is lost.
// The log goes on without that if it can; if it cannot, opening fails and may be tried again, in the same process.
func TestFailuresToTidyUp(t *testing.T) {
	interrupted := func(want string) func(testing.TB) *persistence.MemFS {
		return func(t testing.TB) *persistence.MemFS { return beforeNaming(t, want) }
	}
	for name, c := range map[string]struct {
		left  func(testing.TB) *persistence.MemFS
		fault persistence.Fault
		opens bool
	}{
		"identity":  {leaving("identity.tmp"), persistence.Fault{Op: persistence.OpRemove, Path: "identity.tmp"}, true},
		"spare":     {leaving("spare.tmp"), persistence.Fault{Op: persistence.OpRemove, Path: "spare.tmp"}, true},
		"freed":     {behindAGap, persistence.Fault{Op: persistence.OpRemove, Path: "segment-0000000000000001.log"}, true},
		"next":      {interrupted("segment 2"), persistence.Fault{Op: persistence.OpRemove, Path: "segment-0000000000000002.log"}, false},
		"founding":  {interrupted("segment 1"), persistence.Fault{Op: persistence.OpRename, Path: "founding.tmp"}, false},
		"last open": {leaving("spare.tmp"), persistence.Fault{Op: persistence.OpOpen, Path: ".log", After: 3}, false},
	} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, done %v", name, done), func(t *testing.T) {
				disk := c.left(t)
				fsys := persistence.NewFaultFS(disk, nil)
				c.fault.Err, c.fault.Done = errDisk, done
				fsys.Fail(c.fault)
				place := persistence.NewDir(fsys, testPath, small())
				s, err := place.Open(testID)
				if !c.opens {
					require.ErrorIs(t, err, errDisk)
					require.NotErrorIs(t, err, persistence.ErrPoisoned)
					require.ErrorContains(t, err, testPath)
					s, err = place.Open(testID)
				}
				require.NoError(t, err)
				requireUsesEveryName(t, s, disk)
			})
		}
	}
}

// requireUsesEveryName goes on with a log in a way that wants the names of whatever is in the way, and closes it.
func requireUsesEveryName(t testing.TB, s persistence.Storage, disk *persistence.MemFS) {
	t.Helper()
	state := s.Recovered(0)
	next := state.Base.Index + engine.Index(len(state.Entries)) + 1
	for i := range engine.Index(4) { // each in a segment of its own
		require.NoError(t, s.Write(appended(commands(state.HardState.Term, next+i, 1, 100)...)))
		require.NoError(t, s.Write(&persistence.Batch{}))
	}
	require.NoError(t, s.PinCluster(testID.Cluster))
	require.NoError(t, s.Close())
	require.Len(t, requireOpens(t, disk.Crash(fixedRandom(1))).Entries, len(state.Entries)+4)
	for name := range contents(t, disk) {
		require.NotContains(t, []string{"identity.tmp", "spare.tmp", "founding.tmp"}, name)
	}
	found, err := persistence.Inspect(disk, testPath)
	require.NoError(t, err)
	require.Empty(t, found.Unused)
}

// leaving returns a closed log beside a file that an interrupted attempt left.
func leaving(name string) func(testing.TB) *persistence.MemFS {
	return func(t testing.TB) *persistence.MemFS {
		disk := persistence.NewMemFS()
		unpinned := testID
		unpinned.Cluster.Founders = [16]byte{}
		s, err := persistence.NewDir(disk, testPath, small()).Create(unpinned, at(1), commands(1, 1, 1, 10))
		require.NoError(t, err)
		require.NoError(t, s.Write(appended(commands(1, 2, 2, 10)...)))
		require.NoError(t, s.Close())
		writeFile(t, disk, name, []byte("half"))
		return disk
	}
}

// behindAGap returns a log whose first segment was freed and came back.
func behindAGap(t testing.TB) *persistence.MemFS {
	l := startFreeing(t)
	l.append(3)
	oldest := readFile(t, l.disk, "segment-0000000000000001.log")
	l.snapshot(3)
	l.idle(4)
	require.NoError(t, l.storage.Close())
	writeFile(t, l.disk, "segment-0000000000000001.log", oldest)
	return l.disk
}

// beforeNaming returns what a killed process leaves that was about to make a segment's name durable.
func beforeNaming(t testing.TB, segment string) *persistence.MemFS {
	disk := persistence.NewMemFS()
	var left *persistence.MemFS
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		switch {
		case left != nil:
		case segment == "segment 1" && op == persistence.OpRename && filepath.Base(path) == "founding.tmp":
			left = disk.Kill()
		case segment == "segment 2" && op == persistence.OpSyncDir && strings.Contains(filesOf(t, disk), segment):
			left = disk.Kill()
		}
	})
	s, err := persistence.NewDir(fsys, testPath, small()).Create(testID, at(1), commands(1, 1, 1, 10))
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 2, 1, 10)...)))
	require.NotNil(t, left)
	return left
}

// outcome is what came of a failed operation.
type outcome string

const (
	refused   outcome = "refused from then on"
	retried   outcome = "could be tried again"
	unnoticed outcome = "went unnoticed"
)

// requireOutcomes holds that every operation was tried where something rests on it, and where nothing does.
func requireOutcomes(t *testing.T, outcomes map[outcome]map[persistence.Op]int) {
	for want, ops := range map[outcome][]persistence.Op{
		refused: {
			persistence.OpWrite, persistence.OpSync, persistence.OpSyncDir, persistence.OpRename, persistence.OpCreate,
			persistence.OpOpen, persistence.OpClose, persistence.OpMkdirAll,
		},
		retried: {
			persistence.OpLock, persistence.OpOpen, persistence.OpRead, persistence.OpList, persistence.OpSize,
			persistence.OpClose, persistence.OpCreate, persistence.OpWrite, persistence.OpSync, persistence.OpMkdirAll,
		},
		unnoticed: {persistence.OpRename, persistence.OpRemove, persistence.OpFree, persistence.OpOpen},
	} {
		for _, op := range ops {
			require.Positive(t, outcomes[want][op], "%s: %s", want, op)
		}
	}
}

// failingRun is a workload whose n-th operation fails.
type failingRun struct {
	*testing.T
	n        int
	fault    persistence.Fault
	workload workload
	fsys     *persistence.FaultFS
	err      error // of the workload
}

// run reports whether there is an n-th operation.
func (f *failingRun) run(seed uint64) bool {
	disk := persistence.NewMemFS()
	count := 0
	f.fsys = persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if count++; count == f.n+1 {
			f.fault.Op, f.fault.Path = op, path
			f.fsys.Fail(f.fault)
		}
	})
	f.workload = workload{place: persistence.NewDir(f.fsys, testPath, small()), seed: seed, batches: 12}
	f.err = f.workload.run()
	if count <= f.n {
		require.NoError(f, f.err)
		return false
	}
	f.requireRecovers(disk.Crash(fixedRandom(uint64(f.n))))
	f.requireRecovers(disk.Kill())
	switch f.outcome() {
	case refused:
		f.requireRefused()
	case retried:
		f.requireRetried()
	case unnoticed:
		require.True(f, f.idle(), f)
	}
	return true
}

// String tells which operation failed.
func (f *failingRun) String() string {
	return fmt.Sprintf("operation %d, %s %s: %v", f.n, f.fault.Op, f.fault.Path, f.err)
}

func (f *failingRun) outcome() outcome {
	switch {
	case f.err == nil:
		return unnoticed
	case errors.Is(f.err, persistence.ErrPoisoned):
		return refused
	default:
		return retried
	}
}

// idle reports whether nothing rests on the operation: on giving a segment up, on a file of one that was given up, and
// on a look at how much room there is.
func (f *failingRun) idle() bool {
	name := filepath.Base(f.fault.Path)
	switch f.fault.Op {
	case persistence.OpFree:
		return true
	case persistence.OpRename:
		return strings.HasPrefix(name, "segment-")
	case persistence.OpOpen, persistence.OpRemove, persistence.OpRead, persistence.OpSize, persistence.OpClose:
		return strings.HasPrefix(name, "spare-")
	default:
		return false
	}
}

// requireRefused holds that the storage is dead and that this process does not open the place again, by whatever path.
func (f *failingRun) requireRefused() {
	require.ErrorIs(f, f.err, f.fault.Err, f)
	require.ErrorContains(f, f.err, testPath)
	if f.workload.storage != nil {
		_ = f.workload.storage.Close()
		require.Error(f, f.workload.storage.Write(&persistence.Batch{}), f)
	}
	for _, path := range []string{testPath, "/data/../data/n7/."} {
		_, openErr := persistence.NewDir(f.fsys, path, small()).Open(testID)
		require.ErrorIs(f, openErr, persistence.ErrPoisoned, f)
		require.ErrorIs(f, openErr, f.fault.Err, f)
	}
	_, createErr := persistence.NewDir(f.fsys, testPath, small()).Create(testID, at(1), nil)
	require.ErrorIs(f, createErr, persistence.ErrPoisoned, f)
}

// requireRetried holds that the failure is no verdict on the directory, that nothing was written to a log that was in
// use when it occurred, and that all is well when it has gone.
func (f *failingRun) requireRetried() {
	require.ErrorIs(f, f.err, f.fault.Err, f)
	for _, verdict := range []error{persistence.ErrCorrupt, persistence.ErrForeign, persistence.ErrNewerFormat, persistence.ErrNoState} {
		require.NotErrorIs(f, f.err, verdict, f)
	}
	if f.workload.storage != nil {
		require.ErrorIs(f, f.workload.storage.Write(appended(commands(1, 1, 1, 1)...)), persistence.ErrClosed, f)
	}
	f.requireRecovers(f.fsys)
}

// requireRecovers opens what is left, or creates it if Create had not come that far.
func (f *failingRun) requireRecovers(fsys persistence.FS) {
	place := persistence.NewDir(fsys, testPath, small())
	exists, err := place.Exists()
	require.NoError(f, err, f)
	if !exists {
		require.False(f, f.workload.created, f)
		first := f.workload.states[0]
		s, err := place.Create(testID, first.HardState, first.Entries)
		require.NoError(f, err, f)
		require.NoError(f, s.Close(), f)
	}
	s, err := place.Open(testID)
	require.NoError(f, err, f)
	require.True(f, f.workload.shows(s.Recovered(0)), f)
	require.NoError(f, s.Close(), f)
}
