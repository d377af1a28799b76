package remote

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// An inbound connection for snapshots brings chunks and takes acknowledgements. Its goroutine never waits for whoever
// writes the chunks to a disk: a receiver that is slow acknowledges late, and the sender's window does the rest.

// maxAcksWaiting bounds the transfers whose acknowledgements wait: a node receives one at a time, so only one that is
// made to refuse many chunks has more.
const maxAcksWaiting = 64

// deliverChunks hands over chunk after chunk until the connection ends, and returns why it did.
func (t *tcpTransport) deliverChunks(in *inbound, conn net.Conn, reader *bufio.Reader) error {
	t.running.Go(func() { t.writeAcks(in, conn) })
	for {
		chunk, err := readChunk(reader, t.cfg.MaxFrameBytes)
		if err != nil {
			return err
		}
		if chunk == nil {
			continue
		}
		err = chunk.open()
		switch {
		case err == nil:
			t.chunksReceived.Add(1)
			t.handler.DeliverChunk(in.hello.Peer, chunk)
			continue
		case !errors.Is(err, ErrUnknownMessage):
			return err
		}
		t.unknown.Add(1)
		chunk.Release()
	}
}

// writeAcks writes acknowledgements as they come, until the connection is done.
func (t *tcpTransport) writeAcks(in *inbound, conn net.Conn) {
	var frames []byte
	for {
		select {
		case <-in.acks.ready:
		case <-in.done:
			return
		}
		frames = frames[:0]
		for _, ack := range in.acks.take() {
			frames = appendAckFrame(frames, ack)
		}
		if conn.SetWriteDeadline(time.Now().Add(t.cfg.IdleTimeout)) != nil {
			return
		}
		if _, err := conn.Write(frames); err != nil {
			in.conn.Close()
			return
		}
	}
}

// ackBox is the acknowledgements that wait for one connection, the newest of each transfer.
type ackBox struct {
	ready chan struct{} // has a token when there may be something to take

	mu      sync.Mutex
	waiting []ChunkAck
}

func newAckBox() *ackBox { return &ackBox{ready: make(chan struct{}, 1)} }

// push reports false when there are too many.
func (b *ackBox) push(ack ChunkAck) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.waiting, func(a ChunkAck) bool { return a.Transfer == ack.Transfer })
	switch {
	case at >= 0:
		b.waiting[at] = ack
	case len(b.waiting) >= maxAcksWaiting:
		return false
	default:
		b.waiting = append(b.waiting, ack)
	}
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return true
}

func (b *ackBox) take() []ChunkAck {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.waiting
	b.waiting = nil
	return taken
}
