package persistence

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// Recovery streams the newest segments without a gap in the order of their numbers, and their batches in the order of
// theirs. Segments before a gap were freed: the first one behind it opens with all that they add up to but entries, and
// where entries are missing in the end, they were not freed but lost, [ErrCorrupt]. Reading ends
// at the first place without the next intact batch, and then there are two verdicts. Nothing newer behind that
// place: the batch there was never acknowledged, and the log is cut. A header with a higher number anywhere
// behind, or a segment that was to go on from there: the batch there was durable and has been damaged, [ErrCorrupt].
// Nothing is ever written here.

// tail is where a log ends.
type tail struct {
	segment  int   // which of the segments the next batch goes to
	offset   int64 // where in it
	next     chain
	lastIn   int // the segment of the last batch
	lastAt   int64
	lastSize int64
	empty    bool // the last batch says nothing, it only proves that the one before was durable
}

// segmentEnd is how far the batches of a segment go.
type segmentEnd struct {
	offset  int64
	batches int
}

// recovery is what reading a directory yields.
type recovery struct {
	dir      directory
	identity Identity
	segments []*segmentReader // ascending by number, without a gap
	unused   []string         // segments made by a rotation that did not get as far as a first batch
	stale    []string         // segments before a gap: they were freed, and a crash brought them back
	gap      string           // that begins with a semicolon and tells what the gap is, for errors
	groups   map[Group]*groupLog
	tail     tail
	ends     []segmentEnd // of each segment that was read
	torn     bool         // the header of a batch that was never completed stands where the log ends

	arena   arena
	entries []engine.Entry // of the record at hand
	touched []*groupLog    // by the batch at hand
}

func newRecovery(dir directory) *recovery {
	return &recovery{dir: dir, groups: map[Group]*groupLog{}}
}

// recoverDirectory reads everything and judges it. The readers stay open until close.
func recoverDirectory(dir directory, c contents) (*recovery, error) {
	r := newRecovery(dir)
	if err := r.run(c); err != nil {
		return nil, errors.Join(fmt.Errorf("%w (in %s)", err, dir.path), r.close())
	}
	return r, nil
}

func (r *recovery) run(c contents) error {
	if !c.identity {
		return fmt.Errorf("%w: %d segments but no file %q", ErrCorrupt, len(c.segments), identityName)
	}
	var err error
	if r.identity, err = r.dir.readIdentity(); err != nil {
		return err
	}
	if err := r.openSegments(r.names(c)); err != nil {
		return err
	}
	return r.readSegments()
}

// names returns the files that segments are in.
func (r *recovery) names(c contents) []string {
	if len(c.segments) == 0 && c.founding {
		return []string{foundingName} // Create was interrupted before its last rename
	}
	return c.segments
}

func (r *recovery) close() error {
	var err error
	for _, s := range r.segments {
		err = errors.Join(err, s.close())
	}
	return err
}

// lastBatch returns the bytes of the last batch, padding included.
func (r *recovery) lastBatch() ([]byte, error) {
	s := r.segments[r.tail.lastIn]
	s.forget()
	return s.bytes(r.tail.lastAt, r.tail.lastSize)
}

// readSegments reads until the log ends and judges what lies behind.
func (r *recovery) readSegments() error {
	next := chain{number: r.segments[0].header.firstBatch, first: true}
	for i, s := range r.segments {
		if i > 0 && s.header.firstBatch != next.number {
			return fmt.Errorf("%w: segment %s begins with batch %d, batch %d is due", ErrCorrupt, s.name, s.header.firstBatch, next.number)
		}
		sealed, err := r.readSegment(i, next)
		r.ends = append(r.ends, segmentEnd{r.tail.offset, int(r.tail.next.number - next.number)})
		if err != nil {
			return err
		}
		s.forget()
		next = r.tail.next
		if sealed == nil {
			return r.judgeEnd(i)
		}
		if err := r.checkSeal(i, *sealed); err != nil {
			return err
		}
	}
	return nil
}

