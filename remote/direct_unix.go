//go:build unix

package remote

import (
	"errors"
	"net"
	"syscall"
)

// directWriter writes to a socket without ever waiting until it is writable. It serves one writer at a time, and only
// while nobody else writes to the connection: the two would wait for each other.
type directWriter struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // made once, so that a write allocates nothing

	data    []byte
	written int
	err     error
}

// newDirectWriter returns nil for a connection that is no socket of its own, as with TLS: there a write has to be
// whole.
func newDirectWriter(conn net.Conn) *directWriter {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	d := &directWriter{raw: raw}
	d.try = d.attempt
	return d
}

// write returns how much of data the kernel has taken; that it takes no more is no error.
func (d *directWriter) write(data []byte) (int, error) {
	d.data, d.written, d.err = data, 0, nil
	if err := d.raw.Write(d.try); err != nil {
		return 0, err
	}
	d.data = nil
	return d.written, d.err
}

// attempt always reports that it is done: false would mean to wait.
func (d *directWriter) attempt(fd uintptr) bool {
	for d.written < len(d.data) {
		n, err := syscall.Write(int(fd), d.data[d.written:])
		switch {
		case err == nil:
			d.written += n
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		default:
			d.err = err
			return true
		}
	}
	return true
}
