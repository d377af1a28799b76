package remote

import (
	"bufio"
	"bytes"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

func frameOfChunk(c *Chunk) []byte { return append(appendChunkHead(nil, c), c.Data...) }

func bodyOf(frame []byte) []byte { return frame[frameHeaderSize:] }

func TestChunksAreWrittenAsTheGeneratedCodeWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &Chunk{
			Transfer: engine.TransferID(max(1, number(math.MaxUint64).Draw(t, "transfer"))),
			Offset:   number(maxPosition-400).Draw(t, "offset"),
			Data:     rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data"),
		}
		want, err := proto.Marshal(&raftpb.Envelope{Message: &raftpb.Envelope_SnapshotChunk{SnapshotChunk: &raftpb.SnapshotChunk{
			Transfer: uint64(c.Transfer), Offset: c.Offset, Data: c.Data,
		}}})
		require.NoError(t, err)
		frame := frameOfChunk(c)
		require.Equal(t, frameOf(want), frame)
		require.LessOrEqual(t, len(frame)-len(c.Data), maxChunkHead)
		got, err := readChunk(bufio.NewReader(bytes.NewReader(frame)), len(frame))
		require.NoError(t, err)
		require.NoError(t, got.open())
		require.Equal(t, [...]any{c.Transfer, c.Offset, c.Data}, [...]any{got.Transfer, got.Offset, got.Data})
	})
}

func TestAcknowledgementsAreWrittenAsTheGeneratedCodeWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ack := ChunkAck{
			Transfer: engine.TransferID(max(1, number(math.MaxUint64).Draw(t, "transfer"))),
			Offset:   number(maxPosition).Draw(t, "offset"),
			Stop:     rapid.Bool().Draw(t, "stop"),
		}
		want, err := proto.Marshal(&raftpb.Envelope{Message: &raftpb.Envelope_SnapshotChunkAck{SnapshotChunkAck: &raftpb.SnapshotChunkAck{
			Transfer: uint64(ack.Transfer), Offset: ack.Offset, Stop: ack.Stop,
		}}})
		require.NoError(t, err)
		frame := appendAckFrame(nil, ack)
		require.Equal(t, frameOf(want), frame)
		require.LessOrEqual(t, len(frame), maxAckFrameBytes)
		got, err := decodeAck(bodyOf(frame))
		require.NoError(t, err)
		require.Equal(t, ack, got)
	})
}

func TestALargeChunkArrivesWhole(t *testing.T) {
	c := NewChunk(1, 0, 3*trustedLength+1)
	for i := range c.Data {
		c.Data[i] = byte(i * 7)
	}
	frame := frameOfChunk(c)
	got, err := readChunk(bufio.NewReader(bytes.NewReader(frame)), len(frame))
	require.NoError(t, err)
	require.NoError(t, got.open())
	require.Equal(t, c.Data, got.Data)
}

// dialForSnapshots shakes hands for a connection for snapshots.
func dialForSnapshots(t *testing.T, transport Transport, id engine.NodeID) *stranger {
	t.Helper()
	hello := introductionOf(id)
	hello.kind = raftpb.ConnectionKind_CONNECTION_KIND_SNAPSHOT
	return dialAs(t, transport, hello)
}

// brought waits for a chunk with the given data.
func (e *ears) brought(t *testing.T, data string) {
	t.Helper()
	require.Equal(t, data, string((<-e.chunks).Data))
}

func TestWhatHasNoPlaceAmongChunksEndsTheirConnection(t *testing.T) {
	envelope := func(number protowire.Number, payload []byte) []byte {
		return frameOf(protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), payload))
	}
	whole := frameOfChunk(&Chunk{Transfer: 1, Data: []byte("x")})
	for name, frame := range map[string][]byte{
		"no transfer":         frameOfChunk(&Chunk{Data: []byte("x")}),
		"no data":             frameOfChunk(&Chunk{Transfer: 1}),
		"offset overflows":    frameOfChunk(&Chunk{Transfer: 1, Offset: maxPosition, Data: []byte("x")}),
		"offset is huge":      frameOfChunk(&Chunk{Transfer: 1, Offset: math.MaxUint64, Data: []byte("x")}),
		"a message":           appendFrame(nil, &engine.Heartbeat{Term: 1}),
		"an acknowledgement":  appendAckFrame(nil, ChunkAck{Transfer: 1}),
		"no protobuf":         frameOf([]byte{0xff}),
		"broken inside":       envelope(numSnapshotChunk, []byte{0x1a, 0x7f}),
		"fails its checksum":  append(bytes.Clone(whole[:len(whole)-1]), 'y'),
		"larger than a frame": {0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			transport, heard := listening(t)
			s := dialForSnapshots(t, transport, 2)
			s.write(frame)
			s.untilClosed()
			require.EqualValues(t, 1, transport.Metrics().Malformed)
			require.Empty(t, heard.chunks)
			works(t, transport, heard)
		})
	}
}

func TestAMessageTypeOfANewerPeerIsIgnoredAmongChunks(t *testing.T) {
	transport, heard := listening(t)
	s := dialForSnapshots(t, transport, 2)
	s.write(frameOf(protowire.AppendBytes(protowire.AppendTag(nil, 47, protowire.BytesType), []byte("new"))))
	s.write(frameOfChunk(&Chunk{Transfer: 1, Data: []byte("x")}))
	heard.brought(t, "x")
	require.EqualValues(t, 1, transport.Metrics().Unknown)
}

