package testkit_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/remote/remotetest"
	"github.com/yggr-go/yggr/testkit"
)

// The suite waits for messages on the test's goroutine, so here another one turns the loop.
func TestNetworkConformance(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) func(engine.NodeID, string) remote.Network {
		loop := testkit.NewLoop(1)
		turn(t, loop)
		network := testkit.NewNetwork(loop)
		return func(engine.NodeID, string) remote.Network { return network }
	})
}

// turn lets the loop's time pass until the test ends.
func turn(t *testing.T, loop *testkit.Loop) {
	t.Helper()
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				loop.Advance(time.Millisecond)
				runtime.Gosched()
			}
		}
	})
	t.Cleanup(func() { close(stop); done.Wait() })
}
