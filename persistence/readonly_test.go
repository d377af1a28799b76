package persistence_test

import (
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

// readOnlyFS holds the files of one directory and refuses everything that would change, lock or sync anything. What is in
// the files may be changed between two readings by whoever made it.
type readOnlyFS map[string][]byte

var _ persistence.FS = readOnlyFS{}

// frozen returns a copy of the directory.
func frozen(t testing.TB, fsys persistence.FS) readOnlyFS {
	t.Helper()
	files := readOnlyFS{}
	for name, data := range contents(t, fsys) {
		files[name] = []byte(data)
	}
	return files
}

// thawed returns a file system with the same directory, everything in it durable.
func (f readOnlyFS) thawed(t testing.TB) *persistence.MemFS {
	t.Helper()
	disk := persistence.NewMemFS()
	require.NoError(t, disk.MkdirAll(testPath))
	for name, data := range f {
		writeFile(t, disk, name, data)
	}
	return disk
}

func refusal(op, path string) error { return &fs.PathError{Op: op, Path: path, Err: fs.ErrPermission} }

func (f readOnlyFS) List(string) ([]string, error) { return slices.Sorted(maps.Keys(f)), nil }

func (f readOnlyFS) OpenRead(path string) (persistence.File, error) {
	data, ok := f[filepath.Base(path)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return readOnlyFile{path, data}, nil
}

func (readOnlyFS) MkdirAll(path string) error                   { return refusal("mkdir", path) }
func (readOnlyFS) Create(path string) (persistence.File, error) { return nil, refusal("create", path) }

func (readOnlyFS) Open(path string) (persistence.File, error) { return nil, refusal("open", path) }
func (readOnlyFS) Rename(from, _ string) error                { return refusal("rename", from) }
func (readOnlyFS) Remove(path string) error                   { return refusal("remove", path) }
func (readOnlyFS) SyncDir(path string) error                  { return refusal("sync", path) }
func (readOnlyFS) FreeBytes(path string) (int64, error)       { return 0, refusal("free", path) }
func (readOnlyFS) Lock(path string) (io.Closer, error)        { return nil, refusal("lock", path) }

type readOnlyFile struct {
	path string
	data []byte
}

func (f readOnlyFile) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f readOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, refusal("write", f.path) }
func (f readOnlyFile) Sync() error                        { return refusal("sync", f.path) }
func (f readOnlyFile) Size() (int64, error)               { return int64(len(f.data)), nil }
func (f readOnlyFile) Close() error                       { return nil }
