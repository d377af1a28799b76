package persistence

import (
	"errors"
	"io/fs"
	"slices"
)

// keptSpares is how many freed segments are kept to be used again. A snapshot is due after 65,536 entries, which take
// this many segments of the default size where each entry is a batch of its own; so a busy log zeroes no new ones.
const keptSpares = 4

// olderSegment is a segment of the log before the current one.
type olderSegment struct {
	number uint64
	name   string
	size   int64
}

// keepHouse does, ahead of a batch, what nothing durable rests on. It is due after each mebibyte of batches, or after a
// 64th of a segment that is smaller than that, so that it keeps pace with the log and holds up few batches, and those by
// one rename or removal.
func (l *log) keepHouse() {
	if l.current.offset < l.dueAt {
		return
	}
	l.dueAt = l.current.offset + min(zeroStep, l.current.header.size/64)
	l.free()
	l.look()
}

// free gives up the oldest segment if nothing in it is needed any more: every entry in it was replaced or lies at or
// below the base of its group, by records that are durable; and a later segment opens with a durable checkpoint.
//
// Up to keptSpares are given a spare's name, the others removed. Nothing is written to a spare before a sync of the
// directory made its new name durable, and no sync is made for that alone. So a crash may bring any of them back as a
// segment, with all that was in it, and recovery tells by the numbers that the log goes on without it.
//
// A failure is nobody's: the segment stays where it is and is tried again when this is due again.
func (l *log) free() {
	if len(l.older) == 0 || l.older[0].number >= l.oldestNeeded() {
		return
	}
	oldest, err := l.older[0], error(nil)
	if recycle := oldest.size == l.options.segmentSize() && len(l.freed)+len(l.spares) < keptSpares; recycle {
		if err = l.dir.rename(oldest.name, freedName(oldest.name)); err == nil {
			l.freed = append(l.freed, freedName(oldest.name))
		}
	} else {
		err = l.dir.fsys.Remove(l.dir.join(oldest.name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.older = slices.Delete(l.older, 0, 1)
	l.count.freed.Add(1)
}

// oldestNeeded returns the number of the oldest segment that recovery needs.
func (l *log) oldestNeeded() uint64 {
	newest := l.current.header.number
	if l.current.fresh() {
		newest-- // the current one has no checkpoint yet
	}
	return l.groups.oldestNeeded(newest)
}

// waitsForNames reports whether the next segment is to be one that was freed, and only the durability of its new name is
// missing. The next rotation sees to it: that costs less than zeroing another file.
func (l *log) waitsForNames() bool { return l.spare == nil && len(l.spares) == 0 && len(l.freed) > 0 }

// reusable reports whether a file with the name of a freed segment is one, and of the size that segments have now.
func (d directory) reusable(name string, id Identity, size int64) bool {
	r, err := openSegmentReader(d.fsys, d.join(name), name, nil)
	if err != nil {
		return false
	}
	header := r.header
	return r.close() == nil && header.size == size && header.identity.Incarnation == id.Incarnation
}
