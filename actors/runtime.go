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
	// Dispatchers, if not nil, goes before Dispatcher: it is asked for the dispatcher of each actor that is spawned, by
	// its name: "raft" for the driver, and "ticker", "persistence", "apply", "snapshot", "transfer", "transport". With one for
	// each, the turns of a single actor can be withheld, which is what a disk that hangs looks like.
	Dispatchers func(actor string) actor.Dispatcher
	// Clock is the node's time. Nil: the machine's, one that runs while the machine is suspended.
	Clock Clock
	// Random draws incarnations, epochs and election timeouts. One node uses it from one goroutine at a time; a
	// Runtime with a Random belongs to one node. Nil: seeded by the operating system.
	Random engine.Random

	// Observer hears what the node does. Nil: nobody.
	Observer Observer

	// intercept sees every message before the named actor does, and may panic or block in its place. For tests.
	intercept func(name string, message any)
}

// Intercept has f see every message before the named actor does, on the actor's turn. It may panic in the actor's
// place. For tests: names are those of Dispatchers, and messages are the node's own, of no documented type. Call it
// before the node starts.
func (r *Runtime) Intercept(f func(actor string, message any)) { r.intercept = f }

// Observer hears what a node does, as it does it: what a checker of Raft's safety has to know (see sim/check). Its
// methods are called by the node's actors, so by several goroutines unless the dispatcher runs one turn at a time;
// they must neither block nor change what they are given.
type Observer interface {
	// Started: the node begins a life with an engine made from recovered. A restart of its actor is another life.
	Started(self engine.Peer, recovered engine.Recovered)
	// Stepped: the engine took the event, asked for the actions, of which none is carried out yet, and has this status.
	// Event and actions are valid until the call returns.
	Stepped(event engine.Event, actions []engine.Action, status engine.Status)
	// Durable: every Persist action of this life up to seq is durable. It comes before the engine is told.
	Durable(seq engine.Seq)
	// Left: a message was given to the transport.
	Left(to engine.NodeID, message engine.Message)
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
