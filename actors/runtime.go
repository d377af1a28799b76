package actors

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// Runtime is what the actors of one node take from the world beside storage and network. The zero value, and a
// nil Runtime in [Config], is the real world; tests put another in its place and own time, chance and the order
// of delivery.
type Runtime struct {
	// Dispatcher runs the turns of every actor of the node. Nil: a pool of parked goroutines of the node's own.
	Dispatcher actor.Dispatcher
	// Clock is the node's time. Nil: the machine's, one that runs while the machine is suspended.
	Clock Clock
	// Random draws incarnations, epochs and election timeouts. One node uses it from one goroutine at a time; a
	// Runtime with a Random belongs to one node. Nil: seeded by the operating system.
	Random engine.Random

	// intercept sees every message before the named actor does, and may panic or block in its place. For tests.
	intercept func(name string, message any)
}

// Clock is time as actors see it.
type Clock interface {
	// Now is monotonic.
	Now() engine.Instant
	// Every calls tick once an interval until stop is called. Ticks are not made up for: late is late.
	Every(interval time.Duration, tick func()) (stop func())
}

// lastEpoch numbers the incarnations of all raft actors of the process, so that no message of one life is ever
// taken for one of another.
var lastEpoch atomic.Uint64

type systemClock struct{}

// Now implements Clock.
func (systemClock) Now() engine.Instant { return bootTime() }

// Every implements Clock. Stop returns at once; a tick that is under way may still end after it.
func (systemClock) Every(interval time.Duration, tick func()) (stop func()) {
	ticker := time.NewTicker(interval)
	done := make(chan struct{})
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tick()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// systemRandom returns a generator seeded by the operating system.
func systemRandom() (engine.Random, error) {
	var seed [16]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("actors: no randomness: %w", err)
	}
	return mathrand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])), nil
}

// nonZero draws a number that is not zero.
func nonZero(random engine.Random) uint64 {
	for {
		if n := random.Uint64(); n != 0 {
			return n
		}
	}
}
