package remote

import (
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// Chunk is a piece of a snapshot's file on its way. Whoever has a chunk owns it alone, and gives it away with the call
// that passes it on: to [Transport.SendChunk], whatever that returns, and to [Handler.DeliverChunk]. The last one calls
// [Chunk.Release]. So one buffer serves from the file of the sender to its socket, another one from the receiver's
// socket to its file, and no byte is copied on the way.
type Chunk struct {
	Transfer engine.TransferID // never zero
	Offset   uint64            // in the file; the end of Data is at most 2^62
	Data     []byte            // never empty; valid until the chunk is given away or released

	buffer []byte // that Data lies in
}

var chunkPool = sync.Pool{New: func() any { return new(Chunk) }}

// NewChunk returns a chunk with size bytes of Data, of any content.
func NewChunk(transfer engine.TransferID, offset uint64, size int) *Chunk {
	c := pooledChunk(size)
	c.Transfer, c.Offset, c.Data = transfer, offset, c.buffer
	return c
}

// pooledChunk returns a chunk with a buffer of the given size.
func pooledChunk(size int) *Chunk {
	c, _ := chunkPool.Get().(*Chunk)
	if cap(c.buffer) < size {
		c.buffer = make([]byte, size)
	}
	c.buffer = c.buffer[:size]
	return c
}

// Footprint returns the bytes of memory that the chunk takes. They may be many more than its Data: the buffer may have served
// a larger one before.
func (c *Chunk) Footprint() int { return chunkOverhead + max(cap(c.buffer), len(c.Data)) }

// Release ends the life of a chunk: its memory serves another one. A chunk that is forgotten without it is garbage like
// anything else.
func (c *Chunk) Release() {
	c.Transfer, c.Offset, c.Data = 0, 0, nil
	chunkPool.Put(c)
}

// ChunkAck tells the sender of a transfer how much of it has arrived.
type ChunkAck struct {
	Transfer engine.TransferID // never zero
	Offset   uint64            // everything before it is here
	Stop     bool              // the receiver does not want more of this transfer, or does not know it
}
