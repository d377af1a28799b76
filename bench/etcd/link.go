package etcd

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

const (
	headerSize   = 4 // length of the message that follows, big endian
	maxFrameSize = 64 << 20
	writeSize    = 1 << 20 // bytes collected before they are written
	readSize     = 256 << 10
	redialPause  = 20 * time.Millisecond
)

// link is what goes to one peer. Its queue is bounded by raft's windows.
type link struct {
	peer    uint64
	address string
	queue   *queue[raftpb.Message]
}

func newLink(peer uint64, address string) *link {
	return &link{peer: peer, address: address, queue: newQueue[raftpb.Message]()}
}

// transmit connects to the peer, again and again, and writes what is queued.
func (h *host) transmit(l *link) {
	for h.failure() == nil {
		conn, err := net.Dial("tcp", l.address)
		if err == nil && h.network.adopt(conn) {
			err = h.pump(l, conn)
			h.network.release(conn)
		}
		if err == nil {
			return
		}
		h.inbox.add(func(w *work) { w.unreachable = append(w.unreachable, l.peer) })
		select {
		case <-time.After(redialPause):
		case <-h.stopping:
			return
		}
	}
}

// pump writes messages until the connection fails; nil when the host stops.
func (h *host) pump(l *link, conn net.Conn) error {
	var batch []raftpb.Message
	var buffer []byte
	for {
		var ok bool
		if batch, ok = l.queue.take(batch, h.stopping); !ok {
			return nil
		}
		var err error
		if buffer, err = writeAll(conn, batch, buffer[:0]); err != nil {
			return err
		}
	}
}

// writeAll writes messages in as few calls as possible and returns the buffer to use again.
func writeAll(w io.Writer, batch []raftpb.Message, buffer []byte) ([]byte, error) {
	for i := range batch {
		var err error
		if buffer, err = appendFrame(buffer, &batch[i]); err != nil {
			return buffer, err
		}
		if len(buffer) < writeSize && i < len(batch)-1 {
			continue
		}
		if _, err := w.Write(buffer); err != nil {
			return buffer, err
		}
		buffer = buffer[:0]
	}
	return buffer, nil
}

func appendFrame(buffer []byte, m *raftpb.Message) ([]byte, error) {
	size := m.Size()
	start := len(buffer) + headerSize
	if need := start + size; need > cap(buffer) {
		grown := make([]byte, len(buffer), 2*need)
		copy(grown, buffer)
		buffer = grown
	}
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(size))[:start+size]
	_, err := m.MarshalToSizedBuffer(buffer[start:])
	return buffer, err
}

// receive delivers what a peer sends, as many messages at once as have arrived.
func (h *host) receive(conn net.Conn) {
	r := bufio.NewReaderSize(conn, readSize)
	var body []byte
	var batch []raftpb.Message
	for {
		var err error
		var m raftpb.Message
		if body, err = readFrame(r, body, &m); err != nil {
			return // closed, by either side, or broken: the peer dials again
		}
		batch = append(batch, m)
		if frameBuffered(r) {
			continue
		}
		h.inbox.deliver(batch)
		clear(batch)
		batch = batch[:0]
	}
}

// readFrame reads one message. The body is memory to use again: unmarshalling copies.
func readFrame(r *bufio.Reader, body []byte, m *raftpb.Message) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return body, err
	}
	size := int(binary.BigEndian.Uint32(header[:]))
	if size > maxFrameSize {
		return body, fmt.Errorf("etcd: frame of %d bytes", size)
	}
	if size > cap(body) {
		body = make([]byte, size)
	}
	body = body[:size]
	if _, err := io.ReadFull(r, body); err != nil {
		return body, err
	}
	return body, m.Unmarshal(body)
}

// frameBuffered reports whether another whole message can be read without waiting.
func frameBuffered(r *bufio.Reader) bool {
	if r.Buffered() < headerSize {
		return false
	}
	header, err := r.Peek(headerSize)
	return err == nil && r.Buffered() >= headerSize+int(binary.BigEndian.Uint32(header))
}
