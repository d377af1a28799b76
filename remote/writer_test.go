package remote

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// directConnection returns a writer, its outbox, and the other end. Where there are no inline writes its direct is nil.
func directConnection(t *testing.T) (w *writer, far *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close(); accepted.Close() })
	w = newWriter(near, newOutbox(64<<20), &counters{})
	require.Equal(t, runtime.GOOS != "windows", w.direct != nil)
	w.pause = 0
	return w, accepted.(*net.TCPConn)
}

func (w *writer) give(message engine.Message) bool { return w.outbox.give(message) }

// numbers reads so many appends and holds that they come in order, from first on.
func numbers(t *testing.T, from io.Reader, first engine.SendNumber, count int) {
	t.Helper()
	r := bufio.NewReader(from)
	for i := 0; i < count; {
		body, err := readFrame(r, 16<<20)
		require.NoError(t, err)
		if len(body) == 0 {
			continue // a keep-alive
		}
		message, err := decode(body)
		require.NoError(t, err)
		require.Equal(t, first+engine.SendNumber(i), message.(*engine.AppendEntries).Number)
		i++
	}
}

func TestAnInlineWriteTakesWhatWaitsAndTheGoroutineFindsNothing(t *testing.T) {
	w, far := directConnection(t)
	w.give(entriesOf(1, 100))
	w.give(entriesOf(2, 100))
	if !w.writeInline() {
		require.Nil(t, w.direct)
		return
	}
	numbers(t, far, 1, 2)
	require.EqualValues(t, 2, w.counts.sent.Load())
	require.EqualValues(t, 1, w.counts.writes.Load(), "one call for both")
	require.True(t, w.writeInline(), "nothing is left")
	require.EqualValues(t, 1, w.counts.writes.Load())
}

// Right after a write the next message waits for the goroutine: it may not be the only one.
func TestMessagesThatFollowCloselyAreLeftToGather(t *testing.T) {
	w, far := directConnection(t)
	w.pause = time.Hour
	w.give(entriesOf(1, 100))
	require.Equal(t, w.direct != nil, w.writeInline())
	w.give(entriesOf(2, 100))
	require.False(t, w.writeInline())
	w.give(entriesOf(3, 100))
	require.NoError(t, w.flush())
	numbers(t, far, 1, 3)
	require.LessOrEqual(t, w.counts.writes.Load(), uint64(2))
}

// The kernel takes a part of a frame. Nobody may write anything else before the rest of it.
func TestWhatTheKernelDoesNotTakeGoesFirst(t *testing.T) {
	w, far := directConnection(t)
	given := 0
	for {
		given++
		w.give(entriesOf(engine.SendNumber(given), 10_000))
		if !w.writeInline() {
			break
		}
	}
	if w.direct != nil {
		require.Positive(t, w.messages, "a frame is under way")
	}
	w.give(entriesOf(engine.SendNumber(given+1), 10))
	require.False(t, w.writeInline(), "a small message does not overtake")
	flushed := make(chan error, 1)
	go func() { flushed <- w.flush() }()
	numbers(t, far, 1, given+1)
	require.NoError(t, <-flushed)
	require.EqualValues(t, given+1, w.counts.sent.Load())
	require.Zero(t, w.counts.dropped.Load())
}

func TestWhileTheGoroutineWaitsForTheKernelNobodyElseDoes(t *testing.T) {
	w, far := directConnection(t)
	w.mu.Lock() // as flush holds it while the kernel takes nothing
	w.give(entriesOf(1, 10))
	require.False(t, w.writeInline())
	w.mu.Unlock()
	require.NoError(t, w.flush())
	numbers(t, far, 1, 1)
}

