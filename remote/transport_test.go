package remote_test

import (
	"cmp"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/remote/remotetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTCPConformance(t *testing.T) {
	remotetest.Run(t, func(*testing.T) func(engine.NodeID, string) remote.Network {
		return func(_ engine.NodeID, address string) remote.Network {
			return remote.NewTCP(remote.TCPConfig{
				Listen:      cmp.Or(address, "127.0.0.1:0"),
				DialTimeout: time.Hour, HandshakeTimeout: time.Hour, IdleTimeout: time.Hour,
			})
		}
	})
}

func TestInProcessConformance(t *testing.T) {
	remotetest.Run(t, func(*testing.T) func(engine.NodeID, string) remote.Network {
		network := remote.NewInProcess()
		return func(engine.NodeID, string) remote.Network { return network }
	})
}
