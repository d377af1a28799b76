package actors

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// road is a chunkWay that keeps what leaves, until a test says what becomes of it.
type road struct {
	chunks  []*remote.Chunk
	room    int // chunks that it takes; negative: any number
	waiting int
}

func (r *road) SendChunk(_ engine.NodeID, chunk *remote.Chunk) bool {
	if r.room == 0 {
		return false
	}
	r.room--
	r.chunks = append(r.chunks, chunk)
	return true
}

func (r *road) ChunksWaiting(engine.NodeID) int { return r.waiting }

// take empties the road.
func (r *road) take() []*remote.Chunk {
	chunks := r.chunks
	r.chunks = nil
	return chunks
}

// offsets tells where the chunks begin.
func offsets(chunks []*remote.Chunk) (at []uint64) {
	for _, c := range chunks {
		at = append(at, c.Offset)
	}
	return at
}

// paper is a partialFile in memory.
type paper struct {
	bytes.Buffer
	full error
}

func (p *paper) Offset() uint64 { return uint64(p.Len()) }

func (p *paper) Append(_ uint64, data []byte) error {
	if p.full == nil {
		p.Write(data)
	}
	return p.full
}

func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func shipmentOf(file []byte, chunk int, from uint64) *shipment {
	return newShipment(&sendSnapshot{
		to: 2, transfer: 9, offset: from, snapshot: engine.SnapshotMeta{Size: uint64(len(file))},
	}, bytes.NewReader(file), chunk)
}

func intakeOf(file []byte, have int) (*intake, *paper) {
	p := &paper{}
	p.Write(file[:have])
	return newIntake(&receiveSnapshot{from: 1, transfer: 9, snapshot: engine.SnapshotMeta{Size: uint64(len(file))}}, p), p
}

func TestAShipmentKeepsToItsWindow(t *testing.T) {
	for _, c := range []struct {
		chunk  int
		window uint64
	}{{1, 128}, {1000, 128_000}, {64 << 10, 8 << 20}, {1 << 20, 8 << 20}, {12 << 20, 24 << 20}} {
		file := content(60 << 20)
		s, way := shipmentOf(file, c.chunk, 0), &road{room: -1}
		require.NoError(t, s.pump(way))
		require.Equal(t, c.window, s.next, "of chunks of %d bytes", c.chunk)
		way.take()
		require.NoError(t, s.acknowledged(remote.ChunkAck{Offset: uint64(c.chunk)}, way))
		require.Equal(t, []uint64{c.window}, offsets(way.take()), "what was acknowledged makes room")
	}
}

func TestAShipmentBeginsWhereTheReceiverHasIt(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 95), &road{room: -1}
	require.NoError(t, s.pump(way))
	require.Equal(t, content(100)[95:], way.chunks[0].Data)
	require.NoError(t, s.acknowledged(remote.ChunkAck{Offset: 100}, way))
	require.True(t, s.arrived())
	require.True(t, shipmentOf(content(100), 10, 100).arrived())
}

func TestAShipmentGoesBackWhenNoNewsComes(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 0), &road{room: -1}
	require.NoError(t, s.pump(way))
	require.NoError(t, s.acknowledged(remote.ChunkAck{Offset: 40}, way))
	way.take()
	for range resendTicks - 1 {
		require.NoError(t, s.tick(way))
	}
	require.Empty(t, way.take())
	require.NoError(t, s.tick(way))
	require.Equal(t, []uint64{40, 50, 60, 70, 80, 90}, offsets(way.take()))
	ticks := 0
	for ; len(way.chunks) == 0; ticks++ {
		require.NoError(t, s.tick(way))
	}
	require.Equal(t, resendTicks, ticks, "the pause doubles")
	for err := error(nil); !errors.Is(err, errSilentReceiver); ticks++ {
		err = s.tick(way)
	}
	require.Equal(t, patienceTicks-resendTicks, ticks)
}

func TestAShipmentDoesNotRepeatWhatIsAcknowledgedAfterItWentBack(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 0), &road{room: 7}
	require.NoError(t, s.pump(way))
	way.take()
	for range resendTicks {
		require.NoError(t, s.tick(way)) // there is no room
	}
	way.room = 1
	require.NoError(t, s.acknowledged(remote.ChunkAck{Offset: 70}, way))
	require.Equal(t, []uint64{70}, offsets(way.take()))
}

// What the network has not taken is not lost, however long it takes.
func TestAShipmentWaitsForASlowNetwork(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 0), &road{room: -1, waiting: 1}
	require.NoError(t, s.pump(way))
	way.take()
	for range 3 * patienceTicks {
		require.NoError(t, s.tick(way))
	}
	require.Empty(t, way.chunks)
}

func TestAShipmentTriesAgainWhenThereIsRoom(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 0), &road{room: 3}
	require.NoError(t, s.pump(way))
	require.Equal(t, []uint64{0, 10, 20}, offsets(way.take()))
	way.room = 1
	require.NoError(t, s.tick(way))
	require.Equal(t, []uint64{30}, offsets(way.take()))
}

