package actors

import (
	"errors"
	"fmt"
	"io"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// chunkWay is the part of a transport that chunks leave by.
type chunkWay interface {
	// SendChunk takes over the chunk, and reports false when it is lost already.
	SendChunk(to engine.NodeID, chunk *remote.Chunk) bool
	// ChunksWaiting returns the bytes that the network has not taken yet.
	ChunksWaiting(to engine.NodeID) int
}

const (
	// windowChunks and windowBytes bound what of one shipment is on its way and not acknowledged, whichever is less, but
	// two chunks are always allowed: with one, disk and network would take turns.
	windowChunks = 128
	windowBytes  = 8 << 20

	// resendTicks is after how many ticks without news a shipment is sent again from where the receiver has it. It
	// doubles each time: news may only be slow.
	resendTicks = 10
	// patienceTicks is after how many ticks without news either end gives a transfer up. The engine offers it again,
	// and it goes on from there.
	patienceTicks = 80
)

var (
	errSilentReceiver = errors.New("actors: the receiver of the snapshot does not answer")
	errStopped        = errors.New("actors: the receiver of the snapshot wants no more of it")
	errUnreadable     = errors.New("actors: the snapshot cannot be read")
)

// shipment is a snapshot on its way to a follower: which bytes to send next, and when to begin again.
//
//	0 ──────── acked ─────────── next ─────── size
//	 arrived         on their way     not sent
//
// Invariant: acked ≤ next ≤ size and next - acked ≤ window. Nothing but the chunks on their way is in memory.
type shipment struct {
	to       engine.NodeID
	transfer engine.TransferID
	file     io.ReaderAt
	size     uint64
	chunk    uint64 // bytes in one
	window   uint64

	acked, next uint64
	quiet       int // ticks without news while the network holds nothing of it
	resendAt    int
}

func newShipment(order *sendSnapshot, file io.ReaderAt, chunk int) *shipment {
	return &shipment{
		to: order.to, transfer: order.transfer, file: file, size: order.snapshot.Size,
		chunk: uint64(chunk), window: uint64(max(2*chunk, min(windowChunks*chunk, windowBytes))),
		acked: order.offset, next: order.offset, resendAt: resendTicks,
	}
}

// arrived reports whether the receiver has everything.
func (s *shipment) arrived() bool { return s.acked == s.size }

// pump sends what the window allows. An error is the file's.
func (s *shipment) pump(way chunkWay) error {
	for s.next < s.size && s.next-s.acked < s.window {
		chunk, err := s.read()
		if err != nil {
			return err
		}
		length := uint64(len(chunk.Data))
		if !way.SendChunk(s.to, chunk) {
			return nil // no way, or no room: the next tick tries again
		}
		s.next += length
	}
	return nil
}

func (s *shipment) read() (*remote.Chunk, error) {
	chunk := remote.NewChunk(s.transfer, s.next, int(min(s.chunk, s.size-s.next, s.acked+s.window-s.next)))
	n, err := s.file.ReadAt(chunk.Data, int64(s.next))
	if n == len(chunk.Data) { // perhaps with io.EOF
		return chunk, nil
	}
	chunk.Release()
	return nil, fmt.Errorf("%w: at %d: %w", errUnreadable, s.next, err)
}

// acknowledged takes in what the receiver says, and sends on.
func (s *shipment) acknowledged(ack remote.ChunkAck, way chunkWay) error {
	switch {
	case ack.Stop:
		return errStopped
	case ack.Offset <= s.acked || ack.Offset > s.size:
		return nil // nothing new, or nonsense
	}
	s.acked, s.next = ack.Offset, max(s.next, ack.Offset)
	s.quiet, s.resendAt = 0, resendTicks
	return s.pump(way)
}

// tick lets time pass: what seems lost is sent again. While the network holds chunks nothing is lost, only slow; a
// connection that is dead is given up by the transport, with what waits for it.
func (s *shipment) tick(way chunkWay) error {
	if way.ChunksWaiting(s.to) > 0 {
		return nil
	}
	s.quiet++
	switch {
	case s.quiet >= patienceTicks:
		return errSilentReceiver
	case s.quiet >= s.resendAt:
		s.next = s.acked
		s.resendAt *= 2
	}
	return s.pump(way)
}
