package sim

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/sim/check"
)

// node is one process, its disk and its clock.
type node struct {
	id          engine.NodeID
	incarnation engine.Incarnation
	founder     bool // starts with the founders' entry
	wiped       bool // lost its disk at least once
	retired     bool // never comes back
	mislabelled bool // a wrong label is judged right now

	life        int            // rises when the process starts and when it ends
	engine      *engine.Engine // nil: the process does not run
	status      engine.Status  // of the engine, after its newest step
	committed   engine.Index   // before that step
	pausedUntil engine.Instant
	struck      *strike // when it campaigns; nil: it is not
	clock       clock

	files       *persistence.MemFS
	opening     *persistence.MemFS   // as it was when the node started; see Options.lyingDisk
	cut         cut                  // where a crash comes in the middle of something
	faulty      *persistence.FaultFS // in front of files, of this life
	storage     persistence.Storage
	pinned      bool   // knows the whole id of its cluster
	recorded    bool   // and its disk does
	segmentSize int64  // in the present life
	opened      uint64 // use-ids of segments drawn so far
	flickers    flickering
	failing     failing              // at the newest start
	attic       []*persistence.MemFS // what the disk was when earlier lives ended
	full        bool                 // something else leaves its disk little room
	relief      int                  // ticks until its host makes room again
	kept        kept
	neighbour   neighbour

	disk      disk
	machine   machine
	snapshots snapshots
	met       map[engine.NodeID]meeting // whom this life shook hands with
	written   bool                      // since the log was last proven
	waiters   map[engine.Index]waiter   // of this life
	reads     map[engine.ReadID]engine.Index
}

// meeting tells which life of a peer was met.
type meeting struct {
	incarnation engine.Incarnation
	life        int
}

func (n *node) peer() engine.Peer { return engine.Peer{ID: n.id, Incarnation: n.incarnation} }

func (n *node) running() bool { return n.engine != nil }

// clock is how time passes at a node.
type clock struct {
	offset engine.Instant
	rate   int64 // how much it gains, in millionths
}

// maxDrift is what a clock may gain or lose, in millionths: the most that leases bear.
const maxDrift = 50_000

func (c clock) at(now engine.Instant) engine.Instant {
	return c.offset + now + engine.Instant(int64(now)/1_000_000*c.rate+int64(now)%1_000_000*c.rate/1_000_000)
}

// span returns how long a duration of the node's clock takes.
func (c clock) span(d engine.Duration) engine.Duration {
	return d * 1_000_000 / engine.Duration(1_000_000+c.rate)
}

// time is what the node's clock shows.
func (w *world) time(n *node) engine.Instant { return n.clock.at(w.now) }

const clusterName = "sim"

// found makes the founders. Each starts some time within the first few ticks.
func (w *world) found() {
	c := stream(w.options.Seed, ofWeather, 1)
	size := w.options.Nodes
	if size == 0 {
		size = pick(&c, []int{1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7})
	}
	members := make([]engine.Member, size)
	for i := range members {
		id := engine.NodeID(i + 1)
		members[i] = engine.Member{ID: id, Role: engine.Voter, Address: address(id, 0)}
	}
	founders, err := engine.NewMembership(members...)
	w.fail(err)
	entry, err := engine.FoundersEntry(founders)
	w.fail(err)
	w.founders, w.cluster = founders, engine.NewClusterID(clusterName, entry)
	for range size {
		n := w.add(true)
		w.after(c.between(0, 2*tick), func() { w.start(n) })
	}
	w.tell("%d founders, default weather: %t", size, w.weather.Default)
}

func address(id engine.NodeID, version int) string { return fmt.Sprintf("%v:%d", id, 7000+version) }

// add makes a node with an empty disk. It does not run yet.
func (w *world) add(founder bool) *node {
	n := &node{id: engine.NodeID(len(w.nodes) + 1)}
	w.nodes = append(w.nodes, n)
	w.network.grow(len(w.nodes))
	c := stream(w.options.Seed, ofClock, uint64(n.id))
	if w.weather.drift {
		n.clock.rate = pick(&c, []int64{-maxDrift, 0, maxDrift})
		if n.clock.rate != 0 {
			w.counters.Faults[Drift]++
		}
	}
	w.reincarnate(n, founder)
	return n
}

// reincarnate gives a node an empty disk.
func (w *world) reincarnate(n *node, founder bool) {
	c := stream(w.options.Seed, ofIncarnation, uint64(n.id), uint64(n.life))
	n.incarnation = engine.Incarnation(c.Uint64() | 1)
	n.founder, n.pinned, n.recorded, n.full = founder, founder, founder, false
	n.neighbour = neighbour{}
	n.files, n.snapshots, n.attic = persistence.NewMemFS(), snapshots{}, nil
	w.reboot(n)
}

// reboot gives a machine's clock a new origin.
func (w *world) reboot(n *node) {
	c := stream(w.options.Seed, ofClock, uint64(n.id), uint64(n.life))
	n.clock.offset = engine.Instant(c.Uint64() % (1 << 40))
}