func TestAnInlineWriteToAClosedConnectionIsADrop(t *testing.T) {
	w, _ := directConnection(t)
	if w.direct == nil {
		return
	}
	w.conn.Close()
	w.give(entriesOf(1, 10))
	require.True(t, w.writeInline(), "nothing is left to write")
	require.EqualValues(t, 1, w.counts.dropped.Load())
	require.Zero(t, w.counts.sent.Load())
	w.give(entriesOf(2, 10))
	require.False(t, w.writeInline())
	require.False(t, w.outbox.empty(), "what comes now waits for the next connection")
}

func TestTheEndOfAConnectionDropsWhatWasBegun(t *testing.T) {
	w, _ := directConnection(t)
	for i := 1; ; i++ {
		w.give(entriesOf(engine.SendNumber(i), 10_000))
		if !w.writeInline() {
			break
		}
	}
	begun := w.messages
	w.end()
	require.EqualValues(t, begun, w.counts.dropped.Load())
	require.Zero(t, w.messages)
	w.give(entriesOf(1, 10))
	require.False(t, w.writeInline())
	require.False(t, w.outbox.empty(), "what comes now waits for the next connection")
}

func TestAnInlineWriteAllocatesNothing(t *testing.T) {
	w, far := directConnection(t)
	go func() { _, _ = io.Copy(io.Discard, far) }()
	message := entriesOf(1, 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		w.give(message)
		w.writeInline()
	}))
}

// Behind other messages, and with what gains by waiting, Send leaves the write to the goroutine.
func TestOnlyALoneSmallPressingMessageIsWrittenInline(t *testing.T) {
	for name, c := range map[string]struct {
		before, message engine.Message
		inline          bool
	}{
		"append":             {nil, entriesOf(1, 100), true},
		"largest append":     {nil, appendOf(inlineEntries, 16), true},
		"larger append":      {nil, appendOf(inlineEntries+1, 16), false},
		"answer":             {nil, &engine.AppendEntriesResponse{Term: 1, Number: 1, Accepted: true}, true},
		"vote":               {nil, &engine.RequestVote{Term: 1}, true},
		"behind another":     {&engine.RequestVote{Term: 1}, entriesOf(1, 100), false},
		"heartbeat":          {nil, &engine.Heartbeat{Term: 1}, false},
		"heartbeat's answer": {nil, &engine.HeartbeatResponse{Term: 1}, false},
		"large":              {nil, entriesOf(1, inlineBytes), false},
	} {
		w, _ := directConnection(t)
		p := &peer{outbox: w.outbox}
		p.writer.Store(w)
		if c.before != nil {
			w.give(c.before)
		}
		require.True(t, p.send(c.message, frameHeaderSize+envelopeSize(c.message)), name)
		require.Equal(t, !c.inline || w.direct == nil, len(p.outbox.ready) == 1, "%s wakes the goroutine", name)
		require.Equal(t, c.inline && w.direct != nil, w.outbox.empty(), name)
	}
}

// Small messages too: a peer that reads nothing makes no sender wait.
func TestInlineWritesToAPeerThatReadsNothingDelayNobody(t *testing.T) {
	transport, _ := listening(t, func(c *TCPConfig) { c.MaxFrameBytes, c.MaxQueueBytes = leastFrameBytes, leastFrameBytes })
	deaf := fake(t)
	transport.SetRoute(2, deaf.address())
	s := deaf.welcome(introductionOf(2))
	given := 0
	for transport.Metrics().Dropped == 0 {
		given++
		transport.Send(2, entriesOf(engine.SendNumber(given), 8000))
	}
	numbers(t, s.reader, 1, given-1)
}

func TestTLSIsNeverWrittenInline(t *testing.T) {
	ca := newAuthority(t)
	a, _ := listeningAs(t, 1, ca.secures(peerName(1)))
	b, heard := listeningAs(t, 2, ca.secures(peerName(2)))
	a.SetRoute(2, b.Address())
	a.Send(2, entriesOf(1, 10))
	<-heard.messages
	w := a.peers[2].writer.Load()
	require.NotNil(t, w)
	require.Nil(t, w.direct)
}
