package floor

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/yggr-go/yggr/bench/workload"
)

// A frame is a header and the commands of one batch; its answer is the batch's number.
const headerSize = 16 // number of the batch, then size of a command and count, little endian

// frame is one batch on the wire and on disk.
type frame struct {
	number uint64
	size   int // of one command
	count  int
	bytes  []byte // header included
}

func (f *frame) begin(number uint64, size int) {
	f.number, f.size, f.count = number, size, 0
	f.bytes = append(f.bytes[:0], make([]byte, headerSize)...)
}

func (f *frame) add(command workload.Command) {
	f.count++
	f.bytes = command.AppendTo(f.bytes)
}

func (f *frame) finish() {
	binary.LittleEndian.PutUint64(f.bytes, f.number)
	binary.LittleEndian.PutUint32(f.bytes[8:], uint32(f.size))
	binary.LittleEndian.PutUint32(f.bytes[12:], uint32(f.count))
}

// read reads a frame into the memory that f holds.
func (f *frame) read(r io.Reader) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	f.number = binary.LittleEndian.Uint64(header[:])
	f.size = int(binary.LittleEndian.Uint32(header[8:]))
	f.count = int(binary.LittleEndian.Uint32(header[12:]))
	length := headerSize + f.size*f.count
	if cap(f.bytes) < length {
		f.bytes = make([]byte, length)
	}
	f.bytes = f.bytes[:length]
	copy(f.bytes, header[:])
	_, err := io.ReadFull(r, f.bytes[headerSize:])
	return err
}

// applyTo applies the frame's commands.
func (f *frame) applyTo(counter *workload.Counter) error {
	for i := range f.count {
		at := headerSize + i*f.size
		command, err := workload.ParseCommand(f.bytes[at : at+f.size])
		if err != nil {
			return fmt.Errorf("floor: batch %d: %w", f.number, err)
		}
		counter.Apply(command)
	}
	return nil
}

// follow is a follower: read, make durable, answer, apply. It ends with its connection.
func (c *cluster) follow(conn net.Conn, file *file, counter *workload.Counter) error {
	var f frame
	for {
		if err := f.read(conn); err != nil {
			return err
		}
		if err := file.append(f.bytes); err != nil {
			return err
		}
		c.syncs.Add(1)
		if _, err := conn.Write(f.bytes[:8]); err != nil {
			return err
		}
		if err := f.applyTo(counter); err != nil {
			return err
		}
	}
}
