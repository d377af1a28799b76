package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/yggr-go/yggr/statemachine"
)

// generated is a machine that has a state of any size and holds none of it: it counts commands, and beside the count its
// snapshots have so many bytes that are made as they are written and compared as they are read.
type generated struct {
	size     int64
	count    uint64
	restored *atomic.Int64 // how long Restore took, in nanoseconds
}

// Apply implements [statemachine.Machine].
func (g *generated) Apply(statemachine.ApplyContext, []byte) uint64 {
	g.count++
	return g.count
}

// Snapshot implements [statemachine.Snapshotter].
func (g *generated) Snapshot() (statemachine.Snapshot, error) {
	return generatedState{size: g.size, count: g.count}, nil
}

// stretch is how much of a state is made at a time.
const stretch = 256 << 10

// fillStretch makes the nth stretch: words that tell their place.
func fillStretch(b []byte, n int64) {
	for at := 0; at+8 <= len(b); at += 8 {
		binary.LittleEndian.PutUint64(b[at:], uint64(n)<<32|uint64(at))
	}
}

type generatedState struct {
	size  int64
	count uint64
}

// WriteTo implements [io.WriterTo].
func (s generatedState) WriteTo(w io.Writer) (written int64, err error) {
	written = 16
	if err := binary.Write(w, binary.LittleEndian, [...]uint64{s.count, uint64(s.size)}); err != nil {
		return 0, err
	}
	b := make([]byte, stretch)
	for at := int64(0); at < s.size; at += stretch {
		fillStretch(b, at/stretch)
		n, err := w.Write(b[:min(stretch, s.size-at)])
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Release implements [statemachine.Snapshot].
func (generatedState) Release() {}

var errWrongState = errors.New("the restored state is not that which was captured")

// Restore implements [statemachine.Snapshotter].
func (g *generated) Restore(body io.Reader) error {
	began := time.Now()
	in := bufio.NewReaderSize(body, stretch)
	var head [2]uint64
	if err := binary.Read(in, binary.LittleEndian, &head); err != nil {
		return err
	}
	got, want := make([]byte, stretch), make([]byte, stretch)
	for at := int64(0); at < int64(head[1]); at += stretch {
		length := min(stretch, int64(head[1])-at)
		if _, err := io.ReadFull(in, got[:length]); err != nil {
			return err
		}
		fillStretch(want, at/stretch)
		if string(got[:length]) != string(want[:length]) {
			return fmt.Errorf("%w: at %d", errWrongState, at)
		}
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it goes on behind its end", errWrongState)
	}
	g.count, g.size = head[0], int64(head[1])
	g.restored.Store(int64(time.Since(began)))
	return nil
}

// raw is the codec of commands that are bytes.
type raw struct{}

// Encode implements [statemachine.Codec].
func (raw) Encode(dst, command []byte) ([]byte, error) { return append(dst, command...), nil }

// Decode implements [statemachine.Codec].
func (raw) Decode(data []byte) ([]byte, error) { return data, nil }