// start begins a life with what the disk holds. A power loss may come in between.
func (w *world) start(n *node) {
	if n.engine != nil || n.retired || w.err != nil {
		return
	}
	n.life++
	c := stream(w.options.Seed, ofRecovery, uint64(n.id), uint64(n.life))
	dir := w.place(n)
	if !w.over && c.happens(w.weather.interruptedRecovery) {
		n.cut.arm(1+c.intN(20), &c)
	}
	w.trouble(n)
	storage, err := w.open(n, dir)
	if err != nil && !n.cut.done() {
		storage, err = w.openAgain(n, dir, err)
	}
	if err == nil {
		err = w.openSnapshots(n)
	}
	if n.cut.done() {
		w.counters.Faults[InterruptedStart]++
		w.tell("%v loses power while it starts", n.id)
		n.files = n.cut.disarm()
		w.comeBack(n, tick)
		return
	}
	n.cut.disarm() // it would have come later
	n.faulty.Heal()
	if errors.Is(err, errDevice) {
		w.dieAtStart(n)
		return
	}
	if err != nil {
		if !w.waitsForRoom(n) {
			w.failf("recovery", "%v does not start: %v", n.id, err)
		}
		return
	}
	if w.options.lyingDisk {
		n.opening = n.files.Kill()
	}
	n.storage, n.pinned = storage, storage.Identity().Cluster.Pinned()
	n.incarnation = storage.Identity().Incarnation
	w.lookAfter(n)
	w.bear(n)
}

// bear builds the engine of a life.
func (w *world) bear(n *node) {
	stored := n.storage.Recovered(0)
	n.kept.began(0, &stored)
	recovered := engine.Recovered{
		Now: w.time(n), HardState: stored.HardState, Base: stored.Base, Entries: stored.Entries, Commit: stored.Commit,
	}
	n.machine, n.disk = machine{}, disk{stalledUntil: n.disk.stalledUntil, slowUntil: n.disk.slowUntil, proven: true}
	n.met, n.written = map[engine.NodeID]meeting{}, false
	n.waiters, n.reads = map[engine.Index]waiter{}, map[engine.ReadID]engine.Index{}
	if stored.Snapshot.ID != 0 {
		label, err := n.snapshots.store.Label(stored.Snapshot.ID)
		if err != nil || label.Position != stored.Snapshot.Position {
			w.failf("recovery", "%v starts from snapshot %x at %v, and finds %v: %v", n.id, stored.Snapshot.ID, stored.Snapshot.Position, label, err)
			return
		}
		recovered.Snapshot, n.snapshots.complete = label, 2 // there may be others
		w.restore(n, label)
	}
	if err := w.checker.Started(n.peer(), recovered); err != nil {
		w.fail(err)
		return
	}
	random := stream(w.options.Seed, ofEngine, uint64(n.id), uint64(n.life))
	cfg := engine.DefaultConfig(n.id)
	cfg.Incarnation, cfg.Random = n.incarnation, &check.Draws{Source: &random}
	w.weather.configure(&cfg)
	if w.telling() {
		cfg.Tracer = voice{w}
	}
	w.misconfigure(n, cfg, recovered)
	built, err := engine.New(cfg, recovered)
	if err != nil {
		w.failf("recovery", "%v does not start: %v", n.id, err)
		return
	}
	w.checker.Configured(n.id, cfg, recovered.Now)
	n.engine = built
	n.engine.CheckInvariants()
	n.status = n.engine.Status()
	w.operator.recovered(recovered)
	w.beat(n)
	w.flickerOn(n)
}

// beat lets a node's ticks come by its own clock. One may be late, and then it counts once.
func (w *world) beat(n *node) {
	c := stream(w.options.Seed, ofTicks, uint64(n.id), uint64(n.life))
	interval := n.clock.span(tick)
	var hear func()
	hear = func() {
		wait := interval
		if c.happens(w.weather.lateTick) && !w.over {
			w.counters.Faults[LateTick]++
			wait += c.between(0, interval)
		}
		w.afterAt(n, wait, hear)
		w.step(n, &engine.Tick{Now: w.time(n)})
		w.proveLog(n)
		w.relieve(n)
	}
	w.afterAt(n, c.between(1, interval), hear)
}

// endLife ends a process. What its disk holds is for the caller to say.
func (w *world) endLife(n *node) {
	w.countSegments(n)
	n.life++
	n.engine, n.storage, n.pausedUntil, n.struck = nil, nil, 0, nil
	n.cut.disarm()
	n.disk.queue, n.disk.busy, n.disk.taken = nil, false, 0
	n.snapshots.forget()
	w.client.lifeEnded(n)
	w.checker.Crashed(n.id)
}

// comeBack starts a node again in a while.
func (w *world) comeBack(n *node, after engine.Duration) {
	life := n.life
	w.after(after, func() {
		if n.life == life {
			w.start(n)
		}
	})
}
