package persistence

import "io"

// FS is the little of a file system that the log needs. All implementations may be used by several goroutines.
// Paths are as the operating system writes them. Errors wrap fs.ErrNotExist and fs.ErrExist where they apply.
//
// A place where a write or sync failed is remembered for as long as the process lives, by file system and path, links
// followed where possible. So an FS should be comparable; those that are not share one space of paths. One that is
// not from this package stays in memory once something in it failed.
type FS interface {
	// MkdirAll makes a directory and its parents and makes their entries durable.
	MkdirAll(path string) error
	// List returns the names in a directory, sorted.
	List(dir string) ([]string, error)
	// Create makes a new, empty file for reading and writing; it fails if the name exists.
	Create(path string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(path string) (File, error)
	// OpenRead opens an existing file for reading only.
	OpenRead(path string) (File, error)
	// Rename gives a file a new name in the same directory, replacing what had it.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(path string) error
	// SyncDir makes the entries of a directory durable.
	SyncDir(dir string) error
	// FreeBytes returns how many bytes this process may still add to files below the directory; a very large number
	// where nothing limits them. Where that cannot be told the error wraps errors.ErrUnsupported.
	FreeBytes(dir string) (int64, error)
	// Lock takes an exclusive lock on the file at path, made if missing, until the result is closed or the
	// process ends. Held by another, it fails with ErrLocked.
	Lock(path string) (io.Closer, error)
}

// File is an open file. It is used by one goroutine at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the content durable, and the size where it changed.
	Sync() error
	// Size returns the length in bytes, unsynced writes included.
	Size() (int64, error)
}