// checkSeal holds the segment after a sealed one to what the seal says.
func (r *recovery) checkSeal(i int, s seal) error {
	if i+1 == len(r.segments) {
		return fmt.Errorf("%w: segment %d is missing; segment %s goes on there", ErrCorrupt, s.number, r.segments[i].name)
	}
	if h := r.segments[i+1]; h.header.number != s.number || h.header.useID != s.useID {
		return fmt.Errorf("%w: segment %s is not the one that segment %s goes on in", ErrCorrupt, h.name, r.segments[i].name)
	}
	return nil
}

// readSegment applies the batches of one segment and returns its seal, if it has one.
func (r *recovery) readSegment(i int, next chain) (*seal, error) {
	s := r.segments[i]
	offset := int64(blockSize)
	r.tail.segment, r.tail.offset, r.tail.next = i, offset, next
	for {
		h, payload, ok, err := s.batch(offset, next)
		if err != nil || !ok {
			return nil, err
		}
		sealed, err := r.applyBatch(h, payload, batchPlace{oldest: i == 0, opening: offset == blockSize})
		if err != nil {
			return nil, fmt.Errorf("segment %s, offset %d, batch %d: %w", s.name, offset, h.number, err)
		}
		next = after(h)
		r.tail.lastIn, r.tail.lastAt, r.tail.lastSize = i, offset, h.extent()
		r.tail.empty = h.records == 0 || sealed != nil
		offset += h.extent()
		r.tail.offset, r.tail.next = offset, next
		if sealed != nil {
			return sealed, nil
		}
	}
}

// judgeEnd decides what the end of the log in segment i is: torn, or corrupt.
func (r *recovery) judgeEnd(i int) error {
	s, end := r.segments[i], r.tail
	h, ok, err := s.headerAt(end.offset)
	switch {
	case err != nil:
		return err
	case i == 0 && end.offset == blockSize:
		return fmt.Errorf("%w: segment %s, offset %d: the oldest batch is damaged", ErrCorrupt, s.name, end.offset)
	case ok && h.number == end.next.number && h.previous != end.next.previous:
		return fmt.Errorf("%w: segment %s, offset %d: batch %d does not follow the batch before it", ErrCorrupt,
			s.name, end.offset, h.number)
	case ok && h.number > end.next.number:
		return r.verdict(nil, s, end.offset)
	}
	r.torn = ok && h.number == end.next.number
	if ok && end.offset+blockSize < s.header.size {
		// The header of the torn batch survived, and the next batch has the same number: written over it and torn
		// as well, it could complete this one. So it is overwritten first, whatever stands before it. Only a seal
		// stands in the last block; one sector holds it, so it is never torn.
		r.tail.empty = false
	}
	// Further behind even the next batch is proof, for another one ended right before it: what is read here is older.
	if at, found, err := s.newer(end.offset+blockSize, end.next.number-1); found || err != nil {
		return r.verdict(err, s, at)
	}
	for _, later := range r.segments[i+1:] {
		if later.header.firstBatch > end.next.number+1 {
			return r.verdict(nil, later, 0) // it was made when every batch but the seal before its first one was durable
		}
		if at, found, err := later.newer(blockSize, 0); found || err != nil {
			return r.verdict(err, later, at)
		}
		r.unused = append(r.unused, later.name)
	}
	return nil
}

// verdict is what a batch that cannot be read comes to where a later one proves that it was durable, unless that
// could not be read itself.
func (r *recovery) verdict(err error, where *segmentReader, at int64) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: segment %s, offset %d: batch %d is damaged; segment %s, offset %d proves that it was durable",
		ErrCorrupt, r.segments[r.tail.segment].name, r.tail.offset, r.tail.next.number, where.name, at)
}

// batchPlace says where a batch stands, as far as its records depend on it.
type batchPlace struct {
	oldest  bool // in the oldest segment
	opening bool // first of its segment
}

