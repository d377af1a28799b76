package remote

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// writeChunkBytes is how much of the chunks that wait one call of the system writes, but at least one.
const writeChunkBytes = 1 << 20

// errIdle ends a connection that nothing was sent on for a while; the next chunk makes another one.
var errIdle = errors.New("remote: nothing to send")

// courier carries the bytes of snapshots to one node on a connection of its own, so that not even the largest of them
// delays a heartbeat. It dials when there is a chunk to send, and hangs up when there was none for two IdleTimeouts.
// The acknowledgements come back on the same connection.
type courier struct {
	*caller
	chunks *chunkQueue

	// Of the goroutine.
	batch  []*Chunk
	heads  []byte
	write  net.Buffers
	hungUp bool // the connection ended for want of chunks
}

func newCourier(t *tcpTransport, id engine.NodeID, address string) *courier {
	return &courier{
		caller: newCaller(t, id, address, raftpb.ConnectionKind_CONNECTION_KIND_SNAPSHOT),
		chunks: newChunkQueue(t.cfg.MaxQueueBytes),
	}
}

// awaitWork implements cargo.
func (c *courier) awaitWork() bool {
	select {
	case <-c.chunks.ready:
		c.chunks.signal() // the token is for carry
		return true
	case <-c.ctx.Done():
		return false
	}
}

// answered implements cargo. Nobody is told: the protocol's connections bring the news of peers.
func (c *courier) answered(Hello) error { return nil }

// disconnected implements cargo. What waits would arrive behind a gap, unless nothing was under way, and is sent again by
// whoever misses its acknowledgement.
func (c *courier) disconnected(bool) {
	if c.hungUp {
		c.hungUp = false
		return
	}
	c.t.dropped.Add(uint64(c.chunks.clear()))
}

// carry implements cargo.
func (c *courier) carry(conn net.Conn, reader *bufio.Reader) error {
	from, ended := c.answerer(), make(chan error, 1)
	go func() { ended <- c.hear(from, conn, reader) }()
	err := c.writeAll(conn, ended)
	conn.Close()
	return errors.Join(err, <-ended)
}

// hear reads acknowledgements and signs of life until the connection ends.
func (c *courier) hear(from engine.Peer, conn net.Conn, reader *bufio.Reader) error {
	defer conn.Close()
	for {
		if err := conn.SetReadDeadline(time.Now().Add(c.t.cfg.IdleTimeout)); err != nil {
			return err
		}
		body, err := readFrame(reader, maxAckFrameBytes)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			continue
		}
		ack, err := decodeAck(body)
		switch {
		case errors.Is(err, ErrUnknownMessage):
			c.t.unknown.Add(1)
		case err != nil:
			c.t.malformed.Add(1)
			return err
		default:
			c.t.handler.DeliverChunkAck(from, ack)
		}
	}
}

// answerer is the node at the other end.
func (c *courier) answerer() engine.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote.Peer
}

// writeAll writes chunks as they come, and keep-alives between them.
func (c *courier) writeAll(conn net.Conn, ended chan error) error {
	ticker := time.NewTicker(c.t.cfg.KeepAlive)
	defer ticker.Stop()
	used := time.Now()
	for {
		select {
		case <-c.chunks.ready:
			if err := c.flush(conn); err != nil {
				return err
			}
			used = time.Now()
		case now := <-ticker.C:
			if now.Sub(used) > c.t.cfg.hangUp && c.chunks.waiting() == 0 {
				c.hungUp = true
				return errIdle
			}
			if _, err := conn.Write(keepAlive); err != nil {
				return err
			}
		case err := <-ended:
			ended <- err
			return nil
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
}

// flush writes until no chunk waits.
func (c *courier) flush(conn net.Conn) error {
	for {
		c.batch = c.chunks.take(c.batch[:0], writeChunkBytes)
		if len(c.batch) == 0 {
			return nil
		}
		if err := c.writeBatch(conn); err != nil {
			return err
		}
	}
}

// writeBatch writes chunks with one call of the system, their data from where it is.
func (c *courier) writeBatch(conn net.Conn) error {
	if need := len(c.batch) * maxChunkHead; cap(c.heads) < need {
		c.heads = make([]byte, 0, need) // it must not move while write points into it
	}
	heads, buffers, bytes := c.heads[:0], c.write[:0], 0
	for _, chunk := range c.batch {
		begin := len(heads)
		heads = appendChunkHead(heads, chunk)
		buffers = append(buffers, heads[begin:], chunk.Data)
		bytes += len(chunk.Data)
	}
	c.write = buffers
	n, err := buffers.WriteTo(conn) // it uses buffers up
	clear(c.write)
	c.chunks.written(c.batch)
	c.t.chunkBytes.Add(uint64(n))
	if err != nil {
		c.t.dropped.Add(uint64(len(c.batch)))
	} else {
		c.t.chunksSent.Add(uint64(len(c.batch)))
	}
	clear(c.batch)
	return err
}

// chunkQueue is the chunks that wait for one connection, bounded in bytes.
type chunkQueue struct {
	ready chan struct{} // has a token when there may be something to take
	limit int

	mu     sync.Mutex
	chunks []*Chunk
	bytes  int // of chunks that wait or are being written
}

func newChunkQueue(limit int) *chunkQueue {
	return &chunkQueue{ready: make(chan struct{}, 1), limit: limit}
}

// push takes a chunk if there is room for it.
func (q *chunkQueue) push(chunk *Chunk) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(chunk.Data)+chunkOverhead > q.limit {
		return false
	}
	q.bytes += len(chunk.Data) + chunkOverhead
	q.chunks = append(q.chunks, chunk)
	q.signal()
	return true
}

func (q *chunkQueue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take appends to batch chunks of about so many bytes, at least one if any waits. They count until they are written.
func (q *chunkQueue) take(batch []*Chunk, budget int) []*Chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := 0
	for taken := 0; count < len(q.chunks) && taken < budget; count++ {
		taken += len(q.chunks[count].Data)
	}
	batch = append(batch, q.chunks[:count]...)
	rest := copy(q.chunks, q.chunks[count:])
	clear(q.chunks[rest:])
	q.chunks = q.chunks[:rest]
	return batch
}

// written releases chunks and the room that they took.
func (q *chunkQueue) written(batch []*Chunk) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, chunk := range batch {
		q.bytes -= len(chunk.Data) + chunkOverhead
		chunk.Release()
	}
}

// waiting returns the bytes that the connection has not taken yet.
func (q *chunkQueue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// clear drops what waits, the token too, and returns how many chunks that was.
func (q *chunkQueue) clear() int {
	select {
	case <-q.ready:
	default:
	}
	batch := q.take(nil, q.limit+1)
	q.written(batch)
	return len(batch)
}
