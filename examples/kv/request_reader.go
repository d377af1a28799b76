package main

import (
	"errors"
	"io"
)

// requestReader cuts what a client sends into requests. It keeps at most [maxRequestBytes], and reads only when
// it is asked to: a client whose answers wait is not read, and TCP makes it stop sending.
type requestReader struct {
	source     io.Reader
	buf        []byte
	start, end int // of what is not parsed yet
	args       [][]byte
}

// idleBufferBytes is what a connection with nothing to do holds.
const idleBufferBytes = 16 << 10

func newRequestReader(source io.Reader) *requestReader {
	return &requestReader{source: source, buf: make([]byte, idleBufferBytes)}
}

// next returns the arguments of the next request that has come completely; false when there is none. They are
// valid until the next call of next or fill. After an error the reader is of no use.
func (r *requestReader) next() ([][]byte, bool, error) {
	for {
		args, n, err := parseRequest(r.buf[r.start:r.end], r.args[:0])
		r.args = args
		if err != nil || n == 0 {
			return nil, false, err
		}
		r.start += n
		if len(args) > 0 {
			return args, true, nil
		}
	}
}

// fill waits for more bytes. It is called when next has found no complete request.
func (r *requestReader) fill() error {
	r.makeRoom()
	if r.end == len(r.buf) {
		return protocolError("too big request")
	}
	n, err := r.source.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	if errors.Is(err, io.EOF) && r.start != r.end {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom moves the rest of an incomplete request to the front, gives a large buffer back when nothing is in
// it, and grows a full one up to the limit.
func (r *requestReader) makeRoom() {
	rest := r.buf[r.start:r.end]
	switch {
	case len(rest) == 0 && len(r.buf) > idleBufferBytes:
		r.buf = make([]byte, idleBufferBytes)
	case len(rest) == len(r.buf) && len(r.buf) < maxRequestBytes:
		r.buf = make([]byte, min(2*len(r.buf), maxRequestBytes))
	}
	r.start, r.end = 0, copy(r.buf, rest)
}
