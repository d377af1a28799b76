package testkit

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
)

// Loop runs actors of any number of nodes on the goroutine that calls it: one message of one mailbox at a time, in an
// order that the seed decides, on a clock that moves only when nothing else can. The same seed and the same calls
// give the same run.
//
// Nodes get their place in it by [Loop.Join]. Turns take no time; what does take some, a message on the network or
// a write to a disk, says so (see [Network.SetLatency] and [Loop.Slow]).
//
// Run, Advance and Settle belong to one goroutine and must not be called from inside a turn. The other methods may
// be called by any goroutine, but what is posted by another one is outside of the seed's reach.
type Loop struct {
	mu      sync.Mutex
	order   *rand.Rand // picks what runs next
	chance  *rand.Rand // seeds what joins
	now     engine.Instant
	ready   []turn
	events  events
	held    map[Place][]turn
	stalled map[Place]bool
	slow    map[Place]span
	atOnce  int // turns since time moved

	watchers  []func(Delivery)
	afterStep func() // nil, or what a cluster looks after, outside of any turn
	trace     uint64
	turns     int
}

// Place is an actor's place in a cluster: its node and its name there.
type Place struct {
	Node engine.NodeID
	Name string // "raft" (the driver), "ticker", "persistence", "apply", "snapshot", "transport"
}

// The names of a node's actors.
const (
	Driver    = "raft"
	Ticker    = "ticker"
	Disk      = "persistence"
	Apply     = "apply"
	Snapshots = "snapshot"
	Transfers = "transfer"
	Transport = "transport"
)

// String prints n1/persistence.
func (p Place) String() string { return p.Node.String() + "/" + p.Name }

// Delivery is one message that an actor of a node takes.
type Delivery struct {
	At      engine.Instant
	To      Place
	Message any
}

// String prints instant, place and the message's type.
func (d Delivery) String() string {
	return fmt.Sprintf("%v %v %T", time.Duration(d.At), d.To, d.Message)
}

// turn is a mailbox's wish to run.
type turn struct {
	place Place
	seat  *Seat
	run   func()
	slept bool // it has served its delay
}

// livelock is how many turns may pass without time moving before the loop gives up: actors that keep each other busy
// for ever would otherwise hang the test.
const livelock = 1_000_000

// NewLoop returns a loop whose clock stands at an hour.
func NewLoop(seed uint64) *Loop {
	return &Loop{
		order:   rand.New(rand.NewPCG(seed, 1)),
		chance:  rand.New(rand.NewPCG(seed, 2)),
		now:     engine.Instant(time.Hour),
		held:    make(map[Place][]turn),
		stalled: make(map[Place]bool),
		slow:    make(map[Place]span),
		trace:   fnvOffset,
	}
}

// Now returns the virtual time.
func (l *Loop) Now() engine.Instant {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Run runs until the condition holds, and reports whether it did before limit of virtual time had passed. The
// condition is asked before each turn.
func (l *Loop) Run(until func() bool, limit time.Duration) bool {
	deadline := l.Now() + engine.Instant(limit)
	for !until() {
		if !l.step(deadline) {
			l.moveTo(deadline)
			return until()
		}
	}
	return true
}

// Advance lets d of virtual time pass, with everything that happens in it.
func (l *Loop) Advance(d time.Duration) {
	l.Run(func() bool { return false }, d)
}

// Settle runs what can run now, until time would have to move.
func (l *Loop) Settle() { l.Advance(0) }

// Stall withholds the turns of an actor: it hangs, and whatever is sent to it waits. A disk that hangs is a stall of
// "persistence". It lasts until [Loop.Resume], also over restarts.
func (l *Loop) Stall(place Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled[place] = true
}

// Resume ends a stall.
func (l *Loop) Resume(place Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.stalled, place)
	l.ready = append(l.ready, l.held[place]...)
	delete(l.held, place)
}

// Slow lets an actor wait, before each turn, for a time between atLeast and atMost.
func (l *Loop) Slow(place Place, atLeast, atMost time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow[place] = span{atLeast, atMost}
}

