// Package loopback gives out addresses for processes that have to know of each other before any of them listens: those
// of tests, demonstrations and measurements.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are given out of a range below the one that kernels take the ports of outgoing connections from: a node that is
// down must find its port free when it comes back. Scripts take theirs from below it (examples/kv/cluster.sh).
const (
	firstPort = 20000
	portCount = 12000
)

// taken holds what has been given out, for as long as this process lives.
var taken struct {
	sync.Mutex
	sockets []net.PacketConn
}

// Address returns an address of the loopback interface on which nobody listens, and which no process that asks here
// is given while this one lives. It may be called from any number of goroutines.
//
// What keeps others away is a UDP socket of the same number: the kernel gives it to one process, lets go of it
// however that process ends, and leaves TCP alone.
func Address() (string, error) {
	taken.Lock()
	defer taken.Unlock()
	var err error
	for range 1000 {
		var address string
		if address, err = reserve(firstPort + rand.IntN(portCount)); err == nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("loopback: no free port: %w", err)
}

func reserve(port int) (string, error) {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", errors.Join(err, socket.Close())
	}
	taken.sockets = append(taken.sockets, socket)
	return address, listener.Close()
}
