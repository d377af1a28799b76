package persistence

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// log appends batches to the newest segment and goes on in a new one when it is full.
//
// Invariant: every batch before the one being written is durable.
type log struct {
	dir      directory
	identity *Identity // for segment headers; the cluster id may be pinned while the log is open
	groups   groupStates
	options  Options
	count    *counters

	current  *segmentWriter
	older    []olderSegment // oldest first
	freed    []string       // segments that were given spare names; until those are durable nothing may be written to them
	spares   []string       // freed segments whose new names are durable
	surplus  []string       // freed segments that are to be removed
	dueAt    int64          // offset in the current segment from which on housekeeping is due
	spare    *spare         // the next segment while it is being zeroed, in step with what the current one takes; or nil
	noSpare  int64          // offset in the current segment below which none is tried, since the last attempt failed
	nextName uint64         // number for the name of the next segment file, above all that were seen
	next     chain
	proven   bool   // nothing stands between the last batch that says something and the proof of it
	buffer   []byte // the batch being encoded; begins on a block of memory
}

// append makes a batch durable. One that contradicts the groups' states is refused before a byte of it is written.
func (l *log) append(batch *Batch) error {
	payload := batch.payloadSize()
	if payload > maxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidBatch, payload, maxPayload)
	}
	l.keepHouse()
	l.prepare(payload)
	if err := l.makeRoom(payload); err != nil {
		return err
	}
	buffer, opened := l.begin(payload) // a checkpoint in it speaks of the time before the batch
	if err := l.groups.apply(batch, l.current.header.number); err != nil {
		return err
	}
	if err := l.finish(batch.appendRecords(buffer), batch.Len()+opened); err != nil {
		return err
	}
	l.proven = false
	l.count.batch(batch.Len())
	return nil
}

// idle uses a tick without batches: it proves the last one, and goes on with the next segment while nobody waits.
func (l *log) idle() error {
	if err := l.prove(); err != nil {
		return err
	}
	l.free()
	l.removeSurplus()
	l.look()
	l.prepare(0)
	return nil
}

// makeRoom sees to it that a batch with that much payload fits, if need be in a new segment.
func (l *log) makeRoom(payload int64) error {
	opening := l.groups.checkpointSize()
	extent := alignUp(batchHeaderSize + payload)
	if l.current.fresh() {
		extent = alignUp(batchHeaderSize + opening + payload)
	}
	if l.current.fits(extent) {
		return nil
	}
	return l.rotate(alignUp(batchHeaderSize + opening + payload))
}

// begin returns the buffer with room left for the batch header, and filled up to the caller's records: a segment's
// first batch opens with a checkpoint of every group. It returns how many records that took.
func (l *log) begin(payload int64) ([]byte, int) {
	opening := int64(0)
	if l.current.fresh() {
		opening = l.groups.checkpointSize()
	}
	if need := alignUp(batchHeaderSize + opening + payload); int64(len(l.buffer)) < need {
		l.buffer = alignedBuffer(max(2*int64(len(l.buffer)), need, 16*blockSize))
	}
	buffer := l.buffer[:batchHeaderSize]
	if opening == 0 {
		return buffer, 0
	}
	return l.groups.appendCheckpoints(buffer), len(l.groups)
}

// alignedBuffer returns memory that begins on a block, as devices like it best.
func alignedBuffer(size int64) []byte {
	raw := make([]byte, size+blockSize)
	skip := (blockSize - int64(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%blockSize)) % blockSize
	return raw[skip:][:size:size]
}

// finish completes the batch that was encoded into the buffer and makes it durable. One that outgrew the buffer would
// not be what is written, so that is a bug that ends the process.
func (l *log) finish(batch []byte, records int) error {
	if unsafe.SliceData(batch) != unsafe.SliceData(l.buffer) {
		panic(fmt.Sprintf("persistence: batch of %d bytes outgrew its buffer of %d", len(batch), len(l.buffer)))
	}
	payload := batch[batchHeaderSize:]
	header := batchHeader{
		useID: l.current.header.useID, number: l.next.number, previous: l.next.previous,
		length: uint32(len(payload)), payloadSum: checksum(payload), records: uint32(records),
	}
	end := alignUp(int64(len(batch)))
	clear(l.buffer[len(batch):end])
	header.checksum = header.encode(batch)
	if err := l.current.write(l.buffer[:end]); err != nil {
		return err
	}
	l.next = after(header)
	l.count.synced(end)
	return nil
}

// prove writes an empty batch, unless the last one needs no proof: its header shows that the batch before it was
// durable, so that damage to that one cannot pass for a torn write.
func (l *log) prove() error {
	if l.proven {
		return nil
	}
	buffer, opened := l.begin(0)
	if err := l.finish(buffer, opened); err != nil {
		return err
	}
	l.proven = true
	return nil
}

