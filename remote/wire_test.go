package remote

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

var twoVoters = engine.Membership{Members: []engine.Member{
	{ID: 1, Role: engine.Voter, Address: "127.0.0.1:7001"},
	{ID: 2, Role: engine.Voter, Address: "127.0.0.1:7002"},
}}

// founders is the data of a valid configuration entry.
var founders = func() []byte {
	e, err := engine.FoundersEntry(twoVoters)
	if err != nil {
		panic(err)
	}
	return e.Data
}()

// number draws a number whose varint has any length, as terms and indexes do over the life of a cluster.
func number(most uint64) *rapid.Generator[uint64] {
	return rapid.Custom(func(t *rapid.T) uint64 {
		return min(rapid.Uint64().Draw(t, "bits")>>rapid.IntRange(0, 63).Draw(t, "shift"), most)
	})
}

func drawTerm(t *rapid.T, least, most engine.Term) engine.Term {
	return max(least, engine.Term(number(uint64(most)).Draw(t, "term")))
}

func drawIndex(t *rapid.T) engine.Index {
	return engine.Index(number(maxPosition-100).Draw(t, "index"))
}

func drawSendNumber(t *rapid.T) engine.SendNumber {
	return engine.SendNumber(number(math.MaxUint64).Draw(t, "number"))
}

// drawPosition draws a position of a log that holds no later term than most.
func drawPosition(t *rapid.T, most engine.Term) engine.Position {
	if most == 0 || rapid.Bool().Draw(t, "empty log") {
		return engine.Position{}
	}
	return engine.Position{Term: drawTerm(t, 1, most), Index: max(1, drawIndex(t))}
}

func drawEntries(t *rapid.T, prev engine.Position, most engine.Term) []engine.Entry {
	var entries []engine.Entry
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		e := engine.Entry{Term: drawTerm(t, max(1, prev.Term), most), Index: prev.Index + 1}
		switch e.Kind = rapid.SampledFrom([]engine.EntryKind{
			engine.EntryNoOp, engine.EntryCommand, engine.EntryConfiguration,
		}).Draw(t, "kind"); e.Kind {
		case engine.EntryCommand:
			e.Data = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")
		case engine.EntryNoOp:
		case engine.EntryConfiguration:
			e.Data = founders
		}
		entries = append(entries, e)
		prev = e.Position()
	}
	return entries
}

// drawMessage draws a message that an engine might send.
func drawMessage(t *rapid.T) engine.Message {
	term := drawTerm(t, 1, maxPosition)
	switch rapid.IntRange(1, 12).Draw(t, "type") {
	case 1:
		prev := drawPosition(t, term)
		return &engine.AppendEntries{
			Term: term, Number: drawSendNumber(t), Prev: prev, Commit: drawIndex(t), Entries: drawEntries(t, prev, term),
		}
	case 2:
		if rapid.Bool().Draw(t, "accepted") {
			return &engine.AppendEntriesResponse{Term: term, Number: drawSendNumber(t), Accepted: true, Match: drawIndex(t)}
		}
		return &engine.AppendEntriesResponse{Term: term, Number: drawSendNumber(t), Conflict: drawPosition(t, term)}
	case 3:
		return &engine.Heartbeat{Term: term, Number: drawSendNumber(t), Commit: drawIndex(t)}
	case 4:
		return &engine.HeartbeatResponse{Term: term, Number: drawSendNumber(t)}
	case 5:
		return &engine.RequestPreVote{Term: term, Round: drawSendNumber(t), Last: drawPosition(t, term-1)}
	case 6:
		return &engine.RequestPreVoteResponse{Term: term, Round: drawSendNumber(t), Granted: rapid.Bool().Draw(t, "granted")}
	case 7:
		return &engine.RequestVote{Term: term, Last: drawPosition(t, term-1), Transfer: rapid.Bool().Draw(t, "transfer")}
	case 8:
		return &engine.RequestVoteResponse{Term: term, Granted: rapid.Bool().Draw(t, "granted"), Candidate: engine.Incarnation(rapid.Uint64().Draw(t, "candidate"))}
	case 9:
		return &engine.TimeoutNow{Term: term, Number: drawSendNumber(t)}
	case 10:
		return drawSnapshotMessage(t, term)
	case 11:
		return drawForward(t, term)
	}
	return &engine.Removed{
		Term: term, Incarnation: engine.Incarnation(max(1, rapid.Uint64().Draw(t, "incarnation"))),
		Commit: engine.Position{Term: drawTerm(t, 1, term), Index: max(1, drawIndex(t))},
	}
}

