package persistence

import (
	"errors"
	"fmt"
)

const (
	// DefaultSegmentSize is the size of a segment file, in bytes.
	DefaultSegmentSize = 64 << 20

	// minSegmentSize holds the header, a small batch, an empty one and the seal.
	minSegmentSize = 4 * blockSize

	// reservedTail is kept at the end of a segment for one empty batch and the seal.
	reservedTail = 2 * blockSize

	// zeroStep is how much is zeroed at a time, in bytes. A file zeroed with one write of 64 MiB was measured to make
	// later syncs of a block a fifth slower than one zeroed in such steps.
	zeroStep = 1 << 20
)

// zeros is what segments are filled with. It is only read.
var zeros [zeroStep]byte

// segmentWriter writes batches into one segment.
type segmentWriter struct {
	file   File
	name   string
	header segmentHeader
	offset int64 // of the next batch
}

// fits reports whether a batch of that extent leaves the reserved tail free.
func (s *segmentWriter) fits(extent int64) bool { return s.offset+extent <= s.header.size-reservedTail }

// fresh reports whether the segment has no batch yet.
func (s *segmentWriter) fresh() bool { return s.offset == blockSize }

// write makes a whole batch durable at the end of the segment.
func (s *segmentWriter) write(batch []byte) error {
	if _, err := s.file.WriteAt(batch, s.offset); err != nil {
		return fmt.Errorf("write segment %s, offset %d: %w", s.name, s.offset, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", s.name, err)
	}
	s.offset += int64(len(batch))
	return nil
}

// spare is a segment to be: a file that is being filled with zeros, so that later batches overwrite blocks that
// exist and a sync has no metadata to write.
type spare struct {
	file   File
	name   string
	size   int64
	zeroed int64 // written and synced up to here
	freed  bool  // it was a segment before and holds what that left, instead of zeros
}

func newSpare(dir directory, name string, size int64) (*spare, error) {
	file, err := dir.createAnew(name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	return &spare{file: file, name: name, size: size}, nil
}

// reuse opens a freed segment as a spare. Its blocks exist already, which is all that zeroing is for: batches of the
// earlier use do not match the use-id of the next one.
func reuse(dir directory, name string, size int64) (*spare, error) {
	file, err := dir.fsys.Open(dir.join(name))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return &spare{file: file, name: name, size: size, zeroed: size, freed: true}, nil
}

// step writes and syncs some more zeros.
func (s *spare) step() error {
	n := min(zeroStep, s.size-s.zeroed)
	if _, err := s.file.WriteAt(zeros[:n], s.zeroed); err != nil {
		return fmt.Errorf("write %s, offset %d: %w", s.name, s.zeroed, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	s.zeroed += n
	return nil
}

// begin makes the segment's header durable. The whole file is zeroed before; it may be renamed after.
func (s *spare) begin(header segmentHeader) error {
	block := make([]byte, blockSize)
	header.encode(block)
	if _, err := s.file.WriteAt(block, 0); err != nil {
		return fmt.Errorf("write %s, offset 0: %w", s.name, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	return nil
}

// become closes the spare, gives it its name and opens it as a segment. Some systems do not rename open files.
func (s *spare) become(dir directory, name string, header segmentHeader) (*segmentWriter, error) {
	if err := s.begin(header); err != nil {
		return nil, err
	}
	if err := s.file.Close(); err != nil {
		return nil, fmt.Errorf("close %s: %w", s.name, err)
	}
	if err := errors.Join(dir.rename(s.name, name), dir.sync()); err != nil {
		return nil, fmt.Errorf("rename %s to %s: %w", s.name, name, err)
	}
	file, err := dir.fsys.Open(dir.join(name))
	if err != nil {
		return nil, fmt.Errorf("open segment %s: %w", name, err)
	}
	return &segmentWriter{file: file, name: name, header: header, offset: blockSize}, nil
}
