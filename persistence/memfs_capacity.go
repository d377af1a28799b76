package persistence

import (
	"io/fs"
	"path/filepath"
)

// unlimited is what is free where nothing limits it; sums of it and file sizes do not overflow.
const unlimited = 1 << 62

// SetCapacity limits the sizes of all files together, in bytes; zero lifts the limit. A write that would exceed it is
// cut short with ENOSPC. Files that exist already keep their size.
func (m *MemFS) SetCapacity(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = size
}

// FreeBytes implements [FS]. What is removed is free at once, durable or not.
func (m *MemFS) FreeBytes(dir string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[filepath.Clean(dir)] == nil {
		return 0, pathError("free", dir, fs.ErrNotExist)
	}
	return m.free(), nil
}

func (m *MemFS) free() int64 {
	if m.capacity == 0 {
		return unlimited
	}
	free := m.capacity
	for _, d := range m.dirs {
		for _, inode := range d.names {
			free -= inode.content.size
		}
	}
	return max(0, free)
}
