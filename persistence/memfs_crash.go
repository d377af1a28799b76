package persistence

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash returns what a power loss at this moment would leave: a file system of its own, with nothing unsynced and
// nothing locked. Each sector and each name that is not durable survives or not as random decides: one crash in four
// loses all of them, one keeps all, the others some. The receiver is not changed, so one moment can be crashed many
// times. The same state and the same random numbers give the same result.
func (m *MemFS) Crash(random *rand.Rand) *MemFS {
	odds := random.Float64()
	switch random.IntN(4) {
	case 0:
		odds = 0
	case 1:
		odds = 1
	}
	return m.CrashKeeping(random, odds)
}

// CrashKeeping is [MemFS.Crash] with given odds: the probability, from 0 to 1, with which each sector and each name that
// is not durable survives.
func (m *MemFS) CrashKeeping(random *rand.Rand, odds float64) *MemFS {
	return m.copyWith(func(inode *memInode) *memInode {
		content := inode.share().crash(random, odds)
		return &memInode{content: content, durable: content}
	}, func(d *memDir) {
		names := d.durable
		for _, c := range d.changes {
			if random.Float64() < odds {
				c.apply(names)
			}
		}
		d.names, d.durable, d.changes = names, maps.Clone(names), nil
	})
}

// Kill returns what another process finds after the one that used the file system was killed: nothing is lost,
// nothing is locked, and nothing is more durable than it was.
func (m *MemFS) Kill() *MemFS {
	return m.copyWith((*memInode).share, func(*memDir) {})
}

// FailWriteback does what some kernels do when writing to the disk in the background fails: what was not synced stays
// readable, counts as clean, and no later sync writes it. Only writing it again does.
func (m *MemFS) FailWriteback() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.dirs {
		for _, inode := range d.names {
			inode.writes = nil
		}
	}
}

// copyWith copies everything in a fixed order, each file by copyInode; settle then finishes each directory.
func (m *MemFS) copyWith(copyInode func(*memInode) *memInode, settle func(*memDir)) *MemFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	copies := map[*memInode]*memInode{}
	copyOnce := func(inode *memInode) *memInode {
		if inode != nil && copies[inode] == nil {
			copies[inode] = copyInode(inode)
		}
		return copies[inode]
	}
	clone := NewMemFS()
	clone.capacity = m.capacity
	for _, path := range slices.Sorted(maps.Keys(m.dirs)) {
		d, to := m.dirs[path], &memDir{names: map[string]*memInode{}, durable: map[string]*memInode{}}
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			to.names[name] = copyOnce(d.names[name])
		}
		for _, name := range slices.Sorted(maps.Keys(d.durable)) {
			to.durable[name] = copyOnce(d.durable[name])
		}
		for _, c := range d.changes {
			to.changes = append(to.changes, memRename{from: c.from, to: c.to, inode: copyOnce(c.inode)})
		}
		settle(to)
		clone.dirs[path] = to
	}
	return clone
}

// crash returns the content that a power loss leaves. Where several unsynced writes met one sector, the disk has it
// as it was after any one of them.
func (n *memInode) crash(random *rand.Rand, odds float64) []byte {
	if len(n.writes) == 0 {
		return n.durable
	}
	seen := slices.Clone(n.durable) // what the page cache held, write by write
	left := slices.Clone(n.durable)
	size := int64(len(left))
	for _, w := range n.writes {
		seen = w.apply(seen)
		left = resized(left, int64(len(seen))) // files never shrink
		if random.Float64() < odds {
			size = max(size, w.offset+int64(len(w.data)))
		}
		surviveSectors(left, seen, w, random, odds)
	}
	return resized(left, size)
}

// surviveSectors copies those sectors of a write that reached the disk.
func surviveSectors(left, seen []byte, w memWrite, random *rand.Rand, odds float64) {
	end := min(w.offset+int64(len(w.data)), int64(len(seen)))
	for at := w.offset &^ (sectorSize - 1); at < end; at += sectorSize {
		if random.Float64() < odds {
			to := min(at+sectorSize, int64(len(seen)))
			copy(left[at:to], seen[at:to])
		}
	}
}
