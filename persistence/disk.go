package persistence

import (
	"errors"
	"fmt"
	"io"

	"github.com/yggr-go/yggr/engine"
)

// Disk is the opened state of one node in a directory. It implements [Storage]; [Dir] makes it.
type Disk struct {
	dir       directory
	identity  Identity
	lock      io.Closer
	log       *log
	recovered map[Group]Recovered
	count     counters
	dead      error // why nothing is written any more
}

var (
	_ Storage        = (*Disk)(nil)
	_ SnapshotKeeper = (*Disk)(nil)
)

func newDisk(d *Dir, id Identity) *Disk {
	disk := &Disk{dir: d.dir, identity: id, recovered: map[Group]Recovered{}}
	disk.log = &log{
		dir: d.dir, identity: &disk.identity, groups: groupStates{}, options: d.options, count: &disk.count,
	}
	return disk
}

// prepareFounding makes everything of a new node's state under temporary names and makes it durable. The state does
// not exist yet: whatever fails here may be tried again.
func (d *Disk) prepareFounding(leftover []string, state engine.HardState, first []engine.Entry) error {
	if err := d.dir.remove(leftover); err != nil {
		return err
	}
	if err := d.writeFounding(state, first); err != nil {
		return err
	}
	return d.dir.writeIdentity(d.identity)
}

// found brings a prepared state into being. From the moment the identity has its name the state exists, and Open
// finishes what is left to do.
func (d *Disk) found() error {
	if err := d.dir.sync(); err != nil {
		return err
	}
	if err := d.dir.switchTo(identityTmpName, identityName); err != nil {
		return err
	}
	return d.nameFounding()
}

// foundingBatch holds what a new node begins with.
func foundingBatch(state engine.HardState, first []engine.Entry) *Batch {
	batch := &Batch{}
	batch.SetHardState(0, state)
	if len(first) > 0 {
		batch.Append(0, first)
	}
	return batch
}

// writeFounding makes the first segment with the first batch in it.
func (d *Disk) writeFounding(state engine.HardState, first []engine.Entry) error {
	l := d.log
	header := segmentHeader{
		identity: d.identity, number: 1, useID: l.options.useID(), firstBatch: 1, size: l.options.segmentSize(),
	}
	batch := foundingBatch(state, first)
	l.groups.of(0)
	header.size = max(header.size, blockSize+alignUp(batchHeaderSize+l.groups.checkpointSize()+batch.payloadSize())+reservedTail)
	file, err := l.makeFounding(header)
	if err != nil {
		return err
	}
	l.current = &segmentWriter{file: file, name: foundingName, header: header, offset: blockSize}
	l.next = chain{number: 1}
	d.recovered[0] = Recovered{HardState: state, Entries: first}
	return l.append(batch)
}

// nameFounding gives the first segment its name, as the last step of Create.
func (d *Disk) nameFounding() error {
	segment := d.log.current
	d.log.current = nil
	if err := segment.file.Close(); err != nil {
		return err
	}
	segment.name = segmentName(1)
	if err := d.dir.switchTo(foundingName, segment.name); err != nil {
		return err
	}
	var err error
	if segment.file, err = d.dir.fsys.Open(d.dir.join(segment.name)); err != nil {
		return err
	}
	d.log.current, d.log.nextName = segment, 2
	d.log.look()
	return nil
}

// resume takes the log up where recovery found its end. What recovery read may be in memory only, left there by a
// process that was killed, perhaps after a sync that failed: so the last batch is written again in place, which
// changes nothing on a disk that has it, and file and directory are synced. Every batch before it was synced before
// it was written.
//
// A file that cannot be opened, renamed or removed has lost nothing: then opening fails and may be tried again. Only a
// failed write or sync poisons the place.
func (d *Disk) resume(r *recovery, c contents) error {
	last, err := r.lastBatch()
	if err = errors.Join(err, r.close()); err != nil {
		return err
	}
	if err := d.writeAgain(last, r); err != nil {
		return err
	}
	if err := d.tidy(r, c); err != nil {
		return err
	}
	return d.takeUp(r, c)
}

// writeAgain makes the last batch durable in its place.
func (d *Disk) writeAgain(last []byte, r *recovery) error {
	file, err := d.dir.fsys.Open(d.dir.join(r.segments[r.tail.lastIn].name))
	if err != nil {
		return d.dir.failed(err)
	}
	if _, err = file.WriteAt(last, r.tail.lastAt); err == nil {
		err = file.Sync()
	}
	d.count.synced(int64(len(last)))
	if err = errors.Join(err, file.Close()); err != nil {
		return d.dir.poison(err)
	}
	return nil
}

// tidy makes the names durable that recovery found, and then finishes or removes what was interrupted. In that order: two
// names that change without a sync between them may reach the disk the other way round, and a segment that has its name
// beside an identity that lost its own would be taken for damage.
func (d *Disk) tidy(r *recovery, c contents) error {
	if err := d.dir.fsys.MkdirAll(d.dir.path); err != nil { // its entry, and those of its parents
		return d.dir.poison(err)
	}
	if err := d.dir.sync(); err != nil {
		return d.dir.poison(err)
	}
	d.takeSpares(c.freed)
	if founding := r.segments[0]; founding.name == foundingName {
		founding.name = segmentName(1)
		if err := d.nameFounded(founding.name); err != nil {
			return err
		}
	}
	return d.sweep(r, c)
}