// applyBatch applies the records of an intact batch and returns the seal, if it holds one.
func (r *recovery) applyBatch(h batchHeader, payload []byte, place batchPlace) (*seal, error) {
	r.touched = r.touched[:0]
	if place.opening && (len(payload) == 0 || recordKind(payload[0]) != recordCheckpoint) {
		return nil, fmt.Errorf("%w: the segment does not open with a checkpoint", ErrCorrupt)
	}
	var sealed *seal
	records := uint32(0)
	for ; len(payload) > 0; records++ {
		record, rest, err := nextRecord(payload)
		if err != nil {
			return nil, err
		}
		switch record.kind {
		case recordCheckpoint:
			err = r.applyCheckpoint(record, place)
		case recordSeal:
			s := record.seal()
			sealed = &s
		default:
			err = r.applyRecord(record)
		}
		if err != nil {
			return nil, err
		}
		payload = rest
	}
	if records != h.records {
		return nil, fmt.Errorf("%w: %d records where the header says %d", ErrCorrupt, records, h.records)
	}
	return sealed, r.checkTouched()
}

// applyCheckpoint takes the state of a group from the oldest segment; in any other it must say what is known.
func (r *recovery) applyCheckpoint(record rawRecord, place batchPlace) error {
	if !place.opening {
		return fmt.Errorf("%w: checkpoint inside of a segment", ErrCorrupt)
	}
	state := record.checkpoint()
	if err := state.check(); err != nil {
		return fmt.Errorf("%w: checkpoint of group %d: %w", ErrCorrupt, record.group, err)
	}
	known, ok := r.groups[record.group]
	switch {
	case place.oldest && !ok:
		r.groups[record.group] = newGroupLog(state)
		return nil
	case place.oldest:
		return fmt.Errorf("%w: two checkpoints of group %d", ErrCorrupt, record.group)
	case !ok || known.fields() != state.fields():
		return fmt.Errorf("%w: checkpoint of group %d contradicts the records before it", ErrCorrupt, record.group)
	}
	return nil
}

func (r *recovery) applyRecord(record rawRecord) error {
	if record.kind >= recordHint {
		return nil
	}
	g, ok := r.groups[record.group]
	if !ok {
		g = newGroupLog(groupState{})
		r.groups[record.group] = g
	}
	r.touched = append(r.touched, g)
	err := r.applyToGroup(g, record)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt): // it could not be decoded, and says so
		return fmt.Errorf("group %d: %w", record.group, err)
	default:
		return fmt.Errorf("%w: group %d: %w", ErrCorrupt, record.group, err)
	}
}

func (r *recovery) applyToGroup(g *groupLog, record rawRecord) error {
	switch record.kind {
	case recordHardState:
		return g.setHardState(record.hardState())
	case recordCommit:
		g.setCommit(record.commit())
		return nil
	case recordSnapshot:
		return g.switchTo(record.snapshotSwitch())
	default: // entries: checkpoints and seals are dealt with before, and unknown kinds refused
		return r.applyEntries(g, record)
	}
}

func (r *recovery) applyEntries(g *groupLog, record rawRecord) error {
	record.body = r.arena.keep(record.body)
	var err error
	if r.entries, err = record.appendEntriesTo(r.entries[:0]); err != nil {
		return err
	}
	return g.replaceFrom(r.entries, r.segments[r.tail.segment].header.number)
}

func (r *recovery) checkTouched() error {
	for _, g := range r.touched {
		if err := g.check(); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return nil
}

// recovered checks every group as a whole and hands the states over.
func (r *recovery) recovered() (map[Group]Recovered, error) {
	all := make(map[Group]Recovered, len(r.groups))
	for group, g := range r.groups {
		state, err := g.recovered()
		if err != nil {
			oldest := r.segments[0]
			return nil, fmt.Errorf("%w: group %d: %w; the oldest segment is %s, number %d%s (in %s)",
				ErrCorrupt, group, err, oldest.name, oldest.header.number, r.gap, r.dir.path)
		}
		all[group] = state
	}
	return all, nil
}
