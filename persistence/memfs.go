package persistence

import (
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// MemFS is a file system in memory that knows what a power loss would leave of it: see [MemFS.Crash]. It is for
// tests and simulations. A MemFS and its files may be used by several goroutines.
//
// The model: a write is in the page cache until the file is synced, and until then each 512-byte sector of it may or
// may not be on the disk, whatever happened to the others and in whatever order. A new size is durable with the
// sync as well. A created, renamed or removed name is durable once its directory is synced, and until then it may
// or may not be, each by itself; a rename is never half done. Directories are durable when made.
type MemFS struct {
	mu       sync.Mutex
	dirs     map[string]*memDir
	held     map[string]*memLock
	capacity int64 // zero: unlimited
	poison   poisoned
}

var _ FS = (*MemFS)(nil)

// memDir is one directory.
type memDir struct {
	names   map[string]*memInode // as processes see it
	durable map[string]*memInode // as a power loss leaves it, if no change below survives
	changes []memRename          // since the last sync of the directory
}

// memRename is one change to a directory, as one step: a name goes, a name comes, or both.
type memRename struct {
	from  string // empty: none goes
	to    string // empty: none comes
	inode *memInode
}

func (c memRename) apply(names map[string]*memInode) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.inode
	}
}

// NewMemFS returns a file system with nothing but the root and the current directory.
func NewMemFS() *MemFS {
	m := &MemFS{dirs: map[string]*memDir{}, held: map[string]*memLock{}}
	m.makeDir(".")
	m.makeDir("/")
	return m
}

func (m *MemFS) makeDir(path string) {
	if m.dirs[path] == nil {
		m.dirs[path] = &memDir{names: map[string]*memInode{}, durable: map[string]*memInode{}}
	}
}

func (m *MemFS) poisonedPlaces() *poisoned { return &m.poison }

func (m *MemFS) realPath(path string) string { return filepath.Clean(path) }

func pathError(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }

// at returns the directory that holds path, and the last element.
func (m *MemFS) at(op, path string) (*memDir, string, error) {
	dir, name := filepath.Split(filepath.Clean(path))
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return nil, "", pathError(op, path, fs.ErrNotExist)
	}
	return d, name, nil
}

// MkdirAll implements [FS].
func (m *MemFS) MkdirAll(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := filepath.Clean(path); m.dirs[p] == nil; p = filepath.Dir(p) {
		m.makeDir(p)
	}
	return nil
}

// List implements [FS]. Directories inside of dir are listed too.
func (m *MemFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir = filepath.Clean(dir)
	d := m.dirs[dir]
	if d == nil {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	names := make([]string, 0, len(d.names))
	for name := range d.names {
		names = append(names, name)
	}
	for path := range m.dirs {
		if path != dir && filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Create implements [FS].
func (m *MemFS) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, err := m.at("create", path)
	if err != nil {
		return nil, err
	}
	if d.names[name] != nil {
		return nil, pathError("create", path, fs.ErrExist)
	}
	inode := &memInode{}
	d.change(memRename{to: name, inode: inode})
	return &memFile{fsys: m, path: path, inode: inode}, nil
}

func (d *memDir) change(c memRename) {
	c.apply(d.names)
	d.changes = append(d.changes, c)
}

// Open implements [FS].
func (m *MemFS) Open(path string) (File, error) { return m.open(path, false) }

// OpenRead implements [FS].
func (m *MemFS) OpenRead(path string) (File, error) { return m.open(path, true) }

func (m *MemFS) open(path string, readOnly bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, inode, err := m.find("open", path)
	if err != nil {
		return nil, err
	}
	return &memFile{fsys: m, path: path, inode: inode, readOnly: readOnly}, nil
}

func (m *MemFS) find(op, path string) (*memDir, string, *memInode, error) {
	d, name, err := m.at(op, path)
	if err != nil {
		return nil, "", nil, err
	}
	inode := d.names[name]
	if inode == nil {
		return nil, "", nil, pathError(op, path, fs.ErrNotExist)
	}
	return d, name, inode, nil
}

// Rename implements [FS].
func (m *MemFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, inode, err := m.find("rename", from)
	if err != nil {
		return err
	}
	target, newName, err := m.at("rename", to)
	if err != nil {
		return err
	}
	if target != d {
		return pathError("rename", to, fmt.Errorf("not in the directory of %s", from))
	}
	d.change(memRename{from: name, to: newName, inode: inode})
	return nil
}

// Remove implements [FS].
func (m *MemFS) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, _, err := m.find("remove", path)
	if err != nil {
		return err
	}
	d.change(memRename{from: name})
	return nil
}

// SyncDir implements [FS].
func (m *MemFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	for _, c := range d.changes {
		c.apply(d.durable)
	}
	d.changes = nil
	return nil
}

// memLock is a held lock.
type memLock struct {
	fsys *MemFS
	path string
}

// Lock implements [FS].
func (m *MemFS) Lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path = filepath.Clean(path)
	d, name, err := m.at("lock", path)
	if err != nil {
		return nil, err
	}
	if m.held[path] != nil {
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	}
	if d.names[name] == nil {
		d.change(memRename{to: name, inode: &memInode{}})
	}
	lock := &memLock{fsys: m, path: path}
	m.held[path] = lock
	return lock, nil
}

// Close releases the lock.
func (l *memLock) Close() error {
	l.fsys.mu.Lock()
	defer l.fsys.mu.Unlock()
	if l.fsys.held[l.path] == l {
		delete(l.fsys.held, l.path)
	}
	return nil
}

// String lists the files with their sizes, for failing tests.
func (m *MemFS) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for path, d := range m.dirs {
		for name, inode := range d.names {
			lines = append(lines, fmt.Sprintf("%s %d", filepath.Join(path, name), inode.content.size))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// memFile is an open file.
type memFile struct {
	fsys     *MemFS
	path     string
	inode    *memInode
	readOnly bool
	closed   bool
}

func (f *memFile) usable(op string) error {
	switch {
	case f.closed:
		return pathError(op, f.path, fs.ErrClosed)
	case f.readOnly && op != "read":
		return pathError(op, f.path, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.usable("read"); err != nil {
		return 0, err
	}
	n := f.inode.content.read(p, offset)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.usable("write"); err != nil {
		return 0, err
	}
	size := f.inode.content.size
	if grown := offset + int64(len(p)); grown > size && grown-size > f.fsys.free() {
		p = p[:max(0, size+f.fsys.free()-offset)]
		f.inode.write(p, offset)
		return len(p), pathError("write", f.path, errNoSpace)
	}
	f.inode.write(p, offset)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.usable("sync"); err != nil {
		return err
	}
	f.inode.sync()
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if err := f.usable("read"); err != nil {
		return 0, err
	}
	return f.inode.content.size, nil
}

func (f *memFile) Close() error {
	f.fsys.mu.Lock()
	defer f.fsys.mu.Unlock()
	if f.closed {
		return pathError("close", f.path, fs.ErrClosed)
	}
	f.closed = true
	return nil
}