// nameFounded gives the first segment its name, where Create was interrupted before that.
func (d *Disk) nameFounded(name string) error {
	if err := d.dir.rename(foundingName, name); err != nil {
		return d.dir.failed(err)
	}
	if err := d.dir.sync(); err != nil {
		return d.dir.poison(err)
	}
	return nil
}

// sweep removes what was left behind. A segment that was to come next has to go: the log will have another one of that
// number. Anything else that cannot be removed is in nobody's way: what stands before a gap is tried again, and who needs
// the name of a temporary file removes it first.
func (d *Disk) sweep(r *recovery, c contents) error {
	for _, name := range r.unused {
		if err := d.dir.fsys.Remove(d.dir.join(name)); err != nil {
			return d.dir.failed(err)
		}
	}
	for _, name := range r.stale {
		if err := d.dir.fsys.Remove(d.dir.join(name)); err != nil {
			d.log.surplus = append(d.log.surplus, name)
		}
	}
	for _, name := range c.leftover {
		_ = d.dir.fsys.Remove(d.dir.join(name))
	}
	if len(r.unused)+len(r.stale)+len(c.leftover) == 0 {
		return nil
	}
	if err := d.dir.sync(); err != nil {
		return d.dir.poison(err)
	}
	return nil
}

// takeSpares chooses segments that were freed earlier, whose names are durable by now, for use again. Others that have
// such a name are removed when there is time for it.
func (d *Disk) takeSpares(freed []string) {
	l := d.log
	for _, name := range freed {
		if len(l.spares) < keptSpares && d.dir.reusable(name, d.identity, l.options.segmentSize()) {
			l.spares = append(l.spares, name)
		} else {
			l.surplus = append(l.surplus, name)
		}
	}
}

// takeUp opens the last segment for writing and proves the last batch.
func (d *Disk) takeUp(r *recovery, c contents) error {
	l, t := d.log, r.tail
	segment := r.segments[t.segment]
	file, err := d.dir.fsys.Open(d.dir.join(segment.name))
	if err != nil {
		return d.dir.failed(err)
	}
	l.current = &segmentWriter{file: file, name: segment.name, header: segment.header, offset: t.offset}
	l.next, l.proven = t.next, t.empty
	l.nextName = max(segment.header.number, c.highest) + 1
	for _, s := range r.segments[:t.segment] {
		l.older = append(l.older, olderSegment{number: s.header.number, name: s.name, size: s.header.size})
	}
	if err := l.prove(); err != nil {
		return d.dir.poison(errors.Join(err, file.Close()))
	}
	l.look()
	return nil
}

// Identity implements [Storage].
func (d *Disk) Identity() Identity { return d.identity }

// PinCluster implements [Storage].
func (d *Disk) PinCluster(id engine.ClusterID) error {
	if d.dead != nil {
		return d.dead
	}
	change, err := d.identity.checkPin(id)
	if err != nil || !change {
		return err
	}
	pinned := d.identity
	pinned.Cluster = id
	if err := d.dir.writeIdentity(pinned); err != nil {
		return d.fail(err)
	}
	if err := d.dir.switchTo(identityTmpName, identityName); err != nil {
		return d.fail(err)
	}
	d.identity = pinned
	return nil
}

// Recovered implements [Storage].
func (d *Disk) Recovered(group Group) Recovered {
	r := d.recovered[group]
	delete(d.recovered, group)
	return r
}

// Write implements [Storage]. It encodes the batch into one buffer, writes it with one call and syncs once. When the
// segment is full it goes on in the next one first. A batch without records writes what proves that the last one was
// durable, if that is not proven yet. Either zeroes a part of the next segment where that is due: see [log.prepare].
func (d *Disk) Write(batch *Batch) error {
	if d.dead != nil {
		return d.dead
	}
	if batch.Len() == 0 {
		return d.fail(d.log.idle())
	}
	return d.fail(d.log.append(batch))
}

// fail ends the storage's life if there is an error.
func (d *Disk) fail(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrInvalidBatch):
		d.dead = fmt.Errorf("%w (%s)", err, d.dir.path)
	default:
		d.dead = d.dir.poison(err)
	}
	return d.dead
}

// Snapshots implements [SnapshotKeeper]: a directory within that of the log. What the log needs for its next segment is
// kept free of snapshots.
func (d *Disk) Snapshots() (*Snapshots, error) {
	keepFree := min(d.log.options.segmentSize(), d.log.options.reserve())
	return OpenSnapshots(d.dir.fsys, d.dir.join(snapshotsName), keepFree)
}

// Metrics implements [Storage].
func (d *Disk) Metrics() Metrics { return d.count.metrics() }

// NearlyFull implements [Storage]. It is looked for at opening, with each mebibyte of batches, and at ticks without any.
func (d *Disk) NearlyFull() bool { return d.count.nearlyFull.Load() }

// Close implements [Storage]. Closing again does nothing.
func (d *Disk) Close() error {
	if d.lock == nil {
		return nil
	}
	var err error
	if d.dead == nil {
		err = d.fail(d.log.prove())
	}
	err = errors.Join(err, d.log.close(), d.lock.Close())
	d.lock, d.recovered = nil, nil
	if d.dead == nil {
		d.dead = fmt.Errorf("%w: %s", ErrClosed, d.dir.path)
	}
	return err
}
