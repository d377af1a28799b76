package workload

import (
	"errors"
	"net"
)

// FreeAddresses returns addresses on the loopback interface that nobody listens on at this moment.
func FreeAddresses(count int) (addresses []string, err error) {
	for range count {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return nil, errors.Join(err, listenErr)
		}
		defer func() { err = errors.Join(err, listener.Close()) }() // all are held until all are known, so they differ
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
