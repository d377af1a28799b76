package remote

import (
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/yggr-go/yggr/engine"
)

// maxEntries bounds the entries of one AppendEntries: an entry in memory is much larger than the few bytes that
// can announce it.
const maxEntries = 1 << 16

// decode reads the body of a frame and lets only valid messages through. The entries of the message alias body,
// which belongs to them from now on. An envelope that holds nothing this build knows is [ErrUnknownMessage].
func decode(body []byte) (engine.Message, error) {
	number, payload, err := openEnvelope(body)
	if err != nil {
		return nil, err
	}
	if forSnapshots(number) {
		return nil, malformed("message %d on a connection that is not for snapshots", number)
	}
	varints, count, err := scanPayload(payload, number == numAppendEntries)
	if err != nil {
		return nil, err
	}
	message := unflatten(number, &varints)
	switch m := message.(type) {
	case *engine.AppendEntries:
		if m.Entries, err = decodeEntries(payload, count); err != nil {
			return nil, err
		}
	case *engine.SnapshotOffer:
		if m.Snapshot.Membership, err = decodeMembership(payload); err != nil {
			return nil, err
		}
	case *engine.ProposalForward:
		if m.Commands, err = decodeItems(payload); err != nil {
			return nil, err
		}
	case *engine.ProposalForwardResult:
		if m.Responses, err = decodeItems(payload); err != nil {
			return nil, err
		}
	default:
	}
	return message, validate(message)
}

// decodeMembership reads the membership of a snapshot's label.
func decodeMembership(payload []byte) (engine.Membership, error) {
	var encoded []byte
	for len(payload) > 0 {
		field, size, err := consumeField(payload)
		if err != nil {
			return engine.Membership{}, err
		}
		payload = payload[size:]
		if field.wire == protowire.BytesType && field.number == numMembership {
			encoded = field.bytes
		}
	}
	membership, err := engine.DecodeMembership(encoded)
	if err != nil {
		return membership, malformed("snapshot: %w", err)
	}
	return membership, nil
}

// known reports whether this build has a message of that number.
func known(number protowire.Number) bool {
	switch number {
	case numProposalForward, numProposalForwardResult:
		return true
	default:
		return number >= numAppendEntries && number <= numLast || forSnapshots(number)
	}
}

// openEnvelope finds the one message of a raftpb.Envelope.
func openEnvelope(body []byte) (number protowire.Number, payload []byte, err error) {
	if len(body) == 0 {
		return 0, nil, malformed("empty envelope")
	}
	for len(body) > 0 {
		field, size, err := consumeField(body)
		if err != nil {
			return 0, nil, err
		}
		body = body[size:]
		if field.wire != protowire.BytesType || !known(field.number) {
			continue
		}
		if number != 0 {
			return 0, nil, malformed("envelope with messages %d and %d", number, field.number)
		}
		number, payload = field.number, field.bytes
	}
	if number == 0 {
		return 0, nil, ErrUnknownMessage
	}
	return number, payload, nil
}

// scanPayload collects a message's varints and, when it may have entries, counts them. What it does not know it
// skips, as the generated code does.
func scanPayload(payload []byte, hasEntries bool) (varints fields, entries int, err error) {
	for len(payload) > 0 {
		field, size, err := consumeField(payload)
		if err != nil {
			return varints, 0, err
		}
		payload = payload[size:]
		switch {
		case field.wire == protowire.VarintType && int(field.number) <= len(varints):
			varints[field.number-1] = field.varint
		case hasEntries && field.wire == protowire.BytesType && field.number == numEntries:
			entries++
		}
	}
	if entries > maxEntries {
		return varints, 0, malformed("%d entries, more than %d", entries, maxEntries)
	}
	return varints, entries, nil
}

