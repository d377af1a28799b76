package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Inspection is what a directory holds, as recovery would judge it.
type Inspection struct {
	Identity Identity
	Segments []SegmentInfo // ascending by number; those whose header cannot be read come first
	Next     uint64        // number of the batch that would be written next
	Proven   bool          // the last batch is proven: the log was closed, or idle for a tick, and no damage passes for torn
	Torn     bool          // behind the last batch stands the header of one that was never completed; opening cuts it
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
	Size       int64 // of the file, in bytes, as its header says
	End        int64 // where its batches end; zero in a segment that recovery had no reason to read
	Batches    int   // that recovery read, the seal included
	Err        error // why its header cannot be read; then all but the name is zero
}

// BatchInfo describes what begins with an intact batch header.
type BatchInfo struct {
	Offset  int64 // in bytes, from the beginning of the file
	Size    int64 // in bytes, padding included
	Number  uint64
	Records int
	Stale   bool // of an earlier use of the file: not part of the log
	Damaged bool // its records fail their checksum, or it is longer than the segment
}

// inspections is how often a directory is read at most where each time something else is wrong.
const inspections = 100

// Inspect reads a directory without locking it and without writing anything; of the file system it uses List and
// OpenRead. The errors are those of [Dir.Open], with file and offset; with an error the Inspection holds what could be
// read all the same, and no groups. Where there is damage, [InspectSegment] tells what is behind it.
//
// It may be called while a node runs on the directory, and then shows the log as it was a moment ago.
// What is being written or freed at the time can look damaged: so what is wrong counts only if it is found twice running,
// for a log in use goes on in between, and damage stays where it is.
func Inspect(fsys FS, path string) (Inspection, error) {
	dir := newDirectory(fsys, path)
	found, err := dir.inspect()
	for range inspections {
		if err == nil {
			break
		}
		before := err
		if found, err = dir.inspect(); err != nil && err.Error() == before.Error() {
			break
		}
	}
	return found, err
}

func (d directory) inspect() (Inspection, error) {
	c, err := d.contents()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !c.holdsState() {
		return Inspection{}, fmt.Errorf("%w: %s", ErrNoState, d.path)
	}
	if err != nil {
		return Inspection{}, err
	}
	r := newRecovery(d)
	err = r.run(c)
	found := r.inspection(c)
	if err == nil {
		found.Groups, err = r.recovered()
	} else {
		err = fmt.Errorf("%w (in %s)", err, d.path)
	}
	if err != nil {
		found.Groups = nil
	}
	return found, errors.Join(err, r.close())
}

func (r *recovery) inspection(c contents) Inspection {
	found := Inspection{
		Identity: r.identity, Next: r.tail.next.number, Proven: r.tail.empty, Torn: r.torn,
		Unused: slices.Concat(r.stale, r.unused), Spares: c.freed,
	}
	for _, name := range r.names(c) {
		found.Segments = append(found.Segments, r.segmentInfo(name))
	}
	slices.SortStableFunc(found.Segments, func(a, b SegmentInfo) int { return cmp.Compare(a.Number, b.Number) })
	return found
}

// segmentInfo reads a header by itself, whatever recovery came to, and adds what that knows.
func (r *recovery) segmentInfo(name string) SegmentInfo {
	s, err := openSegmentReader(r.dir.fsys, r.dir.join(name), name, &readBuffer{})
	if err == nil {
		err = s.close()
	}
	if err != nil {
		return SegmentInfo{Name: name, Err: err}
	}
	info := s.info()
	for i, end := range r.ends {
		if r.segments[i].name == name {
			info.End, info.Batches = end.offset, end.batches
		}
	}
	return info
}

func (r *segmentReader) info() SegmentInfo {
	h := r.header
	return SegmentInfo{Name: r.name, Number: h.number, UseID: h.useID, FirstBatch: h.firstBatch, Size: h.size}
}

// InspectSegment reads one segment or spare by itself and lists every place where the header of a batch stands, in the
// order of the file, whatever lies between. Path is that of the file. It writes nothing. The error tells that the file or
// the segment's header cannot be read; damage to batches is in the list.
func InspectSegment(fsys FS, path string) (SegmentInfo, []BatchInfo, error) {
	name := filepath.Base(path)
	s, err := openSegmentReader(fsys, path, name, &readBuffer{})
	if err != nil {
		return SegmentInfo{Name: name, Err: err}, nil, err
	}
	batches, err := s.batches()
	info := s.info()
	info.Batches = len(batches)
	if n := len(batches); n > 0 {
		info.End = batches[n-1].Offset + batches[n-1].Size
	}
	return info, batches, errors.Join(err, s.close())
}

// batches lists what looks like a batch. Behind one that is whole the next block is looked at, behind a damaged one every
// block from the next on.
func (r *segmentReader) batches() ([]BatchInfo, error) {
	var found []BatchInfo
	for offset := int64(blockSize); offset+blockSize <= r.header.size; {
		info, ok, err := r.batchInfo(offset)
		if err != nil {
			return found, err
		}
		if ok {
			found = append(found, info)
		}
		if ok && !info.Damaged {
			offset += info.Size
		} else {
			offset += blockSize
		}
	}
	return found, nil
}

func (r *segmentReader) batchInfo(offset int64) (BatchInfo, bool, error) {
	data, err := r.bytes(offset, batchHeaderSize)
	if err != nil {
		return BatchInfo{}, false, err
	}
	h, ok := decodeBatchHeader(data)
	if !ok {
		return BatchInfo{}, false, nil
	}
	info := BatchInfo{
		Offset: offset, Size: h.extent(), Number: h.number, Records: int(h.records), Stale: h.useID != r.header.useID,
	}
	if offset+info.Size > r.header.size {
		info.Damaged = true
		return info, true, nil
	}
	data, err = r.bytes(offset, info.Size)
	if err != nil {
		return BatchInfo{}, false, err
	}
	info.Damaged = checksum(data[batchHeaderSize:][:h.length]) != h.payloadSum
	return info, true, nil
}
