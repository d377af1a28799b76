package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Inspection is what a directory holds, as recovery would judge it.
type Inspection struct {
	Identity Identity
	Segments []SegmentInfo // ascending by number
	Next     uint64        // number of the batch that would be written next
	Unused   []string      // segments that an interrupted rotation or freeing left behind
	Spares   []string      // freed segments that are kept to be used again
	Groups   map[Group]Recovered
}

// SegmentInfo describes one segment.
type SegmentInfo struct {
	Name       string
	Number     uint64
	UseID      uint64
	FirstBatch uint64
	Size       int64 // of the file, in bytes
	End        int64 // where its batches end; zero in a segment that recovery had no reason to read
}

// Inspect reads a directory without locking it and without writing anything. While a node runs on it, the last batch
// may be seen half written, and a segment that is freed meanwhile may be missed: then try again. The errors are those of [Dir.Open]; with [ErrCorrupt] the Inspection holds what was read
// up to the damage, and no groups.
func Inspect(fsys FS, path string) (Inspection, error) {
	dir := directory{fsys: fsys, path: path}
	c, err := dir.contents()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !c.holdsState() {
		return Inspection{}, fmt.Errorf("%w: %s", ErrNoState, path)
	}
	if err != nil {
		return Inspection{}, err
	}
	r := newRecovery(dir)
	err = r.run(c)
	found := r.inspection()
	found.Spares = c.freed
	if err == nil {
		found.Groups, err = r.recovered()
	}
	return found, errors.Join(err, r.close())
}

func (r *recovery) inspection() Inspection {
	found := Inspection{Identity: r.identity, Next: r.tail.next.number, Unused: slices.Concat(r.stale, r.unused)}
	for i, s := range r.segments {
		info := SegmentInfo{
			Name: s.name, Number: s.header.number, UseID: s.header.useID, FirstBatch: s.header.firstBatch, Size: s.header.size,
		}
		if i < len(r.ends) {
			info.End = r.ends[i]
		}
		found.Segments = append(found.Segments, info)
	}
	return found
}