func drawForward(t *rapid.T, term engine.Term) engine.Message {
	origin, id := max(1, rapid.Uint64().Draw(t, "origin")), max(1, number(math.MaxUint64).Draw(t, "id"))
	items := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 1, 5)
	if rapid.Bool().Draw(t, "request") {
		return &engine.ProposalForward{Term: term, Origin: origin, ID: id, Commands: items.Draw(t, "commands")}
	}
	result := &engine.ProposalForwardResult{Term: term, Origin: origin, ID: id, Outcome: engine.ForwardOutcome(rapid.IntRange(1, 9).Draw(t, "outcome"))}
	if result.Outcome == engine.ForwardApplied {
		result.Responses = items.Draw(t, "responses")
	}
	if result.Outcome == engine.ForwardNotLeader {
		result.Leader = engine.NodeID(rapid.Uint64().Draw(t, "leader"))
	}
	if result.Outcome == engine.ForwardUnknown {
		result.Position = drawPosition(t, maxPosition)
	}
	return result
}

func drawSnapshotMessage(t *rapid.T, term engine.Term) engine.Message {
	transfer := engine.TransferID(max(1, number(math.MaxUint64).Draw(t, "transfer")))
	if rapid.Bool().Draw(t, "offer") {
		last := engine.Position{Term: drawTerm(t, 1, term), Index: max(1, drawIndex(t))}
		return &engine.SnapshotOffer{Term: term, Number: drawSendNumber(t), Transfer: transfer, Snapshot: engine.SnapshotMeta{
			ID: max(1, number(math.MaxUint64).Draw(t, "id")), Position: last,
			ConfigurationIndex: engine.Index(max(1, number(uint64(last.Index)).Draw(t, "configuration"))),
			Size:               number(math.MaxUint64).Draw(t, "size"), Checksum: rapid.Uint64().Draw(t, "checksum"), Membership: twoVoters,
		}}
	}
	answer := &engine.SnapshotOfferResponse{Term: term, Number: drawSendNumber(t), Transfer: transfer}
	switch answer.Verdict = rapid.SampledFrom([]engine.SnapshotVerdict{
		engine.SnapshotAccepted, engine.SnapshotRefused, engine.SnapshotHeld,
	}).Draw(t, "verdict"); answer.Verdict {
	case engine.SnapshotAccepted:
		answer.Offset = number(math.MaxUint64).Draw(t, "offset")
	case engine.SnapshotHeld:
		answer.Match = drawIndex(t)
	case engine.SnapshotRefused:
	}
	return answer
}

