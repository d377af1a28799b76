package workload

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MinSize is the size of the smallest command, in bytes: addend and id.
const MinSize = 16

// Command is one write: it adds Add to the counter. ID is unique within a run.
type Command struct {
	Add  uint64
	ID   uint64
	Size int // encoded, in bytes; at least MinSize, the rest is padding
}

// ErrShortCommand is wrapped when bytes are too few for a command.
var ErrShortCommand = errors.New("workload: short command")

// padding is what commands are filled up with: bytes that do not compress well.
var padding = func() []byte {
	p := make([]byte, 1<<20)
	x := uint64(0x9e3779b97f4a7c15)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x)
	}
	return p
}()

// MaxSize is the size of the largest command, in bytes.
func MaxSize() int { return MinSize + len(padding) }

// AppendTo appends the command's bytes to dst.
func (c Command) AppendTo(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, c.Add)
	dst = binary.LittleEndian.AppendUint64(dst, c.ID)
	return append(dst, padding[:c.Size-MinSize]...)
}

// Bytes returns the command's bytes in memory of their own.
func (c Command) Bytes() []byte { return c.AppendTo(make([]byte, 0, c.Size)) }

// ParseCommand reads a command; it keeps nothing of data.
func ParseCommand(data []byte) (Command, error) {
	if len(data) < MinSize {
		return Command{}, fmt.Errorf("%w: %d bytes", ErrShortCommand, len(data))
	}
	return Command{
		Add:  binary.LittleEndian.Uint64(data),
		ID:   binary.LittleEndian.Uint64(data[8:]),
		Size: len(data),
	}, nil
}
