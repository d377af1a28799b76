package sim

import (
	"fmt"
	"runtime/debug"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// Options say what to run. Equal options give equal runs.
type Options struct {
	Seed  uint64
	Nodes int // founders; zero: the seed decides, one to seven
	Steps int // events given to engines, before the end in which everything has to work
	// Only names the injections that happen, by number; nil: all of the schedule.
	Only []int
	// Calm turns off what the weather does to single messages, disks and clocks.
	Calm bool
	// Tell hears what happens, in words; nil: nothing is put into words, which is much faster.
	Tell func(sentence string)

	lyingDisk bool // a power loss takes a disk back to where it was when the node started: this has to be found
}

// Result is what came of a run.
type Result struct {
	Err      error       // the first property that did not hold; nil: all did
	Hash     uint64      // of everything that happened
	Steps    int         // events given to engines, those of the end included
	Injected []Injection // what happened of the schedule, in order
	Counters Counters
}

// Run runs a cluster. A panic of an engine or of the log comes back as an error with its stack.
func Run(options Options) (result Result) {
	w := newWorld(options)
	defer func() {
		if cause := recover(); cause != nil {
			w.err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			result = w.result()
		}
	}()
	w.run()
	return w.result()
}

// world is one run: nodes, their disks and machines, the network between them, and clients.
//
// Invariant: engines are given events by step alone, and step by the queue alone.
type world struct {
	options  Options
	weather  Weather
	schedule schedule
	checker  *check.Cluster
	queue    eventQueue
	now      engine.Instant
	steps    int
	hash     uint64
	err      error

	nodes     []*node // by id, from 1 on
	founders  engine.Membership
	cluster   engine.ClusterID
	network   network
	client    client
	operator  operator
	history   []moment // of every machine: history[i] is how things stood after index i+1
	lastLabel uint64   // numbers snapshots
	injected  []Injection
	over      bool // the steps are over: nothing goes wrong any more
	overAt    engine.Instant
	calm      *node // a leader whom nobody has a reason to disturb; nil: that cannot be said of any
	calmTerm  engine.Term
	counters  Counters

	quietUntil engine.Instant // clients propose nothing until then
}

func newWorld(options Options) *world {
	w := &world{
		options: options, weather: drawWeather(options.Seed), checker: check.New(), hash: options.Seed,
		network: newNetwork(), client: newClient(),
	}
	if options.Calm {
		w.weather.calm()
	}
	if w.weather.batchTicks > 0 {
		w.checker.HoldsProposals()
	}
	w.schedule = schedule{seed: options.Seed, weather: &w.weather}
	return w
}

func (w *world) result() Result {
	return Result{Err: w.err, Hash: w.hash, Steps: w.steps, Injected: w.injected, Counters: w.counters}
}

func (w *world) run() {
	w.found()
	w.awaitInjection()
	for w.err == nil && w.steps < w.options.Steps {
		w.next()
	}
	if w.err == nil {
		w.end()
	}
	w.finishCounting()
}

// next lets the next event happen.
func (w *world) next() {
	e := w.queue.take()
	w.now = e.at
	if n := e.node; n != nil {
		if e.life != 0 && e.life != n.life {
			return
		}
		if n.pausedUntil > w.now {
			// Whatever waited comes in any order: a client may be heard before the tick.
			e.at = n.pausedUntil + engine.Instant(scrambled(e.order)%1000)
			w.queue.put(e)
			return
		}
	}
	e.do()
}

// after lets something happen to the world in a while.
func (w *world) after(d engine.Duration, do func()) {
	w.queue.put(event{at: w.now + engine.Instant(d), do: do})
}

// afterAt lets something happen to a node in a while, if its life lasts so long.
func (w *world) afterAt(n *node, d engine.Duration, do func()) {
	w.queue.put(event{at: w.now + engine.Instant(d), node: n, life: n.life, do: do})
}

// step gives a node an event, checks, and does what the engine asks for. It may be the end of the node.
func (w *world) step(n *node, event engine.Event) {
	if w.err != nil || n.engine == nil {
		return
	}
	w.steps++
	before := n.status.Role
	n.committed = n.status.Commit
	actions := n.engine.Step(event)
	n.engine.CheckInvariants()
	n.status = n.engine.Status()
	w.note(n, event, actions)
	if err := w.checker.Stepped(n.id, event, actions, n.status); err != nil {
		w.fail(err)
		return
	}
	if n.status.Role == engine.Leader && before != engine.Leader {
		w.counters.led(n.status.Term)
	}
	if w.calm != nil {
		w.judgeCalm(n)
	}
	for _, action := range actions {
		scribbleOn(action)
		w.carryOut(n, action)
	}
}

// note makes a step part of the run's hash.
func (w *world) note(n *node, event engine.Event, actions []engine.Action) {
	s := &n.status
	h := w.hash ^ uint64(w.now)
	for _, x := range [...]uint64{
		uint64(n.id), eventCode(event), uint64(s.Role), uint64(s.Term), uint64(s.Last.Index), uint64(s.Durable), uint64(s.Commit),
		uint64(s.Applied), uint64(s.Base.Index), uint64(s.Leader), uint64(len(actions)),
	} {
		h = (h ^ x) * 0x100000001b3
	}
	w.hash = scrambled(h)
}

func (w *world) fail(err error) {
	if err != nil && w.err == nil {
		w.err = err
		w.tell("VIOLATION %v", err)
	}
}

func (w *world) failf(property, format string, args ...any) {
	w.fail(&check.Violation{Property: property, Detail: fmt.Sprintf(format, args...)})
}

// tell puts what happens into words when somebody listens. Who has costly arguments asks first.
func (w *world) tell(format string, args ...any) {
	if w.options.Tell != nil {
		w.options.Tell(fmt.Sprintf("%11.3f ms  ", float64(w.now)/float64(millisecond)) + fmt.Sprintf(format, args...))
	}
}

func (w *world) telling() bool { return w.options.Tell != nil }

// voice passes on an engine's sentences.
type voice struct{ world *world }

func (v voice) Trace(sentence string) { v.world.tell("    %s", sentence) }

// node returns the node with the id, or nil.
func (w *world) node(id engine.NodeID) *node {
	if id == 0 || int(id) > len(w.nodes) {
		return nil
	}
	return w.nodes[id-1]
}

// leader returns the leader of the newest term among those that run, or nil.
func (w *world) leader() (leader *node) {
	for _, n := range w.nodes {
		if n.engine != nil && n.status.Role == engine.Leader && (leader == nil || n.status.Term > leader.status.Term) {
			leader = n
		}
	}
	return leader
}