func TestAChunkOnAConnectionOfTheProtocolIsMalformed(t *testing.T) {
	for name, frame := range map[string][]byte{
		"chunk":           frameOfChunk(&Chunk{Transfer: 1, Data: []byte("x")}),
		"acknowledgement": appendAckFrame(nil, ChunkAck{Transfer: 1}),
	} {
		transport, heard := listening(t)
		s := dialAs(t, transport, introductionOf(2))
		s.write(frame)
		s.untilClosed()
		require.EqualValues(t, 1, transport.Metrics().Malformed, name)
		require.Empty(t, heard.chunks, name)
	}
}

func TestAConnectionForSnapshotsLeavesThatOfTheProtocolAlone(t *testing.T) {
	transport, heard := listening(t)
	protocol := dialAs(t, transport, introductionOf(2))
	<-heard.seen
	chunks := dialForSnapshots(t, transport, 2)
	chunks.write(frameOfChunk(&Chunk{Transfer: 1, Data: []byte("x")}))
	heard.brought(t, "x")
	protocol.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-heard.messages)
	require.Empty(t, heard.seen, "a connection for snapshots is no news of a peer")
	newer := dialForSnapshots(t, transport, 2)
	chunks.untilClosed()
	newer.write(frameOfChunk(&Chunk{Transfer: 1, Data: []byte("y")}))
	heard.brought(t, "y")
}

func TestAListenerThatKnowsNoKindsRefusesAConnectionForSnapshots(t *testing.T) {
	hello := introductionOf(2)
	require.EqualValues(t, oldestVersion, helloToWire(hello).GetOldestVersion())
	hello.kind = raftpb.ConnectionKind_CONNECTION_KIND_SNAPSHOT
	require.Greater(t, helloToWire(hello).GetOldestVersion(), uint32(1), "version 1 would take it for one of the protocol")
}

func TestAConnectionOfUnknownKindIsRefused(t *testing.T) {
	transport, heard := listening(t)
	hello := introductionOf(2)
	hello.kind = 7
	s := dial(t, transport)
	_, err := introduce(s, s.reader, hello, 1)
	require.ErrorIs(t, err, ErrRefused)
	works(t, transport, heard)
}

func TestAConnectionForSnapshotsIsDialledWhenThereIsAChunkAndEndsWhenThereIsNone(t *testing.T) {
	transport, heard := listening(t, func(c *TCPConfig) { c.KeepAlive, c.hangUp = time.Microsecond, 1 })
	far, heardFar := listeningAs(t, 2)
	transport.SetRoute(2, far.Address())
	<-heard.seen
	require.EqualValues(t, 1, transport.Metrics().Dials)
	for round := range uint64(20) {
		require.True(t, transport.SendChunk(2, NewChunk(1, round, 1)))
		(<-heardFar.chunks).Release()
		require.Equal(t, 2+round, transport.Metrics().Dials, "it ended while a chunk waited")
		for far.porterOf(1) != nil { // until it was idle for long enough
			runtime.Gosched()
		}
	}
}

func (t *tcpTransport) porterOf(id engine.NodeID) *inbound {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.porters[id]
}

func TestHostileAcknowledgementsEndTheConnection(t *testing.T) {
	for name, frame := range map[string][]byte{
		"no transfer":      appendAckFrame(nil, ChunkAck{Offset: 1}),
		"offset overflows": appendAckFrame(nil, ChunkAck{Transfer: 1, Offset: maxPosition + 1}),
		"a chunk":          frameOfChunk(&Chunk{Transfer: 1, Data: []byte("x")}),
		"too large":        frameOf(make([]byte, maxAckFrameBytes+1)),
	} {
		t.Run(name, func(t *testing.T) {
			transport, heard := listening(t)
			peer := fake(t)
			transport.SetRoute(3, peer.address())
			peer.welcome(introductionOf(3)) // the protocol's
			require.True(t, transport.SendChunk(3, NewChunk(1, 0, 10)))
			s := peer.welcome(introductionOf(3))
			s.write(frame)
			s.untilClosed()
			require.Empty(t, heard.acks)
		})
	}
}

func TestChunksThatWaitAreBoundedInBytes(t *testing.T) {
	q := newChunkQueue(3 * (100 + chunkOverhead))
	for i := range uint64(3) {
		require.True(t, q.push(NewChunk(1, i, 100)))
	}
	require.False(t, q.push(NewChunk(1, 3, 100)))
	batch := q.take(nil, 101)
	require.Len(t, batch, 2)
	require.False(t, q.push(NewChunk(1, 3, 100)), "what is being written takes room")
	require.Equal(t, 3*(100+chunkOverhead), q.waiting())
	q.written(batch)
	require.True(t, q.push(NewChunk(1, 3, 100)))
	require.Equal(t, 2, q.clear())
	require.Zero(t, q.waiting())
	require.Empty(t, q.ready)
}

func TestOfAcknowledgementsThatWaitTheNewestLeaves(t *testing.T) {
	box := newAckBox()
	require.True(t, box.push(ChunkAck{Transfer: 1, Offset: 1}))
	require.True(t, box.push(ChunkAck{Transfer: 2, Stop: true}))
	require.True(t, box.push(ChunkAck{Transfer: 1, Offset: 5}))
	require.Equal(t, []ChunkAck{{Transfer: 1, Offset: 5}, {Transfer: 2, Stop: true}}, box.take())
	for i := range engine.TransferID(maxAcksWaiting) {
		require.True(t, box.push(ChunkAck{Transfer: i + 1}))
	}
	require.False(t, box.push(ChunkAck{Transfer: maxAcksWaiting + 1}))
}
