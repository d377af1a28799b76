package persistence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// OS returns the file system of the operating system. All values that it returns are equal.
//
// Sync is fdatasync where there is one. Lock is flock, or an exclusive open on Windows: both also keep a second
// opening in the same process out, and both end with the process. Systems that have neither compile, but Lock, and
// with it every opening, answers errors.ErrUnsupported there. Windows has no way to sync a directory, so there the
// durability of new names rests on the file system's own journal.
func OS() FS { return osFS{} }

type osFS struct{}

// MkdirAll implements [FS]. A directory's name is durable when the directory that holds it is synced, so every
// parent is: one that this process finds may be one that a killed process made a moment ago.
func (osFS) MkdirAll(path string) error {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, parent := range parents(path) {
		if err := syncDir(parent); err != nil && !unsyncable(err) {
			return err
		}
	}
	return nil
}

// parents lists the directories that an absolute path leads through, the nearest first and itself not among them.
func parents(path string) []string {
	var all []string
	for dir := filepath.Dir(path); dir != path; dir = filepath.Dir(path) {
		all = append(all, dir)
		path = dir
	}
	return all
}

// unsyncable reports whether a parent directory could not be synced for a reason that loses nothing. What this
// process may not read it has not made; and the parents of a data directory may lie on file systems that know no
// sync of directories, such as procfs or a read-only image, where nothing was made either. The data directory
// itself has no such excuse.
func unsyncable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}

// List implements [FS].
func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// Create implements [FS].
func (osFS) Create(path string) (File, error) { return openOS(path, os.O_RDWR|os.O_CREATE|os.O_EXCL) }

// Open implements [FS].
func (osFS) Open(path string) (File, error) { return openOS(path, os.O_RDWR) }

// OpenRead implements [FS].
func (osFS) OpenRead(path string) (File, error) { return openOS(path, os.O_RDONLY) }

// Rename implements [FS].
func (osFS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements [FS].
func (osFS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements [FS].
func (osFS) SyncDir(dir string) error { return syncDir(dir) }

// FreeBytes implements [FS].
func (osFS) FreeBytes(dir string) (int64, error) { return freeBytes(dir) }

// Lock implements [FS].
func (osFS) Lock(path string) (io.Closer, error) {
	lock, err := lockFile(path)
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	}
	return lock, err
}

// errHeld is how a platform's lockFile says that another has the lock.
var errHeld = errors.New("held by another")

type osFile struct{ *os.File }

func openOS(path string, flags int) (File, error) {
	file, err := os.OpenFile(path, flags, 0o640)
	if err != nil {
		return nil, err
	}
	return osFile{file}, nil
}

// Sync implements [File].
func (f osFile) Sync() error { return syncContent(f.File) }

// startWriting implements earlyWriter.
func (f osFile) startWriting(offset, size int64) { startWriting(f.File, offset, size) }

// Size implements [File].
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
