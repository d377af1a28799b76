//go:build !linux && !darwin

package remote

import "net"

// limitUnsent does nothing: there is no such option here.
func limitUnsent(net.Conn) {}
