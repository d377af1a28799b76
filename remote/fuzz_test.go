package remote

import (
	"bufio"
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// fuzzSeeds are bodies of every message type.
func fuzzSeeds() [][]byte {
	var bodies [][]byte
	for _, m := range []engine.Message{
		&engine.AppendEntries{Term: 7, Number: 11, Prev: at(5, 38), Commit: 38, Entries: []engine.Entry{
			{Term: 6, Index: 39, Kind: engine.EntryNoOp},
			{Term: 6, Index: 40, Kind: engine.EntryCommand, Data: []byte("set k v")},
			{Term: 7, Index: 41, Kind: engine.EntryConfiguration, Data: founders},
		}},
		&engine.AppendEntriesResponse{Term: 7, Number: 11, Accepted: true, Match: 41},
		&engine.AppendEntriesResponse{Term: 7, Number: 12, Conflict: at(6, 39)},
		&engine.Heartbeat{Term: 7, Number: 13, Commit: 41},
		&engine.HeartbeatResponse{Term: 7, Number: 13},
		&engine.RequestPreVote{Term: 7, Round: 2, Last: at(6, 40)},
		&engine.RequestPreVoteResponse{Term: 7, Round: 2, Granted: true},
		&engine.RequestVote{Term: 7, Last: at(6, 40), Transfer: true},
		&engine.RequestVoteResponse{Term: 7, Granted: true, Candidate: 1 << 63},
		&engine.TimeoutNow{Term: 7, Number: 14},
		&engine.SnapshotOffer{Term: 7, Number: 15, Transfer: 21, Snapshot: engine.SnapshotMeta{
			ID: 1 << 63, Position: at(6, 40), ConfigurationIndex: 1, Size: 1 << 30, Checksum: 77, Membership: twoVoters,
		}},
		&engine.SnapshotOfferResponse{Term: 7, Number: 15, Transfer: 21, Verdict: engine.SnapshotAccepted, Offset: 4096},
		&engine.SnapshotOfferResponse{Term: 7, Number: 15, Transfer: 21, Verdict: engine.SnapshotRefused},
		&engine.SnapshotOfferResponse{Term: 7, Number: 15, Transfer: 21, Verdict: engine.SnapshotHeld, Match: 40},
		&engine.Removed{Term: 7, Incarnation: 1 << 63, Commit: at(6, 40)},
		&engine.ProposalForward{Term: 7, Origin: 1 << 60, ID: 3, Commands: [][]byte{[]byte("set k v"), {}}},
		&engine.ProposalForwardResult{Term: 7, Origin: 1 << 60, ID: 3, Outcome: engine.ForwardApplied, Responses: [][]byte{[]byte("ok"), {}}},
		&engine.ProposalForwardResult{Term: 7, Origin: 1 << 60, ID: 3, Outcome: engine.ForwardNotLeader, Leader: 2},
		&engine.ProposalForwardResult{Term: 7, Origin: 1 << 60, ID: 3, Outcome: engine.ForwardUnknown, Position: at(7, 41)},
	} {
		bodies = append(bodies, appendEnvelope(nil, m))
	}
	return bodies
}

// Whatever comes in: no panic; what is let through is valid, survives a round trip, and is what the generated code
// reads in the same bytes.
func FuzzDecodeMessage(f *testing.F) {
	for _, body := range fuzzSeeds() {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := decode(bytes.Clone(body))
		if err != nil {
			return
		}
		again, err := decode(appendEnvelope(nil, message))
		require.NoError(t, err)
		require.Equal(t, withoutEmptyData(message), again)
		var envelope raftpb.Envelope
		if proto.Unmarshal(body, &envelope) == nil {
			sortOut(&envelope)
			require.True(t, proto.Equal(generated(message), &envelope), "%v and %v", message, &envelope)
		}
	})
}

// withoutEmptyData makes data that is there but empty the same as none.
func withoutEmptyData(message engine.Message) engine.Message {
	if m, ok := message.(*engine.AppendEntries); ok {
		for i := range m.Entries {
			if len(m.Entries[i].Data) == 0 {
				m.Entries[i].Data = nil
			}
		}
	}
	return message
}