// rotate goes on in the next segment, which gets at least the size for a first batch of the given extent. The
// order is what recovery rests on: the new segment is complete and has its name; then the seal; then a first batch.
func (l *log) rotate(extent int64) error {
	header := segmentHeader{
		identity: *l.identity, number: l.current.header.number + 1, useID: l.options.useID(),
		firstBatch: l.next.number + 1, size: l.options.segmentSize(),
	}
	if need := blockSize + extent + reservedTail; need > header.size {
		header.size = need
	}
	if err := l.fitSpare(header.size); err != nil {
		return err
	}
	next, err := l.spare.become(l.dir, segmentName(l.nextName), header)
	if err != nil {
		return err
	}
	if l.spare.freed {
		l.count.recycled.Add(1)
	}
	l.spare = nil
	l.spares, l.freed = append(l.spares, l.freed...), nil // become synced the directory
	l.nextName++
	l.count.synced(blockSize)
	l.count.synced(0) // the directory
	buffer, opened := l.begin(recordHeaderSize + sealSize)
	buffer = appendSeal(buffer, seal{number: header.number, useID: header.useID})
	if err := l.finish(buffer, opened+1); err != nil {
		return errors.Join(err, next.file.Close())
	}
	old := l.current
	l.older = append(l.older, olderSegment{number: old.header.number, name: old.name, size: old.header.size})
	l.current, l.proven, l.dueAt = next, true, 0
	return old.file.Close()
}

// fitSpare sees to it that there is a zeroed spare of at least that size. Here, where the log cannot go on without
// one, a failure counts.
func (l *log) fitSpare(size int64) error {
	if l.waitsForNames() {
		if err := l.dir.sync(); err != nil {
			return err
		}
		l.spares, l.freed = l.freed, nil
	}
	if err := l.needSpare(); err != nil {
		return err
	}
	l.spare.size = max(l.spare.size, size)
	for l.spare.zeroed < l.spare.size {
		if err := l.zero(); err != nil {
			return err
		}
	}
	l.noSpare = 0
	return nil
}

// needSpare begins a spare if there is none: a freed segment, or a new file.
func (l *log) needSpare() error {
	for l.spare == nil && len(l.spares) > 0 {
		name := l.spares[0]
		l.spares = slices.Delete(l.spares, 0, 1)
		l.spare, _ = reuse(l.dir, name, l.options.segmentSize()) // one that does not open is left to the next opening
	}
	if l.spare != nil {
		return nil
	}
	var err error
	l.spare, err = newSpare(l.dir, spareName, l.options.segmentSize())
	return err
}

// prepare zeroes a part of the next segment ahead of need, before a batch with that much payload is written. The
// zeros keep pace with the current segment, byte for byte, so that little is left to do when it is full. They never
// take more than one step with one batch, and one more for every whole step that the batch itself is long; so after
// a restart, which begins the spare anew, they catch up gradually.
//
// Nothing rests on a spare before it is named. So a failure here is nobody's: the spare is given up and another one
// begun when the log has grown by a step, or when the current segment is full.
func (l *log) prepare(payload int64) {
	due := l.current.offset
	if due < max(zeroStep, l.noSpare) || l.waitsForNames() {
		return
	}
	err := l.needSpare()
	for steps := 1 + payload/zeroStep; err == nil && steps > 0 && l.spare.zeroed < min(due, l.spare.size); steps-- {
		err = l.zero()
	}
	if err != nil {
		l.giveUpSpare()
	}
}

// zero zeroes one step of the spare.
func (l *log) zero() error {
	before := l.spare.zeroed
	if err := l.spare.step(); err != nil {
		return err
	}
	l.count.synced(l.spare.zeroed - before)
	return nil
}

// giveUpSpare discards the spare after a failed write or sync: what its file holds is not known any more, so it never
// becomes a segment. Where removing fails as well, the next attempt or the next opening removes it.
func (l *log) giveUpSpare() {
	if l.spare != nil {
		_ = l.spare.file.Close()
		_ = l.dir.fsys.Remove(l.dir.join(l.spare.name))
	}
	l.spare, l.noSpare = nil, l.current.offset+zeroStep
}

// close releases the files.
func (l *log) close() error {
	var err error
	if l.spare != nil {
		err = l.spare.file.Close()
	}
	if l.current != nil {
		err = errors.Join(err, l.current.file.Close())
	}
	return err
}

// makeFounding makes the first segment of all, under its temporary name.
func (l *log) makeFounding(header segmentHeader) (File, error) {
	founding, err := newSpare(l.dir, foundingName, header.size)
	if err != nil {
		return nil, err
	}
	for founding.zeroed < founding.size {
		if err := founding.step(); err != nil {
			return nil, errors.Join(err, founding.file.Close())
		}
	}
	if err := founding.begin(header); err != nil {
		return nil, errors.Join(err, founding.file.Close())
	}
	return founding.file, nil
}
