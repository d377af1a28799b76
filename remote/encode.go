package remote

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/yggr-go/yggr/engine"
)

// Messages are encoded by hand: the generated code would need a second set of structs and an allocation for each
// entry. Apart from the entries of AppendEntries, the membership of SnapshotOffer, and the commands and responses of
// forwarded proposals, every message of raft.proto is a run of varints numbered from 1 on, so one pair of loops writes
// and reads them all. The tests compare both directions with the generated code.

// The numbers of raftpb.Envelope.
const (
	numAppendEntries          protowire.Number = 1
	numAppendEntriesResponse  protowire.Number = 2
	numHeartbeat              protowire.Number = 3
	numHeartbeatResponse      protowire.Number = 4
	numRequestPreVote         protowire.Number = 5
	numRequestPreVoteResponse protowire.Number = 6
	numRequestVote            protowire.Number = 7
	numRequestVoteResponse    protowire.Number = 8
	numTimeoutNow             protowire.Number = 9
	numRemoved                protowire.Number = 10
	numSnapshotOffer          protowire.Number = 11
	numSnapshotOfferResponse  protowire.Number = 12
	numLast                                    = numSnapshotOfferResponse

	numProposalForward       protowire.Number = 64
	numProposalForwardResult protowire.Number = 65
)

// The fields that are no varints and stand behind them.
const (
	numEntries    protowire.Number = 6
	numMembership protowire.Number = 10
	numItems      protowire.Number = 10 // the commands and the responses of forwarded proposals
)

// The fields of raftpb.Entry.
const (
	numEntryTerm  protowire.Number = 1
	numEntryIndex protowire.Number = 2
	numEntryKind  protowire.Number = 3
	numEntryData  protowire.Number = 4
)

// fields are the varints of one message: fields[i] has number i+1.
type fields [9]uint64

// flatten returns a message's number in the envelope and its varints.
func flatten(message engine.Message) (protowire.Number, fields) {
	switch m := message.(type) {
	case *engine.AppendEntries:
		return numAppendEntries, fields{uint64(m.Term), uint64(m.Number), uint64(m.Prev.Term), uint64(m.Prev.Index), uint64(m.Commit)}
	case *engine.AppendEntriesResponse:
		return numAppendEntriesResponse, fields{
			uint64(m.Term), uint64(m.Number), bit(m.Accepted),
			uint64(m.Match), uint64(m.Conflict.Term), uint64(m.Conflict.Index),
		}
	case *engine.Heartbeat:
		return numHeartbeat, fields{uint64(m.Term), uint64(m.Number), uint64(m.Commit)}
	case *engine.HeartbeatResponse:
		return numHeartbeatResponse, fields{uint64(m.Term), uint64(m.Number)}
	case *engine.RequestPreVote:
		return numRequestPreVote, fields{uint64(m.Term), uint64(m.Round), uint64(m.Last.Term), uint64(m.Last.Index)}
	case *engine.RequestPreVoteResponse:
		return numRequestPreVoteResponse, fields{uint64(m.Term), uint64(m.Round), bit(m.Granted)}
	case *engine.RequestVote:
		return numRequestVote, fields{uint64(m.Term), uint64(m.Last.Term), uint64(m.Last.Index), bit(m.Transfer)}
	case *engine.RequestVoteResponse:
		return numRequestVoteResponse, fields{uint64(m.Term), bit(m.Granted), uint64(m.Candidate)}
	case *engine.TimeoutNow:
		return numTimeoutNow, fields{uint64(m.Term), uint64(m.Number)}
	case *engine.SnapshotOffer:
		s := &m.Snapshot
		return numSnapshotOffer, fields{
			uint64(m.Term), uint64(m.Number), uint64(m.Transfer), s.ID, uint64(s.Position.Term), uint64(s.Position.Index),
			uint64(s.ConfigurationIndex), s.Size, s.Checksum,
		}
	case *engine.SnapshotOfferResponse:
		return numSnapshotOfferResponse, fields{
			uint64(m.Term), uint64(m.Number), uint64(m.Transfer), uint64(m.Verdict), m.Offset, uint64(m.Match),
		}
	case *engine.Removed:
		return numRemoved, fields{uint64(m.Term), uint64(m.Incarnation), uint64(m.Commit.Term), uint64(m.Commit.Index)}
	case *engine.ProposalForward:
		return numProposalForward, fields{uint64(m.Term), m.Origin, m.ID}
	case *engine.ProposalForwardResult:
		return numProposalForwardResult, fields{
			uint64(m.Term), m.Origin, m.ID, uint64(m.Outcome), uint64(m.Leader), uint64(m.Position.Term), uint64(m.Position.Index),
		}
	}
	panic(fmt.Sprintf("remote: message type %T has no place in raft.proto", message))
}