// generated returns the message as the generated code knows it.
func generated(message engine.Message) *raftpb.Envelope {
	switch m := message.(type) {
	case *engine.AppendEntries:
		w := &raftpb.AppendEntries{
			Term: uint64(m.Term), Number: uint64(m.Number), Commit: uint64(m.Commit),
			PrevTerm: uint64(m.Prev.Term), PrevIndex: uint64(m.Prev.Index),
		}
		for _, e := range m.Entries {
			w.Entries = append(w.Entries, &raftpb.Entry{
				Term: uint64(e.Term), Index: uint64(e.Index), Kind: raftpb.EntryKind(e.Kind), Data: e.Data,
			})
		}
		return &raftpb.Envelope{Message: &raftpb.Envelope_AppendEntries{AppendEntries: w}}
	case *engine.AppendEntriesResponse:
		return &raftpb.Envelope{Message: &raftpb.Envelope_AppendEntriesResponse{AppendEntriesResponse: &raftpb.AppendEntriesResponse{
			Term: uint64(m.Term), Number: uint64(m.Number), Accepted: m.Accepted, Match: uint64(m.Match),
			ConflictTerm: uint64(m.Conflict.Term), ConflictIndex: uint64(m.Conflict.Index),
		}}}
	case *engine.Heartbeat:
		return &raftpb.Envelope{Message: &raftpb.Envelope_Heartbeat{Heartbeat: &raftpb.Heartbeat{
			Term: uint64(m.Term), Number: uint64(m.Number), Commit: uint64(m.Commit),
		}}}
	case *engine.HeartbeatResponse:
		return &raftpb.Envelope{Message: &raftpb.Envelope_HeartbeatResponse{HeartbeatResponse: &raftpb.HeartbeatResponse{
			Term: uint64(m.Term), Number: uint64(m.Number),
		}}}
	case *engine.RequestPreVote:
		return &raftpb.Envelope{Message: &raftpb.Envelope_RequestPreVote{RequestPreVote: &raftpb.RequestPreVote{
			Term: uint64(m.Term), Round: uint64(m.Round), LastTerm: uint64(m.Last.Term), LastIndex: uint64(m.Last.Index),
		}}}
	case *engine.RequestPreVoteResponse:
		return &raftpb.Envelope{Message: &raftpb.Envelope_RequestPreVoteResponse{RequestPreVoteResponse: &raftpb.RequestPreVoteResponse{
			Term: uint64(m.Term), Round: uint64(m.Round), Granted: m.Granted,
		}}}
	case *engine.RequestVote:
		return &raftpb.Envelope{Message: &raftpb.Envelope_RequestVote{RequestVote: &raftpb.RequestVote{
			Term: uint64(m.Term), LastTerm: uint64(m.Last.Term), LastIndex: uint64(m.Last.Index), Transfer: m.Transfer,
		}}}
	case *engine.RequestVoteResponse:
		return &raftpb.Envelope{Message: &raftpb.Envelope_RequestVoteResponse{RequestVoteResponse: &raftpb.RequestVoteResponse{
			Term: uint64(m.Term), Granted: m.Granted, CandidateIncarnation: uint64(m.Candidate),
		}}}
	case *engine.TimeoutNow:
		return &raftpb.Envelope{Message: &raftpb.Envelope_TimeoutNow{TimeoutNow: &raftpb.TimeoutNow{
			Term: uint64(m.Term), Number: uint64(m.Number),
		}}}
	case *engine.SnapshotOffer:
		return &raftpb.Envelope{Message: &raftpb.Envelope_SnapshotOffer{SnapshotOffer: &raftpb.SnapshotOffer{
			Term: uint64(m.Term), Number: uint64(m.Number), Transfer: uint64(m.Transfer), Id: m.Snapshot.ID,
			LastTerm: uint64(m.Snapshot.Position.Term), LastIndex: uint64(m.Snapshot.Position.Index),
			ConfigurationIndex: uint64(m.Snapshot.ConfigurationIndex), Size: m.Snapshot.Size, Checksum: m.Snapshot.Checksum,
			Membership: m.Snapshot.Membership.Encode(),
		}}}
	case *engine.SnapshotOfferResponse:
		return &raftpb.Envelope{Message: &raftpb.Envelope_SnapshotOfferResponse{SnapshotOfferResponse: &raftpb.SnapshotOfferResponse{
			Term: uint64(m.Term), Number: uint64(m.Number), Transfer: uint64(m.Transfer),
			Verdict: raftpb.SnapshotVerdict(m.Verdict), Offset: m.Offset, Match: uint64(m.Match),
		}}}
	case *engine.Removed:
		return &raftpb.Envelope{Message: &raftpb.Envelope_Removed{Removed: &raftpb.Removed{
			Term: uint64(m.Term), Incarnation: uint64(m.Incarnation), CommitTerm: uint64(m.Commit.Term), CommitIndex: uint64(m.Commit.Index),
		}}}
	case *engine.ProposalForward:
		return &raftpb.Envelope{Message: &raftpb.Envelope_ProposalForward{ProposalForward: &raftpb.ProposalForward{
			Term: uint64(m.Term), Origin: m.Origin, Id: m.ID, Commands: m.Commands,
		}}}
	case *engine.ProposalForwardResult:
		return &raftpb.Envelope{Message: &raftpb.Envelope_ProposalForwardResult{ProposalForwardResult: &raftpb.ProposalForwardResult{
			Term: uint64(m.Term), Origin: m.Origin, Id: m.ID, Outcome: raftpb.ForwardOutcome(m.Outcome), LeaderId: uint64(m.Leader),
			PositionTerm: uint64(m.Position.Term), PositionIndex: uint64(m.Position.Index), Responses: m.Responses,
		}}}
	}
	panic("a message type without a generated form")
}

// The .proto file is the contract. What we write by hand is what the generated code writes, to the byte, and each
// side reads what the other wrote.
func TestHandWrittenAndGeneratedEncodingAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := drawMessage(t)
		byHand := appendEnvelope(nil, message)
		byGenerator, err := proto.MarshalOptions{Deterministic: true}.Marshal(generated(message))
		require.NoError(t, err)
		require.Equal(t, byGenerator, byHand)
		require.Len(t, byHand, envelopeSize(message))

		var read raftpb.Envelope
		require.NoError(t, proto.Unmarshal(byHand, &read))
		require.True(t, proto.Equal(generated(message), &read))

		decoded, err := decode(byGenerator)
		require.NoError(t, err)
		require.Equal(t, message, decoded)
	})
}

