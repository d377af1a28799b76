package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// SnapshotKeeper is a [Storage] that has a place for snapshots beside its log. A node whose storage is none takes no
// snapshots.
type SnapshotKeeper interface {
	// Snapshots returns the place. Call it once, before the node serves; the result may be used until the storage is
	// closed.
	Snapshots() (*Snapshots, error)
}

// What a place for snapshots answers, beside [ErrCorrupt] and [ErrNewerFormat].
var (
	// ErrNoSnapshot: there is no complete snapshot of that id.
	ErrNoSnapshot = errors.New("persistence: no such snapshot")
	// ErrNoRoom: so little room is left that the log needs it. It is not the disk's error, and nothing was written.
	ErrNoRoom = errors.New("persistence: no room for a snapshot")
	// ErrSnapshotInUse: the same snapshot is being written or received already.
	ErrSnapshotInUse = errors.New("persistence: snapshot is in use")
)

// Snapshots is a directory of snapshot files. A file is made under another name and gets its own when it is complete and
// synced, so a name that is found is a snapshot that is whole, unless the disk damaged it; and damage is found before a
// byte of it is handed out. Which snapshot counts is not decided here but by the log (see [Batch.SetSnapshot]).
//
// A failure here never harms the log: nothing rests on a file before it is complete, and one of which a write or sync
// failed is given up.
//
// Its methods may be called by several goroutines. What they return is used by one at a time each.
type Snapshots struct {
	dir      directory
	keepFree int64

	mu    sync.Mutex
	inUse map[string]int // open files by name
}

// The names in a directory of snapshots, by id in hexadecimal:
//
//	snapshot-000000000000002a.snap    complete and synced
//	build-000000000000002a.tmp        being written by this node; swept when found later
//	receive-000000000000002a.part     being received, perhaps to be resumed
const (
	snapshotPrefix = "snapshot-"
	snapshotSuffix = ".snap"
	buildPrefix    = "build-"
	buildSuffix    = ".tmp"
	receivePrefix  = "receive-"
	receiveSuffix  = ".part"
)

func snapshotName(id uint64) string {
	return fmt.Sprintf("%s%016x%s", snapshotPrefix, id, snapshotSuffix)
}
func buildName(id uint64) string   { return fmt.Sprintf("%s%016x%s", buildPrefix, id, buildSuffix) }
func receiveName(id uint64) string { return fmt.Sprintf("%s%016x%s", receivePrefix, id, receiveSuffix) }

// OpenSnapshots returns the snapshots in the directory at path, which is made if it is missing. KeepFree is how many bytes
// of the file system are left to others: with less, [ErrNoRoom] ends what is being written. One process uses a directory
// at a time; the lock of the log beside it is what sees to that.
func OpenSnapshots(fsys FS, path string, keepFree int64) (*Snapshots, error) {
	if err := fsys.MkdirAll(path); err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	return &Snapshots{dir: newDirectory(fsys, path), keepFree: keepFree, inUse: map[string]int{}}, nil
}

// String returns the path.
func (s *Snapshots) String() string { return s.dir.path }

// Label returns the label of a complete snapshot, size and checksum included. The body is not looked at.
func (s *Snapshots) Label(id uint64) (engine.SnapshotMeta, error) {
	r, err := s.Open(id)
	if err != nil {
		return engine.SnapshotMeta{}, err
	}
	return r.Meta(), r.Close()
}

// Partial returns the ids of snapshots that were received in part, ascending.
func (s *Snapshots) Partial() ([]uint64, error) {
	names, err := s.list()
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		if id, ok := numberIn(name, receivePrefix, receiveSuffix); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Sweep removes every file of a snapshot that is not among keep, complete or not, and what earlier lives were writing.
// Files that are open stay; left says how many, so that it can be tried again. What could not be removed is no harm, and
// told in the error.
//
// No sync is made of it: what a crash brings back is swept later.
func (s *Snapshots) Sweep(keep ...uint64) (left int, err error) {
	names, err := s.list()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !sweepable(name, keep) {
			continue
		}
		open, removeErr := s.removeUnlessOpen(name)
		if open {
			left++
		}
		err = errors.Join(err, removeErr)
	}
	return left, err
}

func (s *Snapshots) list() ([]string, error) {
	names, err := s.dir.fsys.List(s.dir.path)
	if err != nil {
		return nil, fmt.Errorf("persistence: %s: %w", s.dir.path, err)
	}
	return names, nil
}

// sweepable reports whether the name is one of ours and of a snapshot that is not kept. What is being built has no name
// in keep: it is open, or was left over.
func sweepable(name string, keep []uint64) bool {
	if _, ours := numberIn(name, buildPrefix, buildSuffix); ours {
		return true
	}
	id, ours := numberIn(name, snapshotPrefix, snapshotSuffix)
	if !ours {
		id, ours = numberIn(name, receivePrefix, receiveSuffix)
	}
	return ours && !slices.Contains(keep, id)
}

func (s *Snapshots) removeUnlessOpen(name string) (open bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inUse[name] > 0 {
		return true, nil
	}
	if err := s.dir.fsys.Remove(s.dir.join(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("persistence: %w", err)
	}
	return false, nil
}

// use notes that a file is open, before it is opened.
func (s *Snapshots) use(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse[name]++
}

// claim is use for a file that only one may have open.
func (s *Snapshots) claim(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inUse[name] > 0 {
		return fmt.Errorf("%w: %s", ErrSnapshotInUse, s.dir.join(name))
	}
	s.inUse[name]++
	return nil
}

func (s *Snapshots) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inUse[name]--; s.inUse[name] == 0 {
		delete(s.inUse, name)
	}
}

// Has reports whether the snapshot of the label is here, complete, whole and durable. All of it is read.
//
// A file that has its name may have it in memory only, from a process that was killed before its last sync. So the
// directory is synced again: the log is about to name the file.
func (s *Snapshots) Has(meta engine.SnapshotMeta) bool {
	r, err := s.Open(meta.ID)
	if err != nil {
		return false
	}
	same := sameLabel(r.Meta(), meta) && r.Verify() == nil
	return r.Close() == nil && same && s.dir.sync() == nil
}

// publish gives a file that is complete and synced its name, durably. Only afterwards may anybody hear of it. A name that
// could not be synced is taken away: nobody is to find the file and believe it durable.
func (s *Snapshots) publish(from string, id uint64) error {
	name := snapshotName(id)
	if err := s.dir.rename(from, name); err != nil {
		return fmt.Errorf("persistence: %w", err)
	}
	if err := s.dir.sync(); err != nil {
		return errors.Join(fmt.Errorf("persistence: %w", err), s.dir.fsys.Remove(s.dir.join(name)))
	}
	return nil
}

// checkRoom refuses the next step where others would lack what it takes.
func (s *Snapshots) checkRoom() error { return s.checkRoomFor(0) }

// checkRoomFor refuses so many bytes and the next step where others would lack what they take. Where it cannot be told how
// much room there is, writing will tell.
func (s *Snapshots) checkRoomFor(size uint64) error {
	free, err := s.dir.fsys.FreeBytes(s.dir.path)
	left := uint64(max(0, free-s.keepFree))
	if err != nil || s.keepFree <= 0 || left >= size && left-size >= snapshotRoomStep {
		return nil
	}
	return fmt.Errorf("%w: %s has %d bytes left, of which %d are kept free, for %d", ErrNoRoom, s.dir.path, free, s.keepFree, size)
}
