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
// one rename. Removing a file of 64 MiB was measured to take 15 ms: the first batch of a segment, which is slow anyway,
// pays for one at most.
func (l *log) keepHouse() {
	if l.current.offset < l.dueAt {
		return
	}
	if l.dueAt == 0 {
		l.removeSurplus()
	}
	l.dueAt = l.current.offset + min(zeroStep, l.current.header.size/64)
	l.free()
	l.look()
}

// free gives up the oldest segment if nothing in it is needed any more: every entry in it was replaced or lies at or
// below the base of its group, by records that are durable; and a later segment opens with a durable checkpoint.
//
// It is given a spare's name. Nothing is written to it before a sync of the directory made that name durable, and no sync
// is made for that alone. So a crash may bring any of them back as a segment, with all that was in it, and recovery tells
// by the numbers that the log goes on without it.
//
// A failure is nobody's: the segment stays where it is and is tried again when this is due again.
func (l *log) free() {
	if len(l.older) == 0 || l.older[0].number >= l.oldestNeeded() {
		return
	}
	oldest := l.older[0]
	err := l.dir.rename(oldest.name, freedName(oldest.name))
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was renamed by an attempt that was said to have failed
	case err != nil:
		return
	case oldest.size == l.options.segmentSize():
		l.freed = append(l.freed, freedName(oldest.name))
	default:
		l.surplus = append(l.surplus, freedName(oldest.name))
	}
	l.older = slices.Delete(l.older, 0, 1)
	l.count.freed.Add(1)
}

// removeSurplus removes one freed segment beyond those that are kept. One that cannot be removed is tried again.
func (l *log) removeSurplus() {
	if len(l.freed)+len(l.spares) > keptSpares {
		from := &l.spares
		if len(l.freed) > 0 {
			from = &l.freed
		}
		last := len(*from) - 1
		l.surplus = append(l.surplus, (*from)[last])
		*from = (*from)[:last]
	}
	if len(l.surplus) == 0 {
		return
	}
	if err := l.dir.fsys.Remove(l.dir.join(l.surplus[0])); err == nil || errors.Is(err, fs.ErrNotExist) {
		l.surplus = slices.Delete(l.surplus, 0, 1)
	}
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

// reusable reports whether a file with the name of a freed segment is one, and of the size that segments have now. A file
// may be longer than its header says: it was to become a larger segment when the process ended.
func (d directory) reusable(name string, id Identity, size int64) bool {
	r, err := openSegmentReader(d.fsys, d.join(name), name, nil)
	if err != nil {
		return false
	}
	header := r.header
	long, err := r.file.Size()
	return errors.Join(err, r.close()) == nil && header.size == size && long == size &&
		header.identity.Incarnation == id.Incarnation
}
