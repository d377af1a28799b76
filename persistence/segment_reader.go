package persistence

import (
	"errors"
	"fmt"
	"io"
)

// readAhead is how much of a segment is read at a time, in bytes. It stays in a processor's cache, so that the
// checksum and the copy into the arena cost little beside the read.
const readAhead = 1 << 20

// segmentReader reads the batches of one segment in order.
type segmentReader struct {
	file   File
	name   string
	header segmentHeader

	window []byte // bytes of the file from start on
	start  int64
	buffer *readBuffer // what window lies in
}

// readBuffer is shared by readers that take turns.
type readBuffer struct{ data []byte }

// first returns the first size bytes of the buffer, which keeps what it holds and grows if it must.
func (b *readBuffer) first(size int64, kept int) []byte {
	if int64(len(b.data)) < size {
		grown := make([]byte, size)
		copy(grown, b.data[:kept])
		b.data = grown
	}
	return b.data[:size]
}

// openSegmentReader reads a segment's header. The reader must be closed unless there is an error.
func openSegmentReader(fsys FS, path, name string, buffer *readBuffer) (*segmentReader, error) {
	file, err := fsys.OpenRead(path)
	if err != nil {
		return nil, fmt.Errorf("persistence: segment %s: %w", name, err)
	}
	r := &segmentReader{file: file, name: name, buffer: buffer}
	if err := r.readHeader(); err != nil {
		return nil, errors.Join(fmt.Errorf("segment %s, offset 0: %w", name, err), file.Close())
	}
	return r, nil
}

func (r *segmentReader) readHeader() error {
	size, err := r.file.Size()
	if err != nil {
		return err
	}
	sector := make([]byte, min(size, sectorSize))
	if _, err := r.file.ReadAt(sector, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if r.header, err = decodeSegmentHeader(sector); err != nil {
		return err
	}
	if size < r.header.size {
		return fmt.Errorf("%w: truncated to %d of %d bytes", ErrCorrupt, size, r.header.size)
	}
	return nil
}

// close closes the file; doing it again does nothing.
func (r *segmentReader) close() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

// forget gives the shared buffer up; the next read goes to the file.
func (r *segmentReader) forget() { r.window = nil }

// bytes returns size bytes at the offset. They are valid until the next call.
func (r *segmentReader) bytes(offset, size int64) ([]byte, error) {
	if offset < r.start || offset+size > r.start+int64(len(r.window)) {
		if err := r.fill(offset, size); err != nil {
			return nil, fmt.Errorf("persistence: segment %s, offset %d: %w", r.name, offset, err)
		}
	}
	return r.window[offset-r.start:][:size], nil
}

// fill moves the window to the offset. What it already holds of the new window is kept, so that a batch across
// the end of a window is not read twice.
func (r *segmentReader) fill(offset, size int64) error {
	want := min(max(size, readAhead), r.header.size-offset)
	if want < size {
		return io.ErrUnexpectedEOF
	}
	kept := 0
	if end := r.start + int64(len(r.window)); offset >= r.start && offset < end {
		kept = copy(r.buffer.data, r.window[offset-r.start:])
	}
	window := r.buffer.first(want, kept)
	r.forget()
	if _, err := r.file.ReadAt(window[kept:], offset+int64(kept)); err != nil {
		return err
	}
	r.window, r.start = window, offset
	return nil
}

// chain says which batch must come next.
type chain struct {
	number   uint64
	previous uint32
	first    bool // the oldest batch there is: what it names as previous cannot be checked
}

// after returns what must follow the batch.
func after(h batchHeader) chain { return chain{number: h.number + 1, previous: h.checksum} }

// batch returns the batch at the offset, if it is the intact next one of the chain. The payload is valid until
// the next call.
func (r *segmentReader) batch(offset int64, next chain) (batchHeader, []byte, bool, error) {
	h, ok, err := r.headerAt(offset)
	if err != nil || !ok || h.number != next.number || (h.previous != next.previous && !next.first) {
		return batchHeader{}, nil, false, err
	}
	if offset+h.extent() > r.header.size {
		return batchHeader{}, nil, false, nil
	}
	data, err := r.bytes(offset, h.extent())
	if err != nil {
		return batchHeader{}, nil, false, err
	}
	payload := data[batchHeaderSize:][:h.length]
	return h, payload, checksum(payload) == h.payloadSum, nil
}

// headerAt returns the intact batch header of this use of the segment at the offset, if there is one.
func (r *segmentReader) headerAt(offset int64) (batchHeader, bool, error) {
	if offset+blockSize > r.header.size {
		return batchHeader{}, false, nil
	}
	data, err := r.bytes(offset, batchHeaderSize)
	if err != nil {
		return batchHeader{}, false, err
	}
	h, ok := decodeBatchHeader(data)
	return h, ok && h.useID == r.header.useID, nil
}

// newer looks from the offset on for the header of a batch with a number above the given one. Since a batch is
// first written after the one before it was synced, such a header proves that the batch of that number was durable.
func (r *segmentReader) newer(offset int64, number uint64) (int64, bool, error) {
	for ; offset+blockSize <= r.header.size; offset += blockSize {
		h, ok, err := r.headerAt(offset)
		if err != nil {
			return 0, false, err
		}
		if ok && h.number > number {
			return offset, true, nil
		}
	}
	return 0, false, nil
}