// sortOut removes what this build does not know.
func sortOut(envelope *raftpb.Envelope) {
	envelope.ProtoReflect().SetUnknown(nil)
	m := envelope.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("message")); field != nil {
		m.Get(field).Message().SetUnknown(nil)
	}
	for _, e := range envelope.GetAppendEntries().GetEntries() {
		e.ProtoReflect().SetUnknown(nil)
	}
}

// Whatever comes in: no panic, no body above the limit, and what is read is what the frame says.
func FuzzReadFrame(f *testing.F) {
	for _, body := range fuzzSeeds() {
		f.Add(frameOf(body), 1<<20)
		f.Add(append(bytes.Clone(keepAlive), frameOf(body)...), 10)
	}
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		limit = max(0, min(limit, 1<<24))
		r := bufio.NewReader(bytes.NewReader(stream))
		for read := 0; ; {
			body, err := readFrame(r, limit)
			if err != nil {
				return
			}
			require.LessOrEqual(t, len(body), limit)
			frame := frameOf(body)
			require.Equal(t, stream[read:read+len(frame)], frame)
			read += len(frame)
		}
	})
}

// FuzzHello feeds both halves of the handshake.
func FuzzHello(f *testing.F) {
	hello, err := proto.Marshal(helloToWire(introductionOf(2)))
	require.NoError(f, err)
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), 10<<3, 1)) // it means node 1
	f.Add(append(bytes.Clone(hello), 10<<3, 3)) // another one
	f.Add([]byte{8, 3, 16, 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := bufio.NewReader(bytes.NewReader(frameOf(body)))
		hello, err := readHello(r, introductionOf(1))
		if err != nil {
			return
		}
		var said raftpb.Hello
		require.NoError(t, proto.Unmarshal(body, &said))
		require.Contains(t, []uint64{0, 1}, said.GetToNodeId())
		require.True(t, utf8.ValidString(hello.Cluster.Name))
		require.NotZero(t, hello.Peer.ID)
		require.NotEqual(t, engine.NodeID(1), hello.Peer.ID)
		require.NotZero(t, hello.Peer.Incarnation)
		require.NoError(t, validateAddress(hello.Address))
		require.True(t, hello.Cluster.Same(introductionOf(1).Cluster))
	})
}

// Whatever comes in on a connection for snapshots: no panic; what is let through is valid, survives a round trip, and
// is what the generated code reads in the same bytes.
func FuzzSnapshotMessages(f *testing.F) {
	f.Add(bodyOf(frameOfChunk(&Chunk{Transfer: 1 << 63, Offset: 1 << 40, Data: []byte("data")})))
	f.Add(bodyOf(frameOfChunk(&Chunk{Transfer: 1, Data: []byte{0}})))
	f.Add(bodyOf(appendAckFrame(nil, ChunkAck{Transfer: 1 << 63, Offset: 1 << 40, Stop: true})))
	f.Add(appendEnvelope(nil, &engine.Heartbeat{Term: 1}))
	f.Fuzz(func(t *testing.T, body []byte) {
		var envelope raftpb.Envelope
		readable := proto.Unmarshal(body, &envelope) == nil
		chunk := &Chunk{buffer: bytes.Clone(body)}
		if chunk.open() == nil {
			again := &Chunk{buffer: bodyOf(frameOfChunk(chunk))}
			require.NoError(t, again.open())
			require.Equal(t, [...]any{chunk.Transfer, chunk.Offset, chunk.Data}, [...]any{again.Transfer, again.Offset, again.Data})
			require.LessOrEqual(t, chunk.Offset+uint64(len(chunk.Data)), uint64(maxPosition))
			said := envelope.GetSnapshotChunk()
			require.True(t, !readable || said.GetTransfer() == uint64(chunk.Transfer) && said.GetOffset() == chunk.Offset &&
				bytes.Equal(said.GetData(), chunk.Data))
		}
		if ack, err := decodeAck(body); err == nil {
			again, err := decodeAck(bodyOf(appendAckFrame(nil, ack)))
			require.NoError(t, err)
			require.Equal(t, ack, again)
			said := envelope.GetSnapshotChunkAck()
			require.True(t, !readable || said.GetTransfer() == uint64(ack.Transfer) && said.GetOffset() == ack.Offset &&
				said.GetStop() == ack.Stop)
		}
	})
}
