package persistence

import (
	"bytes"
	"errors"
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

// Fault is what goes wrong with an operation. The fields combine, except where they say otherwise: a write can stall,
// be done in part, and fail.
type Fault struct {
	Op    Op     // which operations; empty: any
	Path  string // a part of the path, of a rename that of the old name; empty: any
	After int    // how many matching operations go well first
	Times int    // how often it fires from then on; zero: once; negative: for ever

	// Err is what the operation reports, wrapped with its name and the path; nil: that all went well, whatever else the
	// fault does. With an error nothing is done, except for what Short, Done and the closing of files say.
	Err error
	// Done has the operation carried out as if nothing had happened, and Err reported all the same.
	Done bool
	// Short is of a write with an error, and not Done: how many bytes, from the first on, are written all the same.
	Short int
	// Flip is of a read or a write: the bits of the byte at FlipAt that are turned round on the way, none if zero. FlipAt
	// counts bytes from the beginning of the operation; beyond its end nothing is flipped.
	Flip   byte
	FlipAt int
	// Stall has the operation wait, before anything of it is done, until the channel is closed; nil: it does not wait. Where
	// everything runs on one goroutine, as in the clusters of package testkit, nobody would be left to close it.
	Stall <-chan struct{}
}

// fires takes one of the fault's lives and reports whether that was the last.
func (f *Fault) fires() (last bool) {
	if f.Times < 0 {
		return false
	}
	f.Times--
	return f.Times <= 0
}

// report returns what the operation answers, whose own answer is err.
func (f *Fault) report(op Op, path string, err error) error {
	if f.Err == nil {
		return err
	}
	return pathError(string(op), path, f.Err)
}

// goesThrough reports whether the operation is carried out.
func (f *Fault) goesThrough() bool { return f.Err == nil || f.Done }

func (f *Fault) flip(p []byte) {
	if f.Flip != 0 && f.FlipAt < len(p) {
		p[f.FlipAt] ^= f.Flip
	}
}

// FaultFS passes operations on to another file system, except for those that it has a [Fault] for. It may be used by
// several goroutines; the faults count the operations of all of them. What one goroutine waits for in a stall holds up
// no other.
//
//	disk := persistence.NewFaultFS(persistence.NewMemFS(), nil)
//	disk.Fail(persistence.Fault{Op: persistence.OpSync, Path: ".log", After: 3, Err: syscall.EIO})
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

// Fail arms a fault. Where several match an operation the one that was armed first fires, and only that one counts it.
func (f *FaultFS) Fail(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Heal disarms every fault that is left. What waits in a stall goes on waiting.
func (f *FaultFS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// meet returns the fault of an operation, after the stall if it has one; nil if it has none.
func (f *FaultFS) meet(op Op, path string) *Fault {
	fault := f.next(op, path)
	if fault != nil && fault.Stall != nil {
		<-fault.Stall
	}
	return fault
}

// next takes the fault that fires now. What it returns is not changed any more.
func (f *FaultFS) next(op Op, path string) *Fault {
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
		fired := *fault
		if fault.fires() {
			f.faults = append(f.faults[:i:i], f.faults[i+1:]...)
		}
		return &fired
	}
	return nil
}

func (f *FaultFS) do(op Op, path string, operation func() error) error {
	fault := f.meet(op, path)
	if fault == nil {
		return operation()
	}
	var err error
	if fault.goesThrough() {
		err = operation()
	}
	return fault.report(op, path, err)
}

func (f *FaultFS) open(op Op, path string, open func(string) (File, error)) (File, error) {
	var file File
	err := f.do(op, path, func() (err error) {
		file, err = open(path)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, closeIfOpen(file))
	}
	return &faultFile{File: file, fsys: f, path: path}, nil
}

// closeIfOpen closes what was opened and is said not to have been.
func closeIfOpen(c io.Closer) error {
	if c == nil {
		return nil
	}
	return c.Close()
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
	if err != nil {
		return nil, errors.Join(err, closeIfOpen(lock))
	}
	return lock, nil
}

// faultFile is an open file of a FaultFS.
type faultFile struct {
	File
	fsys *FaultFS
	path string
}

func (f *faultFile) ReadAt(p []byte, offset int64) (int, error) {
	fault := f.fsys.meet(OpRead, f.path)
	if fault == nil {
		return f.File.ReadAt(p, offset)
	}
	n, err := 0, error(nil)
	if fault.goesThrough() {
		n, err = f.File.ReadAt(p, offset)
		fault.flip(p[:n])
	}
	return n, fault.report(OpRead, f.path, err)
}

func (f *faultFile) WriteAt(p []byte, offset int64) (int, error) {
	fault := f.fsys.meet(OpWrite, f.path)
	if fault == nil {
		return f.File.WriteAt(p, offset)
	}
	if !fault.goesThrough() {
		p = p[:min(fault.Short, len(p))]
	}
	if fault.Flip != 0 {
		p = bytes.Clone(p)
		fault.flip(p)
	}
	n, err := f.File.WriteAt(p, offset)
	if err != nil {
		return n, err
	}
	return n, fault.report(OpWrite, f.path, nil)
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
	fault := f.fsys.meet(OpClose, f.path)
	err := f.File.Close()
	if fault == nil {
		return err
	}
	return fault.report(OpClose, f.path, err)
}
