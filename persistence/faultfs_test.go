package persistence_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

var errBoom = errors.New("boom")

// fixedRandom returns random numbers that are the same each time.
func fixedRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// An operation that was done and is said to have failed: nobody may draw conclusions from an error.
func TestDoneAndReportedAsFailed(t *testing.T) {
	inner := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(inner, nil)
	require.NoError(t, fsys.MkdirAll(testPath))
	failed := func(op persistence.Op, do func() error) {
		t.Helper()
		fsys.Fail(persistence.Fault{Op: op, Err: errBoom, Done: true})
		require.ErrorIs(t, do(), errBoom, op)
	}
	name := testPath + "/f"
	failed(persistence.OpCreate, func() error { _, err := fsys.Create(name); return err })
	file, err := fsys.Open(name)
	require.NoError(t, err, "it exists all the same")
	failed(persistence.OpWrite, func() error {
		n, err := file.WriteAt([]byte("whole"), 0)
		require.Equal(t, 5, n)
		return err
	})
	failed(persistence.OpSync, file.Sync)
	failed(persistence.OpSyncDir, func() error { return fsys.SyncDir(testPath) })
	require.Equal(t, "whole", string(readFile(t, inner.Crash(fixedRandom(1)), "f")), "everything was synced")
	failed(persistence.OpRename, func() error { return fsys.Rename(name, testPath+"/g") })
	require.Equal(t, "whole", string(readFile(t, inner, "g")))
	failed(persistence.OpRemove, func() error { return fsys.Remove(testPath + "/g") })
	_, err = inner.Open(testPath + "/g")
	require.ErrorIs(t, err, fs.ErrNotExist)
	failed(persistence.OpLock, func() error { _, err := fsys.Lock(testPath + "/lock"); return err })
	lock, err := fsys.Lock(testPath + "/lock")
	require.NoError(t, err, "nobody holds what nobody was given")
	require.NoError(t, lock.Close())
	failed(persistence.OpClose, file.Close)
}

func TestFlippedOnTheWay(t *testing.T) {
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), nil)
	file := mustCreate(t, fsys, "f")
	data := []byte("01234567")
	fsys.Fail(persistence.Fault{Op: persistence.OpWrite, Flip: 0x03, FlipAt: 2})
	write(t, file, 0, data)
	require.Equal(t, "01234567", string(data), "the caller's bytes stay as they are")

	got := make([]byte, 8)
	read := func() string {
		_, err := file.ReadAt(got, 0)
		require.NoError(t, err)
		return string(got)
	}
	require.Equal(t, "01134567", read(), "on the disk")
	fsys.Fail(persistence.Fault{Op: persistence.OpRead, Flip: 0x01, FlipAt: 7})
	require.Equal(t, "01134566", read())
	require.Equal(t, "01134567", read(), "this one was on the way only")
	fsys.Fail(persistence.Fault{Op: persistence.OpRead, Flip: 0xff, FlipAt: 8})
	require.Equal(t, "01134567", read(), "beyond the end")
	fsys.Fail(persistence.Fault{Op: persistence.OpWrite, Short: 3, Flip: 0x01, FlipAt: 2, Err: errBoom})
	_, err := file.WriteAt([]byte("abcdefgh"), 0)
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, "abb34567", read(), "short and flipped")
}

func TestFaultsThatFireOften(t *testing.T) {
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), nil)
	file := mustCreate(t, fsys, "f")
	failures := func() (n int) {
		for range 20 {
			if err := file.Sync(); err != nil {
				require.ErrorIs(t, err, errBoom)
				n++
			}
		}
		return n
	}
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, After: 2, Times: 3, Err: errBoom})
	require.NoError(t, file.Sync())
	require.NoError(t, file.Sync())
	require.Equal(t, 3, failures())
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, Times: -1, Err: errBoom})
	require.Equal(t, 20, failures())
	require.Equal(t, 20, failures())
	fsys.Heal()
	require.Zero(t, failures())
}

// What waits in a stall holds up nobody else, and is done when the stall ends.
func TestStalledOperation(t *testing.T) {
	inner := persistence.NewMemFS()
	arrived := make(chan struct{})
	fsys := persistence.NewFaultFS(inner, func(op persistence.Op, _ string) {
		if op == persistence.OpWrite {
			close(arrived)
		}
	})
	file := mustCreate(t, fsys, "f")
	resume, done := make(chan struct{}), make(chan error)
	fsys.Fail(persistence.Fault{Op: persistence.OpWrite, Stall: resume})
	go func() {
		_, err := file.WriteAt([]byte("late"), 0)
		done <- err
	}()
	<-arrived
	size, err := file.Size() // others go on
	require.NoError(t, err)
	require.Zero(t, size)
	close(resume)
	require.NoError(t, <-done)
	size, err = file.Size()
	require.NoError(t, err)
	require.EqualValues(t, 4, size)
}
