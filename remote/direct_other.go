//go:build !unix

package remote

import "net"

// directWriter is not to be had here: every write is left to the peer's goroutine.
type directWriter struct{}

func newDirectWriter(net.Conn) *directWriter { return nil }

func (*directWriter) write([]byte) (int, error) { panic("remote: no direct writer on this system") }
