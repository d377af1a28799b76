package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// awaitInjection puts the next injection of the schedule into the queue.
func (w *world) awaitInjection() {
	i := w.schedule.next()
	w.queue.put(event{at: i.At, do: func() {
		if w.over {
			return
		}
		if only := w.options.Only; only == nil || slices.Contains(only, i.Number) {
			w.injected = append(w.injected, i)
			w.inject(i)
		}
		w.awaitInjection()
	}})
}

func (w *world) inject(i Injection) {
	c := &i.chance
	if w.telling() && i.kind.isFault() {
		w.tell("INJECTION %d: %s", i.Number, i.Kind)
	}
	switch i.kind {
	case injectProposal:
		w.askUnlessQuiet(c, func(n *node) { w.propose(n, 1, c) })
	case injectBatch:
		w.askUnlessQuiet(c, func(n *node) { w.propose(n, 2+c.intN(6), c) })
	case injectRead:
		w.ask(c, func(n *node) { w.read(n) })
	case injectChange:
		w.change(c)
	case injectTransfer:
		w.ask(c, func(n *node) { w.transfer(n, c) })
	case injectCapture:
		w.ask(c, func(n *node) { w.capture(n, c) })
	default:
		w.injectFault(i.kind, c)
	}
}

// injectFault breaks something.
func (w *world) injectFault(kind injection, c *chance) {
	switch kind {
	case injectSplit:
		w.split(c)
	case injectOneWay:
		w.cutOneWay(c)
	case injectBridge:
		w.bridge(c)
	case injectRetirement:
		w.retire(c)
	case injectReadding:
		w.readd(c)
	case injectReplacement:
		w.replace(c)
	case injectHaste:
		w.promoteInHaste(c)
	case injectAnnouncement:
		w.announce(c)
	case injectStrike:
		w.strikeCandidate(c)
	case injectIsland:
		w.island(c)
	case injectCongestion:
		w.congest(c)
	case injectLongOutage:
		w.loseForLong(c)
	case injectHardTransfer:
		w.hardTransfer(c)
	case injectToAndFro:
		w.toAndFro(c)
	case injectSilentRemoved:
		w.replaceSilent(c)
	default:
		if n := w.victim(c); n != nil {
			w.injectAt(n, kind, c)
		}
	}
}

// injectAt breaks something at one node.
func (w *world) injectAt(n *node, kind injection, c *chance) {
	switch kind {
	case injectPowerLoss:
		w.counters.Faults[PowerLoss]++
		w.crash(n, false, c.between(tick/2, 40*tick), c)
	case injectKill:
		w.counters.Faults[Killed]++
		w.crash(n, true, c.between(tick/2, 20*tick), c)
	case injectFailedSync:
		w.failSync(n)
	case injectStall:
		w.counters.Faults[Stalled]++
		n.disk.stalledUntil = w.now + engine.Instant(c.between(2*tick, 50*tick))
	case injectSlowDisk:
		n.disk.slowUntil = w.now + engine.Instant(c.between(5*tick, 60*tick))
	case injectPause:
		w.counters.Faults[Paused]++
		n.pausedUntil = w.now + engine.Instant(c.between(tick, 30*tick))
		w.keepReading(n, 2, c)
	case injectIsolation:
		w.isolate(n, c)
	case injectWipe:
		w.wipe(n, c)
	case injectFlicker:
		w.flicker(n, c)
	case injectRot:
		w.rot(n, c)
	case injectCrashAtFiles:
		w.crashAtFiles(n, c)
	case injectFullDisk:
		w.fill(n, c)
	case injectMislabel:
		w.afterAt(n, 0, func() { w.mislabel(n, c) })
	default:
		w.failf("schedule", "nobody knows how to inject %v", kind)
	}
}

// ask lets a client ask a node for something: mostly the leader. A node that is paused answers when it goes on.
func (w *world) ask(c *chance, do func(*node)) {
	n := w.leader()
	if n == nil || c.happens(0.1) {
		n = pick(c, w.nodes)
	}
	if n.running() {
		w.afterAt(n, 0, func() { do(n) })
	}
}

// keepReading lets clients ask a node that leads for reads, although it may lead no more: that is what leases have to
// bear. A node that is paused hears them when it goes on, maybe before its tick.
func (w *world) keepReading(n *node, reads int, c *chance) {
	if n.status.Role != engine.Leader {
		return
	}
	if w.weather.long() {
		w.readOn(n, c)
		return
	}
	at := engine.Duration(0)
	for range reads {
		at += c.between(0, tick)
		w.afterAt(n, at, func() { w.read(n) })
	}
}

// victim returns a node that runs, the leader more often than others; nil if none does.
func (w *world) victim(c *chance) *node {
	if leader := w.leader(); leader != nil && c.happens(0.3) {
		return leader
	}
	first := c.intN(len(w.nodes))
	for i := range w.nodes {
		if n := w.nodes[(first+i)%len(w.nodes)]; n.running() {
			return n
		}
	}
	return nil
}

// transfer asks a node to hand leadership over.
func (w *world) transfer(n *node, c *chance) {
	var target engine.NodeID
	if c.happens(0.7) {
		target = pick(c, w.nodes).id
	}
	w.askTransfer(n, target)
}

func (w *world) askTransfer(n *node, target engine.NodeID) {
	w.client.lastID++
	w.client.calls[w.client.lastID] = call{kind: injectTransfer}
	w.tell("%v is asked to hand leadership to %v", n.id, target)
	w.step(n, &engine.TransferLeadership{Now: w.time(n), ID: w.client.lastID, Target: target})
}
