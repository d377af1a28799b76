package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// SnapshotReceiver takes the bytes of another node's snapshot file. It ends with Commit, with Close, which keeps what is
// here for another attempt, or with Discard.
type SnapshotReceiver struct {
	out    *pacedFile
	meta   engine.SnapshotMeta
	digest digest
	ended  bool
}

// Receive begins or resumes to receive the snapshot of the label. What an earlier attempt left is kept as far as it
// proves to be whole, block by block: see [SnapshotReceiver.Offset]. Partial files of other snapshots are removed, for
// a node receives one at a time.
//
// What is kept may be in memory only, left there by a process that was killed, perhaps after a sync that failed. So it is
// written again in place, and the sync of Commit speaks of all of it.
func (s *Snapshots) Receive(meta engine.SnapshotMeta) (*SnapshotReceiver, error) {
	if err := meta.Validate(); err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	name := receiveName(meta.ID)
	if err := s.claim(name); err != nil {
		return nil, err
	}
	file, err := s.openPartial(&meta, name)
	if err != nil {
		s.release(name)
		return nil, err
	}
	r := &SnapshotReceiver{out: &pacedFile{store: s, name: name, file: file}, meta: meta}
	if err := r.resume(); err != nil {
		r.Discard()
		return nil, fmt.Errorf("persistence: %s: %w", s.dir.join(name), err)
	}
	return r, nil
}

// openPartial opens the partial file of a snapshot, or makes one if there is none. Those of others go first, for it may be
// they that leave no room.
func (s *Snapshots) openPartial(meta *engine.SnapshotMeta, name string) (File, error) {
	if err := s.removePartialBut(meta.ID); err != nil {
		return nil, err
	}
	file, err := s.dir.fsys.Open(s.dir.join(name))
	switch {
	case err == nil:
		return s.roomForRest(meta, file)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("persistence: %w", err)
	}
	if err := s.checkRoomFor(meta.Size); err != nil {
		return nil, err
	}
	if file, err = s.dir.fsys.Create(s.dir.join(name)); err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	return file, nil
}

// roomForRest closes the file again if what is missing of the snapshot has no room.
func (s *Snapshots) roomForRest(meta *engine.SnapshotMeta, file File) (File, error) {
	have, err := file.Size()
	if err == nil {
		err = s.checkRoomFor(meta.Size - min(meta.Size, uint64(have)))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (s *Snapshots) removePartialBut(id uint64) error {
	others, err := s.Partial()
	if err != nil {
		return err
	}
	for _, other := range others {
		if other == id {
			continue
		}
		if _, err := s.removeUnlessOpen(receiveName(other)); err != nil {
			return err
		}
	}
	return nil
}

// resume finds out how much of the file is whole and of this snapshot, and writes that again.
func (r *SnapshotReceiver) resume() error {
	size, err := r.out.file.Size()
	if err != nil || size == 0 {
		return err
	}
	if uint64(size) > r.meta.Size {
		return r.restart()
	}
	found, blocks, err := readHead(r.out.file)
	found.Size, found.Checksum = r.meta.Size, r.meta.Checksum
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrNewerFormat), err == nil && !sameLabel(found, r.meta):
		return nil // nothing of it can be used; it is written over from the beginning
	case err != nil:
		return err
	}
	blocks.end = min(size, int64(r.meta.Size)-trailerSize)
	head := make([]byte, blocks.offset)
	if err := readFull(r.out.file, head, 0); err != nil {
		return err
	}
	return r.takeBlocks(head, &blocks)
}

// takeBlocks takes the head and then block after block up to the first that is not whole.
func (r *SnapshotReceiver) takeBlocks(head []byte, blocks *blockReader) error {
	for p, err := head, error(nil); ; p, err = blocks.next() {
		if err != nil { // the end, or one that is not whole: it comes again
			return nil
		}
		if err := r.append(p); err != nil {
			return err
		}
	}
}

