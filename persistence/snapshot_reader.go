package persistence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/yggr-go/yggr/engine"
)

// SnapshotReader is an open snapshot: its label, its body for a state machine, and its bytes for another node. While it is
// open its file is not swept. It is used by one goroutine at a time.
type SnapshotReader struct {
	store  *Snapshots
	name   string
	path   string
	file   File
	meta   engine.SnapshotMeta
	blocks blockReader
	end    snapshotTrailer
	rest   []byte // of the block that was read last
	failed error
}

// Open opens a complete snapshot. Label and trailer are verified here, the body as it is read. The errors are
// [ErrNoSnapshot], [ErrCorrupt] and [ErrNewerFormat], with file and offset, or what the file system said.
func (s *Snapshots) Open(id uint64) (*SnapshotReader, error) {
	name := snapshotName(id)
	s.use(name)
	r, err := s.open(id, name)
	if err != nil {
		s.release(name)
		return nil, err
	}
	return r, nil
}

func (s *Snapshots) open(id uint64, name string) (*SnapshotReader, error) {
	path := s.dir.join(name)
	file, err := s.dir.fsys.OpenRead(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoSnapshot, path)
	}
	if err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	r := &SnapshotReader{store: s, name: name, path: path, file: file}
	if r.meta, r.blocks, r.end, err = readLabel(file); err == nil && r.meta.ID != id {
		err = fmt.Errorf("%w: it is snapshot %x", ErrCorrupt, r.meta.ID)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("persistence: %s: %w", path, err), file.Close())
	}
	return r, nil
}

// readLabel reads and verifies everything of a snapshot file but its blocks, which it returns a reader for.
func readLabel(file File) (engine.SnapshotMeta, blockReader, snapshotTrailer, error) {
	var trailer snapshotTrailer
	size, err := file.Size()
	if err != nil {
		return engine.SnapshotMeta{}, blockReader{}, trailer, err
	}
	meta, blocks, err := readHead(file)
	if err != nil {
		return meta, blocks, trailer, err
	}
	if size < blocks.offset+trailerSize {
		return meta, blocks, trailer, fmt.Errorf("%w: %d bytes, it is cut short", ErrCorrupt, size)
	}
	var tail [trailerSize]byte
	blocks.end = size - trailerSize
	if err := readFull(file, tail[:], blocks.end); err != nil {
		return meta, blocks, trailer, err
	}
	if trailer, err = decodeSnapshotTrailer(tail[:]); err != nil {
		return meta, blocks, trailer, fmt.Errorf("at %d: %w", blocks.end, err)
	}
	meta.Size, meta.Checksum = uint64(size), trailer.digest
	return meta, blocks, trailer, nil
}

// readHead reads header and membership, and returns a reader of the blocks behind them.
func readHead(file File) (meta engine.SnapshotMeta, blocks blockReader, err error) {
	sector := make([]byte, sectorSize)
	if err := readFull(file, sector, 0); err != nil {
		return meta, blocks, fmt.Errorf("header: %w", err)
	}
	meta, length, err := decodeSnapshotHeader(sector)
	if err != nil {
		return meta, blocks, fmt.Errorf("header: %w", err)
	}
	encoded := make([]byte, length)
	if err := readFull(file, encoded, sectorSize); err != nil {
		return meta, blocks, fmt.Errorf("membership at %d: %w", sectorSize, err)
	}
	if meta.Membership, err = decodeSnapshotMembership(sector, encoded); err == nil {
		err = corrupt(meta.Validate())
	}
	if err != nil {
		return meta, blocks, fmt.Errorf("membership at %d: %w", sectorSize, err)
	}
	blocks = blockReader{file: file, offset: int64(sectorSize + length)}
	blocks.digest.add(sector)
	blocks.digest.add(encoded)
	return meta, blocks, nil
}

// corrupt calls an error damage.
func corrupt(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// readFull reads exactly p; a file that is shorter is damaged.
func readFull(file File, p []byte, offset int64) error {
	n, err := file.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends at %d", ErrCorrupt, offset+int64(n))
	}
	return err
}

// Meta returns the label.
func (r *SnapshotReader) Meta() engine.SnapshotMeta { return r.meta }

// Size returns the bytes of the whole file.
func (r *SnapshotReader) Size() int64 { return int64(r.meta.Size) }

// File gives access to the whole file, as another node is sent it, until Close. Its bytes are not verified: who receives
// them all will do that.
func (r *SnapshotReader) File() io.ReaderAt { return r.file }

// Read reads the body. Every block is verified before a byte of it is returned, and io.EOF comes only when all of the
// file has proved to be what was written. Damage is [ErrCorrupt] with file and offset.
func (r *SnapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.failed == nil {
		r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.failed
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads a block, or judges the file at its end.
func (r *SnapshotReader) next() {
	block, err := r.blocks.next()
	switch {
	case err == nil:
		r.rest = block[blockPrefixSize:]
	case errors.Is(err, io.EOF) && r.blocks.digest.sum() == r.end.digest && r.blocks.body == r.end.body:
		r.failed = io.EOF
	case errors.Is(err, io.EOF):
		r.failed = fmt.Errorf("persistence: %s: %w: its %d bytes are not those that its trailer sums up",
			r.path, ErrCorrupt, r.meta.Size)
	default:
		r.failed = fmt.Errorf("persistence: %s: %w", r.path, err)
	}
}

// Verify reads what is left of the body and tells whether the whole file is what was written.
func (r *SnapshotReader) Verify() error {
	for r.failed == nil {
		r.next()
	}
	r.rest = nil
	if errors.Is(r.failed, io.EOF) {
		return nil
	}
	return r.failed
}

// Close closes the file.
func (r *SnapshotReader) Close() error {
	if r.store == nil {
		return nil
	}
	err := r.file.Close()
	r.store.release(r.name)
	r.store = nil
	return err
}

// blockReader reads the blocks of a snapshot file, one after the other, and sums up what it has read.
type blockReader struct {
	file   File
	offset int64 // of the next block
	end    int64 // where the last one ends
	digest digest
	body   uint64
	buffer []byte
}

// next returns the next block, prefix included, until another one is read. At the end it returns io.EOF.
func (b *blockReader) next() ([]byte, error) {
	if b.offset == b.end {
		return nil, io.EOF
	}
	size := min(fullBlock, b.end-b.offset)
	if size <= blockPrefixSize {
		return nil, fmt.Errorf("block at %d: %w: it ends in its prefix", b.offset, ErrCorrupt)
	}
	if b.buffer == nil {
		b.buffer = make([]byte, size) // no later block has more room than the first
	}
	if err := readFull(b.file, b.buffer[:size], b.offset); err != nil {
		return nil, fmt.Errorf("block at %d: %w", b.offset, err)
	}
	length := int64(binary.LittleEndian.Uint32(b.buffer))
	if length == 0 || blockPrefixSize+length > size {
		return nil, fmt.Errorf("block at %d: %w: a length of %d", b.offset, ErrCorrupt, length)
	}
	block := b.buffer[:blockPrefixSize+length]
	if binary.LittleEndian.Uint32(block[4:]) != blockSum(block) {
		return nil, fmt.Errorf("block at %d: %w: its checksum does not match", b.offset, ErrCorrupt)
	}
	b.offset += int64(len(block))
	b.body += uint64(length)
	b.digest.add(block)
	return block, nil
}
