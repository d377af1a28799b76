//go:build unix

package links

import (
	"errors"
	"net"
	"syscall"
)

// setBacklog says how many connections may wait to be accepted; a second listen changes nothing else.
func setBacklog(listener *net.TCPListener, connections int) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), connections) })
	return errors.Join(err, listenErr)
}
