package persistence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// OS returns the file system of the operating system. All values that it returns are equal.
//
// Sync is fdatasync where there is one. Lock is flock, or an exclusive open on Windows: both also keep a second
// opening in the same process out, and both end with the process. Windows has no way to sync a directory, so there
// the durability of new names rests on the file system's own journal.
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
	for parent := filepath.Dir(path); ; parent = filepath.Dir(parent) {
		// What this process may not read it has not made.
		if err := syncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
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

// Size implements [File].
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
