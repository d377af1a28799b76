package remote

import (
	"net"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
)

const (
	// writeBatchBytes is how much of the entries' lane one write takes, but at least one message. A heartbeat waits
	// behind that and behind unsentBytes; a message is one frame, so it waits behind the whole of a larger one.
	writeBatchBytes = 256 << 10
	// unsentBytes is how much the kernel may hold of a connection without having sent it.
	unsentBytes = 128 << 10
	// keptBufferBytes is the largest write buffer that is kept for the next write.
	keptBufferBytes = 1 << 20
	// inlineBytes is the largest frame that Send writes itself: what is larger takes longer to encode and to copy
	// than a goroutine takes to wake up.
	inlineBytes = 16 << 10
	// inlineEntries is the largest append that Send writes itself. More entries mean that many clients write: then the
	// sender's time is better spent on gathering the next batch, and one wake-up serves them all.
	inlineEntries = 16
	// inlinePause must have passed since the last write before Send writes itself. It is about three times what a
	// write takes, so whoever sends much spends at most a quarter of its time on that, and its messages gather for
	// the peer's goroutine.
	inlinePause = 20 * time.Microsecond
)

// writer is the writing end of one connection. Whoever holds mu has the right to write: the peer's goroutine, which
// may wait for the kernel as long as it likes, or a caller of Send that finds nobody writing, who never waits.
// Whatever is written went through the outbox, so order and bounds do not depend on who writes it.
type writer struct {
	conn   net.Conn
	direct *directWriter // nil where every write might wait
	pause  time.Duration // inlinePause
	outbox *outbox
	counts *counters

	mu       sync.Mutex
	batch    []engine.Message // empty between two calls
	buffer   []byte           // the frames that are being written
	written  int              // bytes of buffer that the kernel has taken
	messages int              // in buffer; 0: nothing is being written
	last     time.Time        // when something was written
	ended    bool             // what waits is for the next connection
}

func newWriter(conn net.Conn, outbox *outbox, counts *counters) *writer {
	return &writer{conn: conn, direct: newDirectWriter(conn), pause: inlinePause, outbox: outbox, counts: counts}
}

// writeInline writes what waits in the outbox on the caller's goroutine, as far as the kernel takes it at once. It
// reports false when something is left for the peer's goroutine.
func (w *writer) writeInline() bool {
	if w.direct == nil || !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	if w.ended || w.messages > 0 || time.Since(w.last) < w.pause {
		return false // the rest of a frame goes first; and much that is sent is better sent together
	}
	if !w.load(inlineBytes) {
		return true
	}
	n, err := w.direct.write(w.buffer)
	w.wrote(n, err)
	if err != nil {
		w.ended = true
		w.conn.Close()
	}
	return w.messages == 0
}

// flush writes until the outbox is empty, everything that waits in one call of the system.
func (w *writer) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.drain()
}

func (w *writer) drain() error {
	for w.messages > 0 || w.load(writeBatchBytes) {
		n, err := w.conn.Write(w.buffer[w.written:])
		w.wrote(n, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// keepAlive writes a sign of life behind everything that waits, and never into the middle of a frame.
func (w *writer) keepAlive() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.drain(); err != nil {
		return err
	}
	_, err := w.conn.Write(keepAlive)
	return err
}

// end closes the connection and returns when nobody writes any more. What was begun is lost.
func (w *writer) end() {
	w.conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.wrote(0, net.ErrClosed)
}

// load takes from the outbox what the next write brings and reports whether there is anything.
func (w *writer) load(entryBytes int) bool {
	w.batch = w.outbox.take(w.batch[:0], entryBytes)
	w.buffer, w.written, w.messages = w.buffer[:0], 0, len(w.batch)
	for _, message := range w.batch {
		w.buffer = appendFrame(w.buffer, message)
	}
	clear(w.batch)
	return w.messages > 0
}

// wrote counts what one call of the system did.
func (w *writer) wrote(n int, err error) {
	if n > 0 {
		w.counts.writes.Add(1)
		w.last = time.Now()
	}
	w.written += n
	switch {
	case w.messages == 0 || err == nil && w.written < len(w.buffer):
		return
	case err != nil:
		w.counts.dropped.Add(uint64(w.messages))
	default:
		w.counts.sent.Add(uint64(w.messages))
		w.counts.sentBytes.Add(uint64(len(w.buffer)))
	}
	w.messages = 0
	if cap(w.buffer) > keptBufferBytes {
		w.buffer = nil
	}
}
