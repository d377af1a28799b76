package remote

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/yggr-go/yggr/engine"
)

// Chunks and their acknowledgements are Envelopes like all messages, but on connections of their own, where nothing
// else is.

// The numbers of raftpb.Envelope.
const (
	numSnapshotChunk    protowire.Number = 32
	numSnapshotChunkAck protowire.Number = 33
)

// numChunkData is the field of raftpb.SnapshotChunk behind its varints.
const numChunkData protowire.Number = 3

// maxChunkHead is the most that stands in a frame before a chunk's data: the frame's header, and the tags, lengths and
// varints of envelope and chunk.
const maxChunkHead = frameHeaderSize + 2*(2+10) + 2*(1+10)

// maxAckFrameBytes bounds an acknowledgement, with room for fields that are yet to come.
const maxAckFrameBytes = 256

// chunkOverhead is what a chunk adds to its data on the wire, as far as bounds are concerned.
const chunkOverhead = 64

// forSnapshots reports whether messages of that number travel on connections for snapshots, and only there.
func forSnapshots(number protowire.Number) bool {
	return number == numSnapshotChunk || number == numSnapshotChunkAck
}

// appendChunkHead appends the frame of a chunk up to its data, which is the end of it.
func appendChunkHead(b []byte, c *Chunk) []byte {
	start := len(b)
	payload := sizeUint(uint64(c.Transfer)) + sizeUint(c.Offset) + fieldSize(numChunkData, len(c.Data))
	b = append(b, keepAlive...)
	b = protowire.AppendTag(b, numSnapshotChunk, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(payload))
	b = appendUint(b, 1, uint64(c.Transfer))
	b = appendUint(b, 2, c.Offset)
	b = protowire.AppendTag(b, numChunkData, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(c.Data)))
	head := b[start:]
	checksum := crc32.Update(crc32.Checksum(head[frameHeaderSize:], castagnoli), castagnoli, c.Data)
	binary.LittleEndian.PutUint32(head, uint32(len(head)-frameHeaderSize+len(c.Data)))
	binary.LittleEndian.PutUint32(head[4:], checksum)
	return b
}

// appendAckFrame appends the frame of an acknowledgement.
func appendAckFrame(b []byte, ack ChunkAck) []byte {
	start := len(b)
	b = append(b, keepAlive...)
	b = protowire.AppendTag(b, numSnapshotChunkAck, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeUint(uint64(ack.Transfer))+sizeUint(ack.Offset)+sizeUint(bit(ack.Stop))))
	b = appendUint(b, 1, uint64(ack.Transfer))
	b = appendUint(b, 2, ack.Offset)
	b = appendUint(b, 3, bit(ack.Stop))
	sealFrame(b[start:])
	return b
}

// readChunk reads one frame and returns its body as the buffer of a chunk; nil for a keep-alive. Like readFrame it
// allocates no more than has a reason to come.
func readChunk(r *bufio.Reader, limit int) (*Chunk, error) {
	length, checksum, err := readFrameHeader(r, limit)
	if err != nil || length == 0 {
		return nil, err
	}
	c := pooledChunk(min(length, trustedLength))
	if err := c.fill(r, length); err != nil {
		c.Release()
		return nil, err
	}
	if crc32.Checksum(c.buffer, castagnoli) != checksum {
		c.Release()
		return nil, malformed("frame of %d bytes fails its checksum", length)
	}
	return c, nil
}

// fill reads a body of the given length into the buffer, which is large enough for the part of it that is trusted.
func (c *Chunk) fill(r io.Reader, length int) error {
	trusted := len(c.buffer)
	if _, err := io.ReadFull(r, c.buffer); err != nil {
		return unexpected(err)
	}
	c.buffer = slices.Grow(c.buffer, length-trusted)[:length]
	_, err := io.ReadFull(r, c.buffer[trusted:])
	return unexpected(err)
}

// open reads the chunk in its own buffer. What it does not know is [ErrUnknownMessage].
func (c *Chunk) open() error {
	payload, err := openSnapshotEnvelope(c.buffer, numSnapshotChunk)
	if err != nil {
		return err
	}
	for len(payload) > 0 {
		field, size, err := consumeField(payload)
		if err != nil {
			return err
		}
		payload = payload[size:]
		switch {
		case field.wire == protowire.VarintType && field.number == 1:
			c.Transfer = engine.TransferID(field.varint)
		case field.wire == protowire.VarintType && field.number == 2:
			c.Offset = field.varint
		case field.wire == protowire.BytesType && field.number == numChunkData:
			c.Data = field.bytes
		}
	}
	return c.validate()
}

func (c *Chunk) validate() error {
	switch {
	case c.Transfer == 0:
		return malformed("chunk without a transfer")
	case len(c.Data) == 0:
		return malformed("chunk without data")
	case c.Offset > maxPosition-uint64(len(c.Data)):
		return malformed("chunk at offset %d overflows", c.Offset)
	}
	return nil
}

// decodeAck reads the body of an acknowledgement's frame. What it does not know is [ErrUnknownMessage].
func decodeAck(body []byte) (ack ChunkAck, err error) {
	payload, err := openSnapshotEnvelope(body, numSnapshotChunkAck)
	if err != nil {
		return ack, err
	}
	varints, _, err := scanPayload(payload, false)
	if err != nil {
		return ack, err
	}
	ack = ChunkAck{Transfer: engine.TransferID(varints[0]), Offset: varints[1], Stop: varints[2] != 0}
	return ack, ack.validate()
}

func (a ChunkAck) validate() error {
	switch {
	case a.Transfer == 0:
		return malformed("acknowledgement without a transfer")
	case a.Offset > maxPosition:
		return malformed("acknowledgement up to %d overflows", a.Offset)
	}
	return nil
}

// openSnapshotEnvelope finds the message that one direction of a connection for snapshots carries. Another one that
// this build knows has no place there.
func openSnapshotEnvelope(body []byte, expected protowire.Number) ([]byte, error) {
	number, payload, err := openEnvelope(body)
	if err == nil && number != expected {
		err = malformed("message %d on a connection for snapshots", number)
	}
	return payload, err
}
