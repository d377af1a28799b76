package testkit

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// Seat is one life of a node in a [Loop], or of anything else that runs there: dispatchers and a clock that end with
// it.
type Seat struct {
	loop   *Loop
	node   engine.NodeID
	random *rand.Rand
	left   atomic.Bool
}

var _ actors.Clock = (*Seat)(nil)

// Join gives a node a seat. A node that crashed and comes back takes another one.
func (l *Loop) Join(node engine.NodeID) *Seat {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Seat{loop: l, node: node, random: rand.New(rand.NewPCG(l.chance.Uint64(), uint64(node)))}
}

// Leave ends the life: no actor of it gets another turn, no tick reaches it, and nothing of it is told. It is how a
// process dies. It must not be called from inside a turn of the node.
func (s *Seat) Leave() { s.left.Store(true) }

func (s *Seat) isLeft() bool { return s.left.Load() }

// Runtime returns the runtime of a node in this seat.
func (s *Seat) Runtime() *actors.Runtime {
	r := &actors.Runtime{Dispatchers: s.Dispatcher, Clock: s, Random: s.random}
	r.Intercept(func(name string, message any) { s.loop.deliver(Place{s.node, name}, message) })
	return r
}

// Dispatcher returns the dispatcher of the named actor. An actor of the test's own may be given one as well
// (actor.WithDispatcher), and then takes part in the order of the loop. Its mailbox should honour a throughput of 1,
// as a node's do; protoactor's own run until they are empty.
func (s *Seat) Dispatcher(name string) actor.Dispatcher {
	return &dispatcher{seat: s, place: Place{s.node, name}}
}

// Now implements actors.Clock.
func (s *Seat) Now() engine.Instant { return s.loop.Now() }

// Every implements actors.Clock.
func (s *Seat) Every(interval time.Duration, tick func()) (stop func()) {
	t := &ticker{seat: s, interval: interval, tick: tick}
	s.loop.After(interval, t.fire)
	return func() { t.stopped.Store(true) }
}

// dispatcher queues the turns of one actor.
type dispatcher struct {
	seat  *Seat
	place Place
}

// Schedule implements actor.Dispatcher.
func (d *dispatcher) Schedule(run func()) {
	if !d.seat.isLeft() {
		d.seat.loop.post(turn{place: d.place, seat: d.seat, run: run})
	}
}

// Throughput implements actor.Dispatcher: one message a turn.
func (d *dispatcher) Throughput() int { return 1 }

// ticker is what Every starts.
type ticker struct {
	seat     *Seat
	interval time.Duration
	tick     func()
	stopped  atomic.Bool
}

func (t *ticker) fire() {
	if t.stopped.Load() || t.seat.isLeft() {
		return
	}
	t.seat.loop.After(t.interval, t.fire)
	t.tick()
}