// appendEnvelope appends the body of a frame: a raftpb.Envelope.
func appendEnvelope(b []byte, message engine.Message) []byte {
	number, varints := flatten(message)
	b = protowire.AppendTag(b, number, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(payloadSize(message, &varints)))
	for i, v := range varints {
		b = appendUint(b, protowire.Number(i+1), v)
	}
	switch m := message.(type) {
	case *engine.AppendEntries:
		b = appendEntries(b, m.Entries)
	case *engine.SnapshotOffer:
		b = protowire.AppendTag(b, numMembership, protowire.BytesType)
		b = protowire.AppendBytes(b, m.Snapshot.Membership.Encode())
	case *engine.ProposalForward:
		b = appendItems(b, m.Commands)
	case *engine.ProposalForwardResult:
		b = appendItems(b, m.Responses)
	default:
	}
	return b
}

// envelopeSize returns the length of what appendEnvelope appends.
func envelopeSize(message engine.Message) int {
	number, varints := flatten(message)
	return fieldSize(number, payloadSize(message, &varints))
}

// fieldSize returns the length of a field of so many bytes: from number 16 on its tag takes two, from 2048 on three.
func fieldSize(number protowire.Number, bytes int) int {
	return protowire.SizeTag(number) + protowire.SizeBytes(bytes)
}

func payloadSize(message engine.Message, varints *fields) int {
	size := 0
	for _, v := range varints {
		size += sizeUint(v)
	}
	switch m := message.(type) {
	case *engine.AppendEntries:
		for i := range m.Entries {
			size += fieldSize(numEntries, entrySize(&m.Entries[i]))
		}
	case *engine.SnapshotOffer:
		size += 1 + protowire.SizeBytes(len(m.Snapshot.Membership.Encode()))
	case *engine.ProposalForward:
		size += itemsSize(m.Commands)
	case *engine.ProposalForwardResult:
		size += itemsSize(m.Responses)
	default:
	}
	return size
}

func appendItems(b []byte, items [][]byte) []byte {
	for _, item := range items {
		b = protowire.AppendTag(b, numItems, protowire.BytesType)
		b = protowire.AppendBytes(b, item)
	}
	return b
}

func itemsSize(items [][]byte) (size int) {
	for _, item := range items {
		size += fieldSize(numItems, len(item))
	}
	return size
}

func appendEntries(b []byte, entries []engine.Entry) []byte {
	for i := range entries {
		e := &entries[i]
		b = protowire.AppendTag(b, numEntries, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(entrySize(e)))
		b = appendUint(b, numEntryTerm, uint64(e.Term))
		b = appendUint(b, numEntryIndex, uint64(e.Index))
		b = appendUint(b, numEntryKind, uint64(e.Kind))
		if len(e.Data) > 0 {
			b = protowire.AppendTag(b, numEntryData, protowire.BytesType)
			b = protowire.AppendBytes(b, e.Data)
		}
	}
	return b
}

func entrySize(e *engine.Entry) int {
	size := sizeUint(uint64(e.Term)) + sizeUint(uint64(e.Index)) + sizeUint(uint64(e.Kind))
	if len(e.Data) > 0 {
		size += fieldSize(numEntryData, len(e.Data))
	}
	return size
}

// appendUint appends a varint field; like the generated code it leaves out a zero.
func appendUint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, byte(number<<3)), v)
}

func sizeUint(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