// unflatten is the reverse of flatten. The number is a known one.
func unflatten(number protowire.Number, v *fields) engine.Message {
	term := engine.Term(v[0])
	switch number {
	case numAppendEntries:
		return &engine.AppendEntries{Term: term, Number: engine.SendNumber(v[1]), Prev: position(v[2], v[3]), Commit: engine.Index(v[4])}
	case numAppendEntriesResponse:
		return &engine.AppendEntriesResponse{
			Term: term, Number: engine.SendNumber(v[1]), Accepted: v[2] != 0,
			Match: engine.Index(v[3]), Conflict: position(v[4], v[5]),
		}
	case numHeartbeat:
		return &engine.Heartbeat{Term: term, Number: engine.SendNumber(v[1]), Commit: engine.Index(v[2])}
	case numHeartbeatResponse:
		return &engine.HeartbeatResponse{Term: term, Number: engine.SendNumber(v[1])}
	case numRequestPreVote:
		return &engine.RequestPreVote{Term: term, Round: engine.SendNumber(v[1]), Last: position(v[2], v[3])}
	case numRequestPreVoteResponse:
		return &engine.RequestPreVoteResponse{Term: term, Round: engine.SendNumber(v[1]), Granted: v[2] != 0}
	case numRequestVote:
		return &engine.RequestVote{Term: term, Last: position(v[1], v[2]), Transfer: v[3] != 0}
	case numRequestVoteResponse:
		return &engine.RequestVoteResponse{Term: term, Granted: v[1] != 0, Candidate: engine.Incarnation(v[2])}
	case numSnapshotOffer:
		return &engine.SnapshotOffer{Term: term, Number: engine.SendNumber(v[1]), Transfer: engine.TransferID(v[2]), Snapshot: engine.SnapshotMeta{
			ID: v[3], Position: position(v[4], v[5]), ConfigurationIndex: engine.Index(v[6]), Size: v[7], Checksum: v[8],
		}}
	case numSnapshotOfferResponse:
		return &engine.SnapshotOfferResponse{
			Term: term, Number: engine.SendNumber(v[1]), Transfer: engine.TransferID(v[2]), Verdict: verdict(v[3]), Offset: v[4], Match: engine.Index(v[5]),
		}
	case numRemoved:
		return &engine.Removed{Term: term, Incarnation: engine.Incarnation(v[1]), Commit: position(v[2], v[3])}
	case numProposalForward:
		return &engine.ProposalForward{Term: term, Origin: v[1], ID: v[2]}
	case numProposalForwardResult:
		return &engine.ProposalForwardResult{
			Term: term, Origin: v[1], ID: v[2], Outcome: outcome(v[3]), Leader: engine.NodeID(v[4]), Position: position(v[5], v[6]),
		}
	default:
		return &engine.TimeoutNow{Term: term, Number: engine.SendNumber(v[1])}
	}
}

func position(term, index uint64) engine.Position {
	return engine.Position{Term: engine.Term(term), Index: engine.Index(index)}
}

// verdict reads a verdict; zero, which is none, stands for what is too large to be one.
func verdict(v uint64) engine.SnapshotVerdict {
	if v > math.MaxUint8 {
		return 0
	}
	return engine.SnapshotVerdict(v)
}

// outcome reads an outcome; zero, which is none, stands for what is too large to be one.
func outcome(v uint64) engine.ForwardOutcome {
	if v > math.MaxUint8 {
		return 0
	}
	return engine.ForwardOutcome(v)
}

// decodeItems reads the commands or responses of a forwarded proposal. They alias payload, as entries do.
func decodeItems(payload []byte) (items [][]byte, err error) {
	for len(payload) > 0 {
		field, size, err := consumeField(payload)
		if err != nil {
			return nil, err
		}
		payload = payload[size:]
		if field.wire != protowire.BytesType || field.number != numItems {
			continue
		}
		if len(items) == maxEntries {
			return nil, malformed("more than %d commands or responses", maxEntries)
		}
		items = append(items, field.bytes)
	}
	return items, nil
}

// decodeEntries reads the entries that scanPayload counted.
func decodeEntries(payload []byte, count int) ([]engine.Entry, error) {
	if count == 0 {
		return nil, nil
	}
	entries := make([]engine.Entry, 0, count)
	for len(payload) > 0 {
		field, size, err := consumeField(payload)
		if err != nil {
			return nil, err
		}
		payload = payload[size:]
		if field.wire != protowire.BytesType || field.number != numEntries {
			continue
		}
		entry, err := decodeEntry(field.bytes)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func decodeEntry(b []byte) (engine.Entry, error) {
	var e engine.Entry
	for len(b) > 0 {
		field, size, err := consumeField(b)
		if err != nil {
			return e, err
		}
		b = b[size:]
		switch {
		case field.wire == protowire.VarintType && field.number == numEntryTerm:
			e.Term = engine.Term(field.varint)
		case field.wire == protowire.VarintType && field.number == numEntryIndex:
			e.Index = engine.Index(field.varint)
		case field.wire == protowire.VarintType && field.number == numEntryKind:
			if field.varint > math.MaxUint8 {
				return e, malformed("entry of unknown kind %d", field.varint)
			}
			e.Kind = engine.EntryKind(field.varint)
		case field.wire == protowire.BytesType && field.number == numEntryData:
			e.Data = field.bytes
		}
	}
	return e, nil
}

// wireField is one field of a protobuf message; which of varint and bytes is set depends on wire.
type wireField struct {
	number protowire.Number
	wire   protowire.Type
	varint uint64
	bytes  []byte
}

// consumeField reads the first field of b and returns it with its size. Bytes alias b and have no room behind
// them.
func consumeField(b []byte) (field wireField, size int, err error) {
	number, wire, n := protowire.ConsumeTag(b)
	if n < 0 {
		return field, 0, malformed("%w", protowire.ParseError(n))
	}
	field.number, field.wire = number, wire
	var m int
	switch wire {
	case protowire.VarintType:
		field.varint, m = protowire.ConsumeVarint(b[n:])
	case protowire.BytesType:
		field.bytes, m = protowire.ConsumeBytes(b[n:])
		field.bytes = slices.Clip(field.bytes)
	default:
		m = protowire.ConsumeFieldValue(number, wire, b[n:])
	}
	if m < 0 {
		return field, 0, malformed("%w", protowire.ParseError(m))
	}
	return field, n + m, nil
}