// restart goes on in a new file: the old one is longer than the snapshot.
func (r *SnapshotReceiver) restart() error {
	fsys, path := r.out.store.dir.fsys, r.out.store.dir.join(r.out.name)
	if err := errors.Join(r.out.file.Close(), fsys.Remove(path)); err != nil {
		return err
	}
	var err error
	r.out.file, err = fsys.Create(path)
	return err
}

func sameLabel(a, b engine.SnapshotMeta) bool {
	return a.ID == b.ID && a.Position == b.Position && a.ConfigurationIndex == b.ConfigurationIndex &&
		slices.Equal(a.Membership.Members, b.Membership.Members) && a.Size == b.Size && a.Checksum == b.Checksum
}

// Meta returns the label of what is received.
func (r *SnapshotReceiver) Meta() engine.SnapshotMeta { return r.meta }

// Offset returns how many bytes of the file are here, in order from its beginning: where the next chunk begins.
func (r *SnapshotReceiver) Offset() uint64 { return uint64(r.out.offset) }

// Append takes the bytes of the file from offset on, which must be [SnapshotReceiver.Offset]. After any other error
// nothing more is taken; what is here may be kept, for a later attempt finds out how much of it is whole.
func (r *SnapshotReceiver) Append(offset uint64, chunk []byte) error {
	switch {
	case r.ended:
		return fmt.Errorf("%w: snapshot %x", ErrClosed, r.meta.ID)
	case offset != r.Offset():
		return fmt.Errorf("persistence: snapshot %x: chunk at %d, expected %d", r.meta.ID, offset, r.Offset())
	case offset+uint64(len(chunk)) > r.meta.Size:
		return fmt.Errorf("persistence: snapshot %x: chunk up to %d of %d bytes", r.meta.ID, offset+uint64(len(chunk)), r.meta.Size)
	}
	return r.append(chunk)
}

func (r *SnapshotReceiver) append(p []byte) error {
	summed := max(0, min(int64(len(p)), int64(r.meta.Size)-trailerSize-r.out.offset)) // the trailer holds the sum
	if err := r.out.append(p); err != nil {
		return fmt.Errorf("persistence: %w", err)
	}
	r.digest.add(p[:summed])
	return nil
}

// Commit verifies that all bytes are here and are those of the label, and makes the snapshot durable, name included.
// Bytes that are not right are [ErrCorrupt], and are removed, as is what could not be synced.
func (r *SnapshotReceiver) Commit() error {
	if r.ended {
		return fmt.Errorf("%w: snapshot %x", ErrClosed, r.meta.ID)
	}
	err := r.out.dead
	if err == nil {
		err = r.check()
	}
	if err == nil {
		err = r.out.sync()
	}
	if err != nil {
		r.Discard()
		return fmt.Errorf("persistence: %s: %w", r.out.store.dir.join(r.out.name), err)
	}
	r.ended = true
	return r.out.finish(r.meta.ID)
}

// check compares what is here with the label.
func (r *SnapshotReceiver) check() error {
	found, _, _, err := readLabel(r.out.file)
	switch {
	case err != nil:
		return err
	case found.Size != r.meta.Size || r.Offset() != r.meta.Size:
		return fmt.Errorf("%w: %d bytes of %d", ErrCorrupt, r.Offset(), r.meta.Size)
	case r.digest.sum() != r.meta.Checksum || !sameLabel(found, r.meta):
		return fmt.Errorf("%w: the bytes are not those of snapshot %v", ErrCorrupt, r.meta)
	}
	return nil
}

// Close ends an attempt and keeps what is here for another one. After Commit or Discard it does nothing.
func (r *SnapshotReceiver) Close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	return r.out.close()
}

// Discard ends an attempt and removes what is here. After Commit or Close it does nothing.
func (r *SnapshotReceiver) Discard() {
	if !r.ended {
		r.ended = true
		r.out.closeAndRemove()
	}
}
