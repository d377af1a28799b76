package persistence

import (
	"io"
	"strings"
	"sync"
)

// Op names an operation of a file system.
type Op string

// The operations of [FS] and [File].
const (
	OpMkdirAll Op = "mkdir"
	OpList     Op = "list"
	OpCreate   Op = "create"
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpSize     Op = "size"
	OpClose    Op = "close"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpSyncDir  Op = "syncdir"
	OpLock     Op = "lock"
	OpFree     Op = "free"
)

// Fault makes one operation fail.
type Fault struct {
	Op    Op     // empty: any
	Path  string // a part of the path; empty: any
	After int    // how many matching operations succeed first
	Short int    // of a write: how many bytes are written all the same
	Err   error  // not nil
}

// FaultFS passes operations on to another file system, and fails those it is told to. It may be used by several
// goroutines.
type FaultFS struct {
	inner  FS
	before func(Op, string)
	mu     sync.Mutex
	faults []*Fault
	poison poisoned
}

var _ FS = (*FaultFS)(nil)

// NewFaultFS wraps a file system. Before, if not nil, is called before each operation, for example to take a crash
// copy there.
func NewFaultFS(inner FS, before func(op Op, path string)) *FaultFS {
	return &FaultFS{inner: inner, before: before}
}

// Fail arms a fault. It fires once.
func (f *FaultFS) Fail(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// check returns the fault that fires now.
func (f *FaultFS) check(op Op, path string) *Fault {
	if f.before != nil {
		f.before(op, path)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, fault := range f.faults {
		if (fault.Op != "" && fault.Op != op) || !strings.Contains(path, fault.Path) {
			continue
		}
		if fault.After > 0 {
			fault.After--
			continue
		}
		f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
		return fault
	}
	return nil
}

func (f *FaultFS) do(op Op, path string, operation func() error) error {
	if fault := f.check(op, path); fault != nil {
		return pathError(string(op), path, fault.Err)
	}
	return operation()
}

func (f *FaultFS) open(op Op, path string, open func(string) (File, error)) (File, error) {
	var file File
	err := f.do(op, path, func() (err error) {
		file, err = open(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fsys: f, path: path}, nil
}

func (f *FaultFS) poisonedPlaces() *poisoned { return &f.poison }

func (f *FaultFS) realPath(path string) string {
	if inner, ok := f.inner.(poisonKeeper); ok {
		return inner.realPath(path)
	}
	return realPath(path)
}

// MkdirAll implements [FS].
func (f *FaultFS) MkdirAll(path string) error {
	return f.do(OpMkdirAll, path, func() error { return f.inner.MkdirAll(path) })
}

// List implements [FS].
func (f *FaultFS) List(dir string) (names []string, err error) {
	err = f.do(OpList, dir, func() (err error) {
		names, err = f.inner.List(dir)
		return err
	})
	return names, err
}

// Create implements [FS].
func (f *FaultFS) Create(path string) (File, error) { return f.open(OpCreate, path, f.inner.Create) }

// Open implements [FS].
func (f *FaultFS) Open(path string) (File, error) { return f.open(OpOpen, path, f.inner.Open) }

// OpenRead implements [FS].
func (f *FaultFS) OpenRead(path string) (File, error) { return f.open(OpOpen, path, f.inner.OpenRead) }

// Rename implements [FS].
func (f *FaultFS) Rename(from, to string) error {
	return f.do(OpRename, from, func() error { return f.inner.Rename(from, to) })
}

// Remove implements [FS].
func (f *FaultFS) Remove(path string) error {
	return f.do(OpRemove, path, func() error { return f.inner.Remove(path) })
}

// SyncDir implements [FS].
func (f *FaultFS) SyncDir(dir string) error {
	return f.do(OpSyncDir, dir, func() error { return f.inner.SyncDir(dir) })
}

// FreeBytes implements [FS].
func (f *FaultFS) FreeBytes(dir string) (free int64, err error) {
	err = f.do(OpFree, dir, func() (err error) {
		free, err = f.inner.FreeBytes(dir)
		return err
	})
	return free, err
}

// Lock implements [FS].
func (f *FaultFS) Lock(path string) (lock io.Closer, err error) {
	err = f.do(OpLock, path, func() (err error) {
		lock, err = f.inner.Lock(path)
		return err
	})
	return lock, err
}

// faultFile is an open file of a FaultFS.
type faultFile struct {
	File
	fsys *FaultFS
	path string
}

func (f *faultFile) ReadAt(p []byte, offset int64) (n int, err error) {
	err = f.fsys.do(OpRead, f.path, func() (err error) {
		n, err = f.File.ReadAt(p, offset)
		return err
	})
	return n, err
}

func (f *faultFile) WriteAt(p []byte, offset int64) (int, error) {
	fault := f.fsys.check(OpWrite, f.path)
	if fault == nil {
		return f.File.WriteAt(p, offset)
	}
	n, err := f.File.WriteAt(p[:min(fault.Short, len(p))], offset)
	if err != nil {
		return n, err
	}
	return n, pathError(string(OpWrite), f.path, fault.Err)
}

func (f *faultFile) Sync() error { return f.fsys.do(OpSync, f.path, f.File.Sync) }

func (f *faultFile) Size() (size int64, err error) {
	err = f.fsys.do(OpSize, f.path, func() (err error) {
		size, err = f.File.Size()
		return err
	})
	return size, err
}

// Close closes the file in any case: one whose closing failed is closed all the same.
func (f *faultFile) Close() error {
	fault := f.fsys.check(OpClose, f.path)
	err := f.File.Close()
	if fault != nil {
		return pathError(string(OpClose), f.path, fault.Err)
	}
	return err
}
