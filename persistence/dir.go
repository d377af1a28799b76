package persistence

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/yggr-go/yggr/engine"
)

// Options tunes a directory. The zero value is what most want.
type Options struct {
	// SegmentSize is the size of segment files, in bytes, rounded up to whole blocks of 4 KiB and to at least
	// 16 KiB; zero means [DefaultSegmentSize]. A batch that is larger gets a segment of its own size. Once a segment
	// holds 1 MiB the next one is being made beside it. It may change from one opening to the next; freed
	// segments of another size are removed then.
	SegmentSize int64
	// ReserveBytes is how much room the log keeps in reserve: with less than that, [Storage.NearlyFull] says so. What
	// counts is the room on the file system and in files that the log has made ahead of need. Zero means two segments
	// and 16 MiB, so that there is room for going on until a snapshot frees some; the snapshot itself is not counted.
	// Negative means no reserve.
	ReserveBytes int64
	// Random draws the use-ids of segments; nil means the system's secure source. Simulations supply a seeded one.
	// It must not repeat itself within the life of a directory, restarts included: what an earlier use left in a
	// file is told from the log by its use-id alone.
	Random func() uint64
}

func (o Options) segmentSize() int64 {
	if o.SegmentSize <= 0 {
		return DefaultSegmentSize
	}
	return max(alignUp(o.SegmentSize), minSegmentSize)
}

func (o Options) reserve() int64 {
	if o.ReserveBytes == 0 {
		return 2*o.segmentSize() + 16<<20
	}
	return max(0, o.ReserveBytes)
}

func (o Options) useID() uint64 {
	if o.Random != nil {
		return o.Random()
	}
	var b [8]byte
	_, _ = cryptorand.Read(b[:]) // never fails: it ends the program instead
	return binary.LittleEndian.Uint64(b[:])
}

// Dir is a directory that holds the data of one node. It implements [Opener]. Its methods may be called by several
// goroutines; only one [Disk] is open at a time.
type Dir struct {
	dir     directory
	options Options
}

var _ Opener = (*Dir)(nil)

// NewDir returns the directory at path in fsys, usually [OS]. Nothing is touched. The path is cleaned as
// by filepath.Clean: ".." leads back to where the path came from, also behind a symbolic link.
func NewDir(fsys FS, path string, options Options) *Dir {
	return &Dir{dir: newDirectory(fsys, path), options: options}
}

// String returns the path, cleaned.
func (d *Dir) String() string { return d.dir.path }

// Exists reports whether the directory holds the state of a node, intact or not.
func (d *Dir) Exists() (bool, error) {
	c, err := d.dir.contents()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return c.holdsState(), err
}

// Create implements [Opener]. The returned Storage is a [*Disk].
func (d *Dir) Create(id Identity, state engine.HardState, first []engine.Entry) (Storage, error) {
	if err := id.validate(); err != nil {
		return nil, err
	}
	if err := (groupStates{}).apply(foundingBatch(state, first), 1); err != nil {
		return nil, err
	}
	if err := d.dir.checkPoison(); err != nil {
		return nil, err
	}
	if err := d.dir.fsys.MkdirAll(d.dir.path); err != nil {
		return nil, fmt.Errorf("persistence: %w", err)
	}
	lock, err := d.lock()
	if err != nil {
		return nil, err
	}
	disk, err := d.createLocked(id, state, first)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	disk.lock = lock
	return disk, nil
}

func (d *Dir) createLocked(id Identity, state engine.HardState, first []engine.Entry) (*Disk, error) {
	c, err := d.dir.contents()
	if err != nil {
		return nil, err
	}
	if c.holdsState() {
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, d.dir.path)
	}
	c.leftover = append(c.leftover, c.freed...)
	if c.founding {
		c.leftover = append(c.leftover, foundingName)
	}
	disk := newDisk(d, id)
	if err := disk.prepareFounding(c.leftover, state, first); err != nil {
		return nil, errors.Join(fmt.Errorf("persistence: create %s: %w", d.dir.path, err), disk.log.close())
	}
	if err := disk.found(); err != nil {
		return nil, d.dir.poison(errors.Join(err, disk.log.close()))
	}
	return disk, nil
}

// Open implements [Opener]. The returned Storage is a [*Disk].
func (d *Dir) Open(want Identity) (Storage, error) {
	if err := d.dir.checkPoison(); err != nil {
		return nil, err
	}
	switch exists, err := d.Exists(); {
	case err != nil:
		return nil, err
	case !exists:
		return nil, fmt.Errorf("%w: %s", ErrNoState, d.dir.path)
	}
	lock, err := d.lock()
	if err != nil {
		return nil, err
	}
	disk, err := d.openLocked(want)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	disk.lock = lock
	return disk, nil
}

// lock locks the directory. Whoever had it until now may have failed meanwhile, and said so before it let go.
func (d *Dir) lock() (io.Closer, error) {
	lock, err := d.dir.fsys.Lock(d.dir.join(lockName))
	if err != nil {
		return nil, d.dir.failed(err)
	}
	if err := d.dir.checkPoison(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// openLocked reads everything first and judges it; only when nothing is wrong is anything written.
func (d *Dir) openLocked(want Identity) (*Disk, error) {
	c, err := d.dir.contents()
	if err != nil {
		return nil, err
	}
	if err := d.checkWanted(c, want); err != nil {
		return nil, err
	}
	r, err := recoverDirectory(d.dir, c)
	if err != nil {
		return nil, err
	}
	disk, err := d.hydrate(r, c)
	if err = errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	return disk, nil
}

// checkWanted looks at the identity before anything else: a stranger's log is not judged.
func (d *Dir) checkWanted(c contents, want Identity) error {
	if !c.identity {
		return nil // recovery says what is wrong
	}
	found, err := d.dir.readIdentity()
	if err != nil {
		return err
	}
	if err := found.checkWanted(want); err != nil {
		return fmt.Errorf("%w (in %s)", err, d.dir.path)
	}
	return nil
}

func (d *Dir) hydrate(r *recovery, c contents) (*Disk, error) {
	recovered, err := r.recovered()
	if err != nil {
		return nil, err
	}
	disk := newDisk(d, r.identity)
	disk.recovered = recovered
	for group, g := range r.groups {
		state := g.groupState // a pointer into g would keep its entries alive for as long as the log is open
		disk.log.groups[group] = &state
	}
	if err := disk.resume(r, c); err != nil {
		return nil, err
	}
	return disk, nil
}