func TestAShipmentIgnoresNewsThatAreNone(t *testing.T) {
	s, way := shipmentOf(content(100), 10, 50), &road{room: -1}
	for _, offset := range []uint64{0, 50, 101, 1 << 62} {
		require.NoError(t, s.acknowledged(remote.ChunkAck{Offset: offset}, way))
		require.EqualValues(t, 50, s.acked)
	}
	require.ErrorIs(t, s.acknowledged(remote.ChunkAck{Offset: 60, Stop: true}, way), errStopped)
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAShipmentOfAFileThatCannotBeReadEnds(t *testing.T) {
	s := shipmentOf(content(100), 10, 0)
	s.file = broken{}
	require.ErrorIs(t, s.pump(&road{room: -1}), errUnreadable)
}

func TestAnIntakeTakesTheFileInOrder(t *testing.T) {
	file := content(100)
	i, paper := intakeOf(file, 20)
	give := func(offset, end int) bool {
		ack, err := i.take(&remote.Chunk{Offset: uint64(offset), Data: file[offset:end]})
		require.NoError(t, err)
		return ack
	}
	require.False(t, give(30, 40), "behind a gap")
	require.EqualValues(t, 20, paper.Len())
	require.True(t, give(10, 20), "repeated: the sender has not heard")
	require.EqualValues(t, 20, paper.Len())
	require.False(t, give(15, 30))
	require.EqualValues(t, 30, paper.Len(), "the part that is new")
	require.Equal(t, remote.ChunkAck{Transfer: 9, Offset: 30}, i.acknowledge())
	require.False(t, give(30, 40))
	require.False(t, give(40, 50))
	require.False(t, give(50, 60))
	require.True(t, give(60, 70), "the fourth that was not acknowledged")
	ack, err := i.take(&remote.Chunk{Offset: 70, Data: make([]byte, 31)})
	require.NoError(t, err)
	require.False(t, ack, "more than there is")
	require.True(t, give(70, 100))
	require.True(t, i.complete())
	require.Equal(t, file, paper.Bytes())
}

func TestAnIntakeAcknowledgesWellWithinTheLeastWindow(t *testing.T) {
	for _, chunk := range []int{1, 100, 64 << 10, 100 << 10, 5 << 20} {
		file := content(50 << 20)
		i, _ := intakeOf(file, 0)
		s := shipmentOf(file, chunk, 0)
		for at, told := 0, false; !told; at += chunk {
			require.Less(t, uint64(at), s.window/2, "chunks of %d bytes", chunk)
			var err error
			told, err = i.take(&remote.Chunk{Offset: uint64(at), Data: file[at : at+chunk]})
			require.NoError(t, err)
		}
	}
}

func TestAnIntakeTellsASlowSenderAtTheNextTick(t *testing.T) {
	i, _ := intakeOf(content(100), 0)
	ack, err := i.tick()
	require.NoError(t, err)
	require.False(t, ack)
	_, err = i.take(&remote.Chunk{Data: content(100)[:10]})
	require.NoError(t, err)
	ack, err = i.tick()
	require.NoError(t, err)
	require.True(t, ack)
	i.acknowledge()
	for range patienceTicks - 2 {
		ack, err = i.tick()
		require.NoError(t, err)
		require.False(t, ack)
	}
	_, err = i.tick()
	require.ErrorIs(t, err, errSilentSender)
}

func TestAnIntakeTellsOfTheDisk(t *testing.T) {
	i, paper := intakeOf(content(100), 0)
	paper.full = io.ErrShortWrite
	_, err := i.take(&remote.Chunk{Data: content(100)[:10]})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

// Over any network that loses, repeats and reorders, the file arrives as it was, and nothing but a window is on its way.
func TestAnyTransferArrivesOverABadNetwork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := content(rapid.IntRange(1, 5000).Draw(t, "size"))
		chunk := rapid.IntRange(1, 700).Draw(t, "chunk")
		have := rapid.IntRange(0, len(file)).Draw(t, "have")
		loss := rapid.IntRange(0, 60).Draw(t, "loss")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s, way := shipmentOf(file, chunk, uint64(have)), &road{room: -1}
		i, paper := intakeOf(file, have)
		hear := func(ack remote.ChunkAck) {
			if random.IntN(100) >= loss {
				require.NoError(t, s.acknowledged(ack, way))
			}
		}
		require.NoError(t, s.pump(way))
		for ticks := 0; !s.arrived(); ticks++ {
			require.Less(t, ticks, 100*(10+len(file)/chunk), "no end of it")
			chunks := way.take()
			require.LessOrEqual(t, s.next-s.acked, s.window)
			random.Shuffle(min(random.IntN(4), len(chunks)), func(a, b int) { chunks[a], chunks[b] = chunks[b], chunks[a] })
			for _, c := range chunks {
				for copies := random.IntN(100); copies >= loss; copies -= 50 {
					ack, err := i.take(c)
					require.NoError(t, err)
					if ack {
						hear(i.acknowledge())
					}
				}
			}
			s.quiet = min(s.quiet, s.resendAt-1) // it does not give up here
			s.resendAt = min(s.resendAt, 2*resendTicks)
			require.NoError(t, s.tick(way))
			if ack, err := i.tick(); err == nil && ack {
				hear(i.acknowledge())
			}
		}
		require.Equal(t, file, paper.Bytes())
	})
}

// What waits for the transfer actor is bounded in memory, however little is in each message, and however large the buffer.
func TestTheGateBoundsMemory(t *testing.T) {
	system := newSystem(t)
	gate := &transferGate{actor: system.NewLocalPID("nobody")}
	post := func(chunk *remote.Chunk) bool {
		return gate.post(system.Root, &chunkArrived{from: 1, chunk: chunk}, weightOf(chunk))
	}
	crumb := remote.NewChunk(1, 0, 1)
	count := 0
	for post(crumb) {
		count++
	}
	require.Less(t, count, chunksWaiting/256)
	for range count {
		gate.taken(&chunkArrived{from: 1, chunk: crumb})
	}
	require.Zero(t, gate.bytes.Load())
	large := remote.NewChunk(1, 0, 20<<20)
	large.Data = large.Data[:1]
	require.True(t, post(large))
	require.False(t, post(large))
}
