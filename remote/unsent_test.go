//go:build linux || darwin

package remote

import (
	"context"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// A peer with a small window reads nothing. What the kernel takes for it is little, so what is sent next waits
// where a vote can overtake it.
func TestTheKernelKeepsLittleOfWhatItCannotSend(t *testing.T) {
	const window = 64 << 10
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, window) })
	}}
	listener, err := small.Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	peer := &fakeNode{listener, t}
	defer listener.Close()
	transport, _ := listening(t)
	transport.SetRoute(2, peer.address())
	peer.welcome(introductionOf(2))
	p := transport.peers[2]
	for p.writer.Load() == nil {
		transport.Send(2, &engine.Heartbeat{Term: 1}) // yields to the goroutine that connects
	}
	w := p.writer.Load()
	w.mu.Lock() // nobody else writes
	defer w.mu.Unlock()
	chunk, taken := make([]byte, 16<<10), 0
	for {
		n, err := w.direct.write(chunk)
		require.NoError(t, err)
		taken += n
		if n < len(chunk) {
			break
		}
	}
	require.Less(t, taken, 4*window+2*unsentBytes)
}
