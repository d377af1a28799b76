package persistence_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

func mustCreate(t testing.TB, fsys persistence.FS, path string) persistence.File {
	t.Helper()
	file, err := fsys.Create(path)
	require.NoError(t, err)
	return file
}

func write(t testing.TB, file persistence.File, offset int64, data []byte) {
	t.Helper()
	n, err := file.WriteAt(data, offset)
	require.NoError(t, err)
	require.Equal(t, len(data), n)
}

// All file systems behave alike as far as a running process can see.
func TestFileSystems(t *testing.T) {
	for name, fsys := range map[string]persistence.FS{
		"os": persistence.OS(), "memory": persistence.NewMemFS(), "fault": persistence.NewFaultFS(persistence.NewMemFS(), nil),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/x/y"
			require.NoError(t, fsys.MkdirAll(dir))
			require.NoError(t, fsys.MkdirAll(dir), "again")
			file := mustCreate(t, fsys, dir+"/b")
			_, err := fsys.Create(dir + "/b")
			require.ErrorIs(t, err, fs.ErrExist)
			write(t, file, 10, []byte("hello"))
			write(t, file, 0, []byte("abc"))
			size, err := file.Size()
			require.NoError(t, err)
			require.EqualValues(t, 15, size)
			require.NoError(t, file.Sync())
			require.NoError(t, file.Close())
			require.Error(t, file.Close())

			require.NoError(t, mustCreate(t, fsys, dir+"/a").Close())
			require.NoError(t, mustCreate(t, fsys, dir+"/c").Close())
			require.NoError(t, fsys.Rename(dir+"/b", dir+"/c"))
			require.NoError(t, fsys.Remove(dir+"/a"))
			require.NoError(t, fsys.SyncDir(dir))
			names, err := fsys.List(dir)
			require.NoError(t, err)
			require.Equal(t, []string{"c"}, names)

			requireReadOnly(t, fsys, dir+"/c", "abc\x00\x00\x00\x00\x00\x00\x00hello")
			requireMissing(t, fsys, dir)
			requireLocks(t, fsys, dir)
		})
	}
}

func requireReadOnly(t *testing.T, fsys persistence.FS, path, want string) {
	file, err := fsys.OpenRead(path)
	require.NoError(t, err)
	data := make([]byte, 20)
	n, err := file.ReadAt(data, 0)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, want, string(data[:n]))
	_, err = file.ReadAt(data, 100)
	require.ErrorIs(t, err, io.EOF)
	_, err = file.WriteAt(data, 0)
	require.Error(t, err)
	require.NoError(t, file.Close())
}

