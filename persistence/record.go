package persistence

import (
	"encoding/binary"
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// A record is one statement about one group. A payload is records, one after the other:
//
//	  0      1         2       4        8       16
//	┌──────┬─────────┬───────┬────────┬───────┐
//	│ kind │ version │ zeros │ length │ group │ body, length bytes
//	│ u8   │ u8      │ u16   │ u32    │ u64   │
//	└──────┴─────────┴───────┴────────┴───────┘
//
// Bodies, every field a u64 unless noted:
//
//	entries     first index | count u32 | zeros u32 | count × (term | size u32 | kind u8 | zeros u24 | data)
//	hard state  term | vote | incarnation of the vote
//	commit      index
//	switch      snapshot id, term, index | base term, index | keep the log u8 | zeros u56
//	checkpoint  term | vote | incarnation of the vote | base term, index | last term, index | commit
//	            | snapshot id, term, index
//	seal        number of the next segment | its use-id
//
// A reader that meets a kind below 0x80 or a version that it does not know refuses the log as newer; kinds from
// 0x80 on are hints, and one who does not know them passes over them.
const (
	recordHeaderSize = 16
	recordVersion    = 1

	recordCheckpoint recordKind = 4
	recordSeal       recordKind = 6
	recordHint       recordKind = 0x80

	entriesHeaderSize = 16
	entryHeaderSize   = 16
	hardStateSize     = 24
	commitSize        = 8
	switchSize        = 48
	checkpointSize    = 88
	sealSize          = 16
)

// maxPayload bounds a batch, in bytes. It is far beyond what a host collects.
const maxPayload = 1 << 30

// payloadSize returns what the batch's records take when encoded.
func (b *Batch) payloadSize() int64 {
	size := int64(0)
	for i := range b.records {
		size += recordHeaderSize + b.records[i].bodySize()
	}
	return size
}

func (r *record) bodySize() int64 {
	switch r.kind {
	case recordEntries:
		size := int64(entriesHeaderSize)
		for i := range r.entries {
			size += entryHeaderSize + int64(len(r.entries[i].Data))
		}
		return size
	case recordHardState:
		return hardStateSize
	case recordSnapshot:
		return switchSize
	default: // a commit: callers make no other kinds
		return commitSize
	}
}

// appendRecords encodes the batch.
func (b *Batch) appendRecords(to []byte) []byte {
	for i := range b.records {
		to = appendRecord(to, &b.records[i])
	}
	return to
}

// appendRecord encodes a caller's record.
func appendRecord(to []byte, r *record) []byte {
	to = appendRecordHeader(to, r.kind, r.group, r.bodySize())
	switch r.kind {
	case recordEntries:
		return appendEntries(to, r.entries)
	case recordHardState:
		to = binary.LittleEndian.AppendUint64(to, uint64(r.state.Term))
		to = binary.LittleEndian.AppendUint64(to, uint64(r.state.Vote))
		return binary.LittleEndian.AppendUint64(to, uint64(r.state.VoteIncarnation))
	case recordSnapshot:
		return appendSwitch(to, r.to)
	default: // a commit: callers make no other kinds
		return binary.LittleEndian.AppendUint64(to, uint64(r.commit))
	}
}

func appendSwitch(to []byte, s SnapshotSwitch) []byte {
	keep := uint64(0)
	if s.Keep {
		keep = 1
	}
	for _, field := range [...]uint64{
		s.ID, uint64(s.Position.Term), uint64(s.Position.Index), uint64(s.Base.Term), uint64(s.Base.Index), keep,
	} {
		to = binary.LittleEndian.AppendUint64(to, field)
	}
	return to
}

func appendRecordHeader(to []byte, kind recordKind, group Group, length int64) []byte {
	to = append(to, byte(kind), recordVersion, 0, 0)
	to = binary.LittleEndian.AppendUint32(to, uint32(length))
	return binary.LittleEndian.AppendUint64(to, uint64(group))
}

func appendEntries(to []byte, entries []engine.Entry) []byte {
	to = binary.LittleEndian.AppendUint64(to, uint64(entries[0].Index))
	to = binary.LittleEndian.AppendUint32(to, uint32(len(entries)))
	to = append(to, 0, 0, 0, 0)
	for i := range entries {
		e := &entries[i]
		to = binary.LittleEndian.AppendUint64(to, uint64(e.Term))
		to = binary.LittleEndian.AppendUint32(to, uint32(len(e.Data)))
		to = append(to, byte(e.Kind), 0, 0, 0)
		to = append(to, e.Data...)
	}
	return to
}

func appendCheckpoint(to []byte, group Group, s *groupState) []byte {
	to = appendRecordHeader(to, recordCheckpoint, group, checkpointSize)
	for _, field := range s.fields() {
		to = binary.LittleEndian.AppendUint64(to, field)
	}
	return to
}

// seal is the last record of a full segment: the log goes on in the segment it names, so a missing newest segment
// does not pass for the end of the log.
type seal struct {
	number uint64
	useID  uint64
}

func appendSeal(to []byte, s seal) []byte {
	to = appendRecordHeader(to, recordSeal, 0, sealSize)
	to = binary.LittleEndian.AppendUint64(to, s.number)
	return binary.LittleEndian.AppendUint64(to, s.useID)
}

// rawRecord is a record as it stands in a payload.
type rawRecord struct {
	kind  recordKind
	group Group
	body  []byte
}

// nextRecord splits the first record off a payload whose checksum holds. What is malformed here was written so.
func nextRecord(payload []byte) (rawRecord, []byte, error) {
	if len(payload) < recordHeaderSize {
		return rawRecord{}, nil, fmt.Errorf("%w: %d bytes do not hold a record", ErrCorrupt, len(payload))
	}
	r := rawRecord{kind: recordKind(payload[0]), group: Group(binary.LittleEndian.Uint64(payload[8:]))}
	length := int64(binary.LittleEndian.Uint32(payload[4:]))
	if version := payload[1]; r.kind < recordHint && version != recordVersion {
		return rawRecord{}, nil, fmt.Errorf("%w: record of kind %d, version %d", ErrNewerFormat, r.kind, version)
	}
	rest := payload[recordHeaderSize:]
	if length > int64(len(rest)) {
		return rawRecord{}, nil, fmt.Errorf("%w: record of %d bytes, %d left", ErrCorrupt, length, len(rest))
	}
	r.body = rest[:length:length]
	return r, rest[length:], r.checkSize()
}

func (r rawRecord) checkSize() error {
	size := 0
	switch r.kind {
	case recordEntries:
		return nil
	case recordHardState:
		size = hardStateSize
	case recordCommit:
		size = commitSize
	case recordSnapshot:
		size = switchSize
	case recordCheckpoint:
		size = checkpointSize
	case recordSeal:
		size = sealSize
	default:
		if r.kind >= recordHint {
			return nil
		}
		return fmt.Errorf("%w: record of unknown kind %d", ErrNewerFormat, r.kind)
	}
	if len(r.body) != size {
		return fmt.Errorf("%w: record of kind %d with %d bytes, not %d", ErrCorrupt, r.kind, len(r.body), size)
	}
	return nil
}

func (r rawRecord) u64(field int) uint64 { return binary.LittleEndian.Uint64(r.body[8*field:]) }

func (r rawRecord) hardState() engine.HardState {
	return hardStateOf(r.u64(0), r.u64(1), r.u64(2))
}

func (r rawRecord) commit() engine.Index { return engine.Index(r.u64(0)) }

func (r rawRecord) snapshotSwitch() SnapshotSwitch {
	return SnapshotSwitch{
		ID:       r.u64(0),
		Position: engine.Position{Term: engine.Term(r.u64(1)), Index: engine.Index(r.u64(2))},
		Base:     engine.Position{Term: engine.Term(r.u64(3)), Index: engine.Index(r.u64(4))},
		Keep:     r.body[40] != 0,
	}
}

func (r rawRecord) seal() seal { return seal{number: r.u64(0), useID: r.u64(1)} }

func (r rawRecord) checkpoint() groupState {
	var fields [checkpointSize / 8]uint64
	for i := range fields {
		fields[i] = r.u64(i)
	}
	return groupStateOf(fields)
}

// appendEntriesTo decodes the entries of the record behind those of to. Their data lies in the record's body.
func (r rawRecord) appendEntriesTo(to []engine.Entry) ([]engine.Entry, error) {
	if len(r.body) < entriesHeaderSize {
		return to, fmt.Errorf("%w: entries record of %d bytes", ErrCorrupt, len(r.body))
	}
	index := engine.Index(r.u64(0))
	count := int64(binary.LittleEndian.Uint32(r.body[8:])) // an int may have 32 bits
	rest := r.body[entriesHeaderSize:]
	if count == 0 || count > int64(len(rest)/entryHeaderSize) {
		return to, fmt.Errorf("%w: %d entries in %d bytes", ErrCorrupt, count, len(rest))
	}
	for range count {
		if len(rest) < entryHeaderSize {
			return to, fmt.Errorf("%w: entry %d is cut short", ErrCorrupt, index)
		}
		size := int64(binary.LittleEndian.Uint32(rest[8:]))
		if size > int64(len(rest)-entryHeaderSize) {
			return to, fmt.Errorf("%w: entry %d of %d bytes, %d left", ErrCorrupt, index, size, len(rest)-entryHeaderSize)
		}
		e := engine.Entry{Term: engine.Term(binary.LittleEndian.Uint64(rest)), Index: index, Kind: engine.EntryKind(rest[12])}
		rest = rest[entryHeaderSize:]
		if size > 0 {
			e.Data = rest[:size:size]
		}
		rest = rest[size:]
		to = append(to, e)
		index++
	}
	if len(rest) != 0 {
		return to, fmt.Errorf("%w: %d bytes behind the last entry", ErrCorrupt, len(rest))
	}
	return to, nil
}
