package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// snapshotVersion is the first byte of a snapshot. A build reads its own version and all before it.
const snapshotVersion = 1

var errBadSnapshot = errors.New("kv: malformed snapshot")

// maxSnapshotText bounds one text of a snapshot: no command is longer.
const maxSnapshotText = 16 << 20

var _ statemachine.Snapshotter = (*machine)(nil)

// Snapshot implements [statemachine.Snapshotter].
func (m *machine) Snapshot() (statemachine.Snapshot, error) {
	return &snapshot{data: m.data.capture(), announced: m.directory.all()}, nil
}

// snapshot is the state as it was when it was captured. Written it is
//
//	version                u8
//	number of announcements, then each: node, term, address
//	number of keys, then each: key, value
//
// with numbers as unsigned varints and texts behind their lengths. The order of the keys is any.
type snapshot struct {
	data      *capturedShards
	announced map[engine.NodeID]announcement
}

// WriteTo implements [io.WriterTo].
func (s *snapshot) WriteTo(to io.Writer) (int64, error) {
	w := snapshotWriter{to: bufio.NewWriterSize(to, 64<<10)}
	w.put([]byte{snapshotVersion})
	w.number(uint64(len(s.announced)))
	for id, a := range s.announced {
		w.number(uint64(id))
		w.number(uint64(a.Term))
		w.text(a.Address)
	}
	w.number(uint64(s.data.size))
	err := s.data.all(func(key, value string) error {
		w.text(key)
		w.text(value)
		return w.err
	})
	if err == nil {
		err = w.to.Flush()
	}
	return w.size, err
}

// Release implements [statemachine.Snapshot].
func (s *snapshot) Release() { s.data.release() }

// snapshotWriter writes until the first error, which it remembers.
type snapshotWriter struct {
	to      *bufio.Writer
	scratch []byte
	size    int64
	err     error
}

func (w *snapshotWriter) put(p []byte) {
	if w.err == nil {
		var n int
		n, w.err = w.to.Write(p)
		w.size += int64(n)
	}
}

func (w *snapshotWriter) number(n uint64) {
	w.scratch = binary.AppendUvarint(w.scratch[:0], n)
	w.put(w.scratch)
}

func (w *snapshotWriter) text(text string) {
	w.scratch = appendText(w.scratch[:0], text)
	w.put(w.scratch)
}

// Restore implements [statemachine.Snapshotter].
func (m *machine) Restore(body io.Reader) error {
	r := snapshotReader{from: bufio.NewReaderSize(body, 64<<10)}
	if version := r.byte(); r.err == nil && version != snapshotVersion {
		return fmt.Errorf("%w: version %d, and this build reads version %d", errBadSnapshot, version, snapshotVersion)
	}
	for n := r.number(); n > 0 && r.err == nil; n-- {
		id, term := engine.NodeID(r.number()), engine.Term(r.number())
		m.directory.record(id, announcement{Term: term, Address: r.text()})
	}
	for n := r.number(); n > 0 && r.err == nil; n-- {
		key := r.text()
		m.data.set(key, r.text())
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", errBadSnapshot, r.err)
	}
	return nil
}

// snapshotReader reads until the first error, which it remembers.
type snapshotReader struct {
	from *bufio.Reader
	err  error
}

func (r *snapshotReader) byte() byte {
	if r.err != nil {
		return 0
	}
	var b byte
	b, r.err = r.from.ReadByte()
	return b
}

func (r *snapshotReader) number() uint64 {
	if r.err != nil {
		return 0
	}
	var n uint64
	n, r.err = binary.ReadUvarint(r.from)
	return n
}

func (r *snapshotReader) text() string {
	size := r.number()
	if r.err == nil && size > maxSnapshotText {
		r.err = fmt.Errorf("a text of %d bytes", size)
	}
	if r.err != nil {
		return ""
	}
	text := make([]byte, size)
	_, r.err = io.ReadFull(r.from, text)
	return string(text)
}
