package remote

import (
	"bufio"
	"bytes"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// answering answers each message at once and counts; with a limit it tells when so many have come.
type answering struct {
	on      func(message engine.Message)
	onChunk func(from engine.Peer, chunk *Chunk)
	onAck   func(ack ChunkAck)
}

func (a *answering) PeerSeen(Hello)                                       {}
func (a *answering) Deliver(_ engine.Peer, message engine.Message, _ int) { a.on(message) }
func (a *answering) DeliverChunk(from engine.Peer, chunk *Chunk)          { a.onChunk(from, chunk) }
func (a *answering) DeliverChunkAck(_ engine.Peer, ack ChunkAck)          { a.onAck(ack) }

func benchPair(b *testing.B, network func() Network) (x, y Transport, hx, hy *answering) {
	b.Helper()
	hx, hy = &answering{on: func(engine.Message) {}}, &answering{on: func(engine.Message) {}}
	start := func(id engine.NodeID, h Handler) Transport {
		transport, err := network().NewTransport(introductionOf(id))
		require.NoError(b, err)
		require.NoError(b, transport.Start(h))
		b.Cleanup(func() { _ = transport.Close() })
		return transport
	}
	x, y = start(1, hx), start(2, hy)
	x.SetRoute(2, y.Address())
	y.SetRoute(1, x.Address())
	return x, y, hx, hy
}

func overTCP() Network { return NewTCP(TCPConfig{Listen: "127.0.0.1:0"}) }

// One append and its acknowledgement, one at a time: what the transport adds to a write's latency.
func BenchmarkRoundTrip(b *testing.B) {
	shared := NewInProcess()
	for name, network := range map[string]func() Network{"tcp": overTCP, "in-process": func() Network { return shared }} {
		b.Run(name, func(b *testing.B) {
			x, y, hx, hy := benchPair(b, network)
			back := make(chan struct{}, 1)
			answer := &engine.AppendEntriesResponse{Term: 1, Number: 1, Accepted: true, Match: 1}
			hy.on = func(engine.Message) { y.Send(1, answer) }
			hx.on = func(engine.Message) { back <- struct{}{} }
			request := entriesOf(1, 100)
			x.Send(2, request)
			<-back
			b.ReportAllocs()
			for b.Loop() {
				x.Send(2, request)
				<-back
			}
		})
	}
}

// One append, from the call of Send to the call of Deliver, with pauses between. As a driver does, the sender works on
// meanwhile, so who writes for it has to be woken on another processor.
func BenchmarkHop(b *testing.B) {
	x, _, _, hy := benchPair(b, overTCP)
	var delivered atomic.Int64
	hy.on = func(engine.Message) { delivered.Add(1) }
	request := entriesOf(1, 100)
	var sent int64
	var hops time.Duration
	for b.Loop() {
		begun := time.Now()
		x.Send(2, request)
		sent++
		spinUntil(func() bool { return delivered.Load() == sent })
		arrived := time.Now()
		hops += arrived.Sub(begun)
		spinUntil(func() bool { return time.Since(arrived) > 2*inlinePause })
	}
	b.ReportMetric(float64(hops.Nanoseconds())/float64(b.N), "ns/hop")
}

func spinUntil(done func() bool) {
	for !done() {
		continue
	}
}

// Small messages as fast as one goroutine can send them, as many as a window allows.
func BenchmarkFlood(b *testing.B) {
	x, _, _, hy := benchPair(b, overTCP)
	const window = 1024
	var sent, delivered atomic.Int64
	hy.on = func(engine.Message) { delivered.Add(1) }
	answer := &engine.AppendEntriesResponse{Term: 1, Number: 1, Accepted: true, Match: 1}
	x.Send(2, answer)
	for delivered.Load() == 0 {
		runtime.Gosched()
	}
	sent.Store(1)
	b.ReportAllocs()
	for b.Loop() {
		for sent.Load()-delivered.Load() > window {
			runtime.Gosched()
		}
		sent.Add(1)
		x.Send(2, answer)
	}
	metrics := x.Metrics()
	b.ReportMetric(float64(metrics.Sent)/float64(max(1, metrics.Writes)), "messages/write")
}

// Appends of 64 entries of 100 bytes, as many as a window allows: what the transport can carry.
func BenchmarkThroughput(b *testing.B) {
	x, _, _, hy := benchPair(b, overTCP)
	message := appendOf(64, 100)
	const window = 64
	credits := make(chan struct{}, window)
	for range window {
		credits <- struct{}{}
	}
	var delivered atomic.Uint64
	hy.on = func(engine.Message) {
		delivered.Add(1)
		credits <- struct{}{}
	}
	b.SetBytes(int64(frameHeaderSize + envelopeSize(message)))
	b.ReportAllocs()
	for b.Loop() {
		<-credits
		x.Send(2, message)
	}
	metrics := x.Metrics()
	b.ReportMetric(float64(metrics.Sent)/float64(max(1, metrics.Writes)), "messages/write")
	b.ReportMetric(float64(len(message.Entries))*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkEncode(b *testing.B) {
	message := engine.Message(entriesOf(1, 100))
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendFrame(buffer[:0], message)
	}
}

func BenchmarkDecode(b *testing.B) {
	frame := appendFrame(nil, entriesOf(1, 100))
	source := bytes.NewReader(frame)
	r := bufio.NewReader(source)
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(frame)
		r.Reset(source)
		body, _ := readFrame(r, 1<<20)
		_, _ = decode(body)
	}
}

// The bytes of a snapshot, in chunks of 64 KiB and a window of 64 of them: what the stream alone can carry.
func BenchmarkChunks(b *testing.B) {
	x, y, hx, hy := benchPair(b, overTCP)
	const size, window = 64 << 10, 64
	credits := make(chan uint64, window)
	var acknowledged uint64
	hx.onAck = func(ack ChunkAck) { credits <- ack.Offset }
	hy.onChunk = func(from engine.Peer, chunk *Chunk) {
		end := chunk.Offset + size
		chunk.Release()
		if end%(4*size) == 0 {
			y.SendChunkAck(from.ID, ChunkAck{Transfer: 1, Offset: end})
		}
	}
	b.SetBytes(size)
	b.ReportAllocs()
	offset := uint64(0)
	for b.Loop() {
		for offset-acknowledged >= window*size {
			acknowledged = <-credits
		}
		x.SendChunk(2, NewChunk(1, offset, size))
		offset += size
	}
}