func requireMissing(t *testing.T, fsys persistence.FS, dir string) {
	missing := dir + "/missing"
	_, err := fsys.Open(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.OpenRead(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, fsys.Remove(missing), fs.ErrNotExist)
	require.ErrorIs(t, fsys.Rename(missing, missing), fs.ErrNotExist)
	_, err = fsys.List(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.Create(missing + "/deeper")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func requireLocks(t *testing.T, fsys persistence.FS, dir string) {
	lock, err := fsys.Lock(dir + "/lock")
	require.NoError(t, err)
	_, err = fsys.Lock(dir + "/lock")
	require.ErrorIs(t, err, persistence.ErrLocked)
	require.NoError(t, lock.Close())
	lock, err = fsys.Lock(dir + "/lock")
	require.NoError(t, err)
	require.NoError(t, lock.Close())
}

// crashes collects what a thousand power losses leave of one file; a missing one is "none".
func crashes(t testing.TB, fsys *persistence.MemFS, path string) map[string]int {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 1000 {
		after := fsys.Crash(random)
		file, err := after.OpenRead(path)
		if err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist)
			seen["none"]++
			continue
		}
		size, err := file.Size()
		require.NoError(t, err)
		data := make([]byte, size)
		if _, err := file.ReadAt(data, 0); size > 0 {
			require.NoError(t, err)
		}
		sectors := ""
		for at := 0; at < len(data); at += 512 {
			sectors += string(data[at])
		}
		seen[sectors]++
	}
	return seen
}

func keys(m map[string]int) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

func fill(c byte, sectors int) []byte { return bytes.Repeat([]byte{c}, 512*sectors) }

func TestSectorsSurviveByThemselves(t *testing.T) {
	fsys := persistence.NewMemFS()
	file := mustCreate(t, fsys, "f")
	write(t, file, 0, fill('a', 3))
	require.NoError(t, file.Sync())
	require.NoError(t, fsys.SyncDir("."))
	require.Equal(t, []string{"aaa"}, keys(crashes(t, fsys, "f")), "what is synced stays")

	write(t, file, 0, fill('b', 2))
	write(t, file, 512, fill('c', 2))
	require.ElementsMatch(t, []string{
		"aaa", "baa", "aba", "bba", "aca", "bca", "aac", "bac", "abc", "bbc", "acc", "bcc",
	}, keys(crashes(t, fsys, "f")), "any sector, in any order")

	require.NoError(t, file.Sync())
	require.Equal(t, []string{"bcc"}, keys(crashes(t, fsys, "f")))
}

func TestUnsyncedSizeSurvivesOrNot(t *testing.T) {
	fsys := persistence.NewMemFS()
	file := mustCreate(t, fsys, "f")
	write(t, file, 0, fill('a', 1))
	require.NoError(t, file.Sync())
	require.NoError(t, fsys.SyncDir("."))
	write(t, file, 512, fill('b', 1))
	require.ElementsMatch(t, []string{"a", "ab", "a\x00"}, keys(crashes(t, fsys, "f")))

	require.NoError(t, file.Sync())
	require.Equal(t, []string{"ab"}, keys(crashes(t, fsys, "f")))
}

func TestUnsyncedNamesSurviveOrNot(t *testing.T) {
	fsys := persistence.NewMemFS()
	file := mustCreate(t, fsys, "f")
	write(t, file, 0, fill('a', 1))
	require.NoError(t, file.Sync())
	require.ElementsMatch(t, []string{"none", "a"}, keys(crashes(t, fsys, "f")))
	require.NoError(t, fsys.SyncDir("."))
	require.Equal(t, []string{"a"}, keys(crashes(t, fsys, "f")))

	require.NoError(t, fsys.Rename("f", "g"))
	old, renamed := crashes(t, fsys, "f"), crashes(t, fsys, "g")
	require.ElementsMatch(t, []string{"none", "a"}, keys(old))
	require.Equal(t, old["a"], renamed["none"], "a rename is never half done")
	require.NoError(t, fsys.SyncDir("."))

	require.NoError(t, fsys.Remove("g"))
	require.ElementsMatch(t, []string{"none", "a"}, keys(crashes(t, fsys, "g")))
	require.NoError(t, fsys.SyncDir("."))
	require.Equal(t, []string{"none"}, keys(crashes(t, fsys, "g")))
}

func TestCrashIsRepeatable(t *testing.T) {
	fsys := persistence.NewMemFS()
	for _, name := range []string{"x", "y", "z"} {
		write(t, mustCreate(t, fsys, name), 0, fill('a', 9))
	}
	for seed := range uint64(50) {
		a := fsys.Crash(rand.New(rand.NewPCG(seed, 0)))
		b := fsys.Crash(rand.New(rand.NewPCG(seed, 0)))
		require.Equal(t, a.String(), b.String())
	}
}

// A killed process takes nothing with it, and makes nothing durable.
func TestKill(t *testing.T) {
	fsys := persistence.NewMemFS()
	_, err := fsys.Lock("lock")
	require.NoError(t, err)
	file := mustCreate(t, fsys, "f")
	write(t, file, 0, fill('a', 1))
	next := fsys.Kill()
	write(t, file, 0, fill('b', 1))
	_, err = next.Lock("lock")
	require.NoError(t, err)
	again, err := next.OpenRead("f")
	require.NoError(t, err)
	data := make([]byte, 512)
	_, err = again.ReadAt(data, 0)
	require.NoError(t, err)
	require.Equal(t, fill('a', 1), data, "a copy of its own")
	require.Contains(t, keys(crashes(t, next, "f")), "none")
}

func TestFaults(t *testing.T) {
	inner := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(inner, nil)
	boom := errors.New("boom")
	file := mustCreate(t, fsys, "f")
	fsys.Fail(persistence.Fault{Op: persistence.OpWrite, Path: "f", After: 1, Short: 3, Err: boom})
	write(t, file, 0, []byte("12345678"))
	n, err := file.WriteAt([]byte("abcdefgh"), 0)
	require.ErrorIs(t, err, boom)
	require.Equal(t, 3, n)
	write(t, file, 7, []byte("9"))
	data := make([]byte, 8)
	_, err = file.ReadAt(data, 0)
	require.NoError(t, err)
	require.Equal(t, "abc45679", string(data))

	fsys.Fail(persistence.Fault{Path: "g", Err: boom})
	require.NoError(t, file.Sync(), "another path")
	_, err = fsys.Create("g")
	require.ErrorIs(t, err, boom)
	require.NoError(t, mustCreate(t, fsys, "g").Close(), "once")

	for op, do := range map[persistence.Op]func() error{
		persistence.OpMkdirAll: func() error { return fsys.MkdirAll("d") },
		persistence.OpList:     func() error { _, err := fsys.List("."); return err },
		persistence.OpOpen:     func() error { _, err := fsys.OpenRead("f"); return err },
		persistence.OpRead:     func() error { _, err := file.ReadAt(data, 0); return err },
		persistence.OpSync:     file.Sync,
		persistence.OpSize:     func() error { _, err := file.Size(); return err },
		persistence.OpRename:   func() error { return fsys.Rename("f", "f2") },
		persistence.OpRemove:   func() error { return fsys.Remove("f") },
		persistence.OpSyncDir:  func() error { return fsys.SyncDir(".") },
		persistence.OpLock:     func() error { _, err := fsys.Lock("l"); return err },
	} {
		fsys.Fail(persistence.Fault{Op: op, Err: boom})
		require.ErrorIs(t, do(), boom, op)
	}
	fsys.Fail(persistence.Fault{Op: persistence.OpClose, Err: boom})
	require.ErrorIs(t, file.Close(), boom)
	require.ErrorIs(t, file.Close(), fs.ErrClosed, "closed all the same")
}