// A newer peer may add fields anywhere; they are skipped.
func TestFieldsThatThisBuildDoesNotKnowAreSkipped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := drawMessage(t)
		var envelope raftpb.Envelope
		require.NoError(t, proto.Unmarshal(appendEnvelope(nil, message), &envelope))
		strange := protowire.AppendTag(nil, 1000, protowire.BytesType)
		strange = protowire.AppendBytes(strange, []byte("new"))
		strange = protowire.AppendTag(strange, 1001, protowire.Fixed32Type)
		strange = protowire.AppendFixed32(strange, 7)
		strange = protowire.AppendTag(strange, 1002, protowire.VarintType)
		strange = protowire.AppendVarint(strange, 7)
		envelope.ProtoReflect().SetUnknown(strange)
		if m := envelope.GetAppendEntries(); m != nil {
			m.ProtoReflect().SetUnknown(strange)
			for _, e := range m.GetEntries() {
				e.ProtoReflect().SetUnknown(strange)
			}
		}
		body, err := proto.Marshal(&envelope)
		require.NoError(t, err)
		decoded, err := decode(body)
		require.NoError(t, err)
		require.Equal(t, message, decoded)
	})
}

// Messages of steady state have numbers below 16; reads, snapshots and membership do not.
func TestTheSizeOfAFieldCountsItsTag(t *testing.T) {
	for _, number := range []protowire.Number{1, 9, 15, 16, 32, 48, 63, 2047, 2048} {
		for _, size := range []int{0, 1, 127, 128, 20_000} {
			field := protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), make([]byte, size))
			require.Len(t, field, fieldSize(number, size), "number %d, %d bytes", number, size)
		}
	}
}

func TestDecodedEntriesShareTheFrame(t *testing.T) {
	message := &engine.AppendEntries{Term: 1, Entries: []engine.Entry{
		{Term: 1, Index: 1, Kind: engine.EntryCommand, Data: []byte("first")},
		{Term: 1, Index: 2, Kind: engine.EntryCommand, Data: []byte("second")},
	}}
	body := appendEnvelope(nil, message)
	decoded, err := decode(body)
	require.NoError(t, err)
	entries := decoded.(*engine.AppendEntries).Entries
	require.Same(t, &body[bytes.Index(body, []byte("first"))], &entries[0].Data[0])
	require.Equal(t, len(entries[0].Data), cap(entries[0].Data), "an append to one entry must not reach the next")

	allocations := testing.AllocsPerRun(100, func() { _, _ = decode(body) })
	require.LessOrEqual(t, allocations, 2.0, "the message and its slice of entries")
}

func TestEncodingIntoABufferAllocatesNothing(t *testing.T) {
	message := engine.Message(&engine.AppendEntries{Term: 1, Entries: []engine.Entry{
		{Term: 1, Index: 1, Kind: engine.EntryCommand, Data: make([]byte, 1000)},
	}})
	buffer := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() { buffer = appendFrame(buffer[:0], message) }))
}

func TestAnUnknownMessageTypeIsToldApart(t *testing.T) {
	body := protowire.AppendTag(nil, 40, protowire.BytesType)
	body = protowire.AppendBytes(body, []byte("a snapshot offer"))
	_, err := decode(body)
	require.ErrorIs(t, err, ErrUnknownMessage)
	require.NotErrorIs(t, err, ErrMalformed)
}

func TestBytesThatAreNoEnvelopeAreMalformed(t *testing.T) {
	heartbeat := appendEnvelope(nil, &engine.Heartbeat{Term: 1})
	manyEntries := make([]byte, 0, 2*(maxEntries+1))
	for range maxEntries + 1 {
		manyEntries = append(manyEntries, byte(numEntries<<3|2), 0)
	}
	for name, body := range map[string][]byte{
		"empty":          {},
		"two messages":   append(bytes.Clone(heartbeat), heartbeat...),
		"cut":            heartbeat[:len(heartbeat)-1],
		"length beyond":  {byte(numHeartbeat<<3 | 2), 200},
		"field zero":     {0, 0},
		"endless varint": bytes.Repeat([]byte{0xff}, 20),
		"group unclosed": {15<<3 | 3},
		"no term":        {byte(numHeartbeat<<3 | 2), 0},
		"cut payload":    {byte(numHeartbeat<<3 | 2), 1, 8},
		"cut entry":      {byte(numAppendEntries<<3 | 2), 5, 8, 1, byte(numEntries<<3 | 2), 1, 8},
		"kind above a byte": {
			byte(numAppendEntries<<3 | 2), 11, 8, 1, byte(numEntries<<3 | 2), 7, 8, 1, 16, 1, 24, 0x82, 2,
		},
		"too many entries": append(protowire.AppendVarint([]byte{byte(numAppendEntries<<3 | 2)}, uint64(len(manyEntries))), manyEntries...),
	} {
		_, err := decode(body)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
	_, _, err := scanPayload(manyEntries, true)
	require.ErrorContains(t, err, "65537 entries, more than 65536", "told before they are allocated")
}