// After calls f once d has passed.
func (l *Loop) After(d time.Duration, f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at(l.now+engine.Instant(d), f)
}

// Watch calls f for every message that an actor takes, before it does.
func (l *Loop) Watch(f func(Delivery)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers = append(l.watchers, f)
}

// Trace returns a hash of everything that was delivered so far: when, to whom, of what type. Equal traces mean equal
// runs.
func (l *Loop) Trace() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trace
}

// Turns returns how many turns were run.
func (l *Loop) Turns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns
}

// step runs one turn or, when there is none, moves on to the next event. It returns false if there is nothing left
// to do up to the deadline.
func (l *Loop) step(deadline engine.Instant) bool {
	l.mu.Lock()
	do := l.next(deadline)
	l.mu.Unlock()
	if do == nil {
		return false
	}
	do()
	if l.afterStep != nil {
		l.afterStep()
	}
	return true
}

func (l *Loop) next(deadline engine.Instant) func() {
	if run := l.pick(); run != nil {
		return run
	}
	if len(l.events) == 0 || l.events[0].at > deadline {
		return nil
	}
	e := heap.Pop(&l.events).(*event)
	l.setNow(e.at)
	return e.do
}

// pick draws a turn from those that may run, and puts aside those that may not.
func (l *Loop) pick() func() {
	for len(l.ready) > 0 {
		i, last := l.order.IntN(len(l.ready)), len(l.ready)-1
		t := l.ready[i]
		l.ready[i], l.ready[last] = l.ready[last], turn{}
		l.ready = l.ready[:last]
		switch {
		case t.seat.isLeft():
		case l.stalled[t.place]:
			l.held[t.place] = append(l.held[t.place], t)
		case !t.slept && l.delay(t):
		default:
			l.turns++
			if l.atOnce++; l.atOnce > livelock {
				panic(fmt.Sprintf("testkit: %d turns without time passing; the last is one of %v", livelock, t.place))
			}
			return t.run
		}
	}
	return nil
}

// delay puts a turn of a slow actor off.
func (l *Loop) delay(t turn) bool {
	s, ok := l.slow[t.place]
	if !ok {
		return false
	}
	t.slept = true
	l.at(l.now+engine.Instant(s.draw(t.seat.random)), func() { l.post(t) })
	return true
}

func (l *Loop) post(t turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = append(l.ready, t)
}

// at is called with the lock held.
func (l *Loop) at(when engine.Instant, do func()) {
	heap.Push(&l.events, &event{at: when, tie: l.order.Uint64(), do: do})
}

func (l *Loop) moveTo(when engine.Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if when > l.now {
		l.setNow(when)
	}
}

func (l *Loop) setNow(when engine.Instant) {
	if when > l.now {
		l.now, l.atOnce = when, 0
	}
}

// deliver is told of every message that an actor takes.
func (l *Loop) deliver(place Place, message any) {
	l.mu.Lock()
	d := Delivery{At: l.now, To: place, Message: message}
	l.trace = chained(l.trace, d)
	watchers := l.watchers
	l.mu.Unlock()
	for _, watch := range watchers {
		watch(d)
	}
}

// chained returns the hash (FNV-1a) of a trace that goes on with d.
func chained(trace uint64, d Delivery) uint64 {
	for _, number := range []uint64{uint64(d.At), uint64(d.To.Node)} {
		trace = (trace ^ number) * fnvPrime
	}
	for _, name := range []string{d.To.Name, reflect.TypeOf(d.Message).String()} {
		for i := range len(name) {
			trace = (trace ^ uint64(name[i])) * fnvPrime
		}
	}
	return trace
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// span is a range of time to draw from.
type span struct{ atLeast, atMost time.Duration }

func (s span) draw(random *rand.Rand) time.Duration {
	if s.atMost <= s.atLeast {
		return s.atLeast
	}
	return s.atLeast + time.Duration(random.Int64N(int64(s.atMost-s.atLeast)+1))
}

// event is something that happens at an instant. Those of the same instant happen in an order that is drawn.
type event struct {
	at  engine.Instant
	tie uint64
	do  func()
}

// events is a heap.
type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].tie < e[j].tie
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return x
}
