//go:build linux || darwin

package remote

import (
	"net"
	"runtime"
	"syscall"
)

// limitUnsent bounds what the kernel keeps of a connection beyond what is on its way: otherwise megabytes of entries
// wait there on a slow link, where no vote can overtake them. A kernel that does not know the option goes without.
func limitUnsent(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowAt(), unsentBytes)
	})
}

// notSentLowAt is TCP_NOTSENT_LOWAT, which package syscall does not have.
func notSentLowAt() int {
	if runtime.GOOS == "darwin" {
		return 0x201
	}
	return 25
}
