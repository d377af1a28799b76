package persistence

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/yggr-go/yggr/engine"
)

const (
	// snapshotSyncStep is how much of a snapshot is written before it is synced. Without that the one sync at the end
	// would have gigabytes to write, and the log's syncs, which others wait for, would queue behind them.
	snapshotSyncStep = 16 << 20
	// snapshotStartStep is how much is written before the disk is asked to begin with it: it works while more comes.
	snapshotStartStep = 1 << 20
	// snapshotRoomStep is how much is written before room is looked for.
	snapshotRoomStep = 1 << 20
)

// pacedFile is a snapshot file while it is written, from front to back.
type pacedFile struct {
	store  *Snapshots
	name   string
	file   File
	offset int64
	synced int64 // the offset when it was last synced
	looked int64 // the offset when room was last looked for
	begun  int64 // up to where the disk was asked to write
	dead   error // why nothing is written any more
}

// earlyWriter is a [File] whose disk can be asked to begin with what was written, and not to wait for the sync.
type earlyWriter interface {
	startWriting(offset, size int64)
}

// append writes p behind what is there.
func (f *pacedFile) append(p []byte) error {
	if f.dead != nil {
		return f.dead
	}
	if f.dead = f.pace(); f.dead == nil {
		_, f.dead = f.file.WriteAt(p, f.offset)
	}
	if f.dead == nil {
		f.offset += int64(len(p))
		f.startWriting()
	}
	return f.dead
}

func (f *pacedFile) startWriting() {
	if early, ok := f.file.(earlyWriter); ok && f.offset-f.begun >= snapshotStartStep {
		early.startWriting(f.begun, f.offset-f.begun)
		f.begun = f.offset
	}
}

// pace does what is due between two writes.
func (f *pacedFile) pace() error {
	if f.offset-f.looked >= snapshotRoomStep {
		f.looked = f.offset
		if err := f.store.checkRoom(); err != nil {
			return err
		}
	}
	if f.offset-f.synced >= snapshotSyncStep {
		return f.sync()
	}
	return nil
}

func (f *pacedFile) sync() error {
	f.synced = f.offset
	return f.file.Sync()
}

// close closes the file and lets others have it.
func (f *pacedFile) close() error {
	err := f.file.Close()
	f.store.release(f.name)
	return err
}

// finish makes a complete file durable under the name of the snapshot. Nobody sweeps it meanwhile.
func (f *pacedFile) finish(id uint64) error {
	defer f.store.release(f.name)
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("persistence: %w", err)
	}
	return f.store.publish(f.name, id)
}

// closeAndRemove gives the file up. What cannot be removed is swept later.
func (f *pacedFile) closeAndRemove() {
	_ = f.file.Close()
	_ = f.store.dir.fsys.Remove(f.store.dir.join(f.name))
	f.store.release(f.name)
}

// SnapshotWriter writes one snapshot. It ends with Commit or Abort. Its memory is the same for bodies of any size.
type SnapshotWriter struct {
	out    *pacedFile
	meta   engine.SnapshotMeta
	digest digest
	body   uint64
	block  []byte // prefix and body so far
	err    error
	ended  bool
}

// Create begins a snapshot. The label must be valid; its size and checksum are those that Commit returns.
func (s *Snapshots) Create(meta engine.SnapshotMeta) (*SnapshotWriter, error) {
	if err := meta.Validate(); err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	if err := s.checkRoom(); err != nil {
		return nil, err
	}
	name := buildName(meta.ID)
	if err := s.claim(name); err != nil {
		return nil, err
	}
	file, err := s.createAnew(name)
	if err != nil {
		s.release(name)
		return nil, fmt.Errorf("persistence: %w", err)
	}
	w := &SnapshotWriter{
		out: &pacedFile{store: s, name: name, file: file}, meta: meta, block: make([]byte, blockPrefixSize),
	}
	w.put(encodeLabel(&meta))
	return w, nil
}

// createAnew makes an empty file, in the place of a left-over one if there is one.
func (s *Snapshots) createAnew(name string) (File, error) {
	file, err := s.dir.fsys.Create(s.dir.join(name))
	if !errors.Is(err, fs.ErrExist) {
		return file, err
	}
	if err := s.dir.fsys.Remove(s.dir.join(name)); err != nil {
		return nil, err
	}
	return s.dir.fsys.Create(s.dir.join(name))
}

// Write adds to the body. After an error nothing more is written, and Commit fails.
func (w *SnapshotWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		room := min(len(p), fullBlock-len(w.block))
		w.block = append(w.block, p[:room]...)
		p, n = p[room:], n+room
		if len(w.block) == fullBlock {
			w.flush()
		}
	}
	return n, w.err
}

// flush writes the block, if there is anything in it.
func (w *SnapshotWriter) flush() {
	if len(w.block) == blockPrefixSize {
		return
	}
	sealBlock(w.block)
	w.put(w.block)
	w.body += uint64(len(w.block) - blockPrefixSize)
	w.block = w.block[:blockPrefixSize]
}

func (w *SnapshotWriter) put(p []byte) {
	if w.err != nil {
		return
	}
	if err := w.out.append(p); err != nil {
		w.err = fmt.Errorf("persistence: %w", err)
		return
	}
	w.digest.add(p)
}

// Commit completes the snapshot and makes it durable, name included, and returns its label with size and checksum. When
// it fails there is no snapshot, or one that nobody names.
func (w *SnapshotWriter) Commit() (engine.SnapshotMeta, error) {
	if w.ended {
		return engine.SnapshotMeta{}, fmt.Errorf("%w: snapshot %x", ErrClosed, w.meta.ID)
	}
	w.flush()
	w.meta.Checksum = w.digest.sum()
	w.put(snapshotTrailer{body: w.body, digest: w.meta.Checksum}.encode())
	w.meta.Size = uint64(w.out.offset)
	if w.err == nil {
		if err := w.out.sync(); err != nil {
			w.err = fmt.Errorf("persistence: %w", err)
		}
	}
	if w.err != nil {
		w.Abort()
		return engine.SnapshotMeta{}, w.err
	}
	w.ended = true
	if w.err = w.out.finish(w.meta.ID); w.err != nil {
		return engine.SnapshotMeta{}, w.err
	}
	return w.meta, nil
}

// Abort gives the snapshot up and removes its file. After Commit it does nothing, so it may be deferred.
func (w *SnapshotWriter) Abort() {
	if !w.ended {
		w.ended = true
		w.out.closeAndRemove()
	}
}
