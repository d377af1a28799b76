package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// What a cluster that is healed has to do, in ticks of virtual time.
const (
	leaderBudget = 600 // until it has a leader that commits a new command, and everybody has applied it
	answerBudget = 100 // until every request has its answer
)

// end heals a core of the cluster, a majority of every configuration that may count, and requires that it goes on: that
// it has a leader, commits a new command and applies it everywhere, and does what a user may expect of a cluster in which
// nothing is wrong. The others stay away for good.
func (w *world) end() {
	w.over, w.overAt = true, w.now
	w.tell("ENOUGH: nothing goes wrong any more")
	w.weather.calm()
	for i := range w.network.links {
		for j := range w.network.links[i] {
			w.network.links[i][j].cuts, w.network.links[i][j].heldBack = 0, 0
		}
	}
	away := w.chooseAway()
	for _, n := range w.nodes {
		w.heal(n, away[n.id])
	}
	probe := w.probe()
	if !w.until(leaderBudget, "a new command is applied everywhere", func() bool { return probe() }) {
		return
	}
	if !w.until(answerBudget, "every request has its answer", w.allAnswered) {
		return
	}
	if !w.until(10*w.weather.longest()+answerBudget, "nothing is kept for those who stay away", w.nothingKept) {
		return
	}
	if !w.exercise() || !w.until(answerBudget, "every request has its answer", w.allAnswered) {
		return
	}
	var members []engine.NodeID
	for _, n := range w.members() {
		members = append(members, n.id)
		if at := n.machine.state.position.Index; at < w.client.seen {
			w.failf("durability", "%v has applied up to %d, and clients have seen %d", n.id, at, w.client.seen)
		}
	}
	w.fail(w.checker.Converged(members))
}

// calm turns everything off that happens by chance to single messages, disks and clocks.
func (w *Weather) calm() {
	w.drop, w.duplicate, w.delay, w.jumbled, w.lateTick, w.interruptedRecovery = 0, 0, 0, 0, 0, 0
	w.chunkLoss, w.chunkDamage, w.broken, w.noRoom = 0, 0, 0, 0
	w.slowTransfers, w.busyKeeper, w.slowRestore = 0, 0, 0
	w.latency, w.jitter = millisecond, millisecond
	w.diskLatency, w.applyLatency = min(w.diskLatency, 5*millisecond), min(w.applyLatency, 5*millisecond)
}

// chooseAway takes nodes away as long as a core is left; in half of all runs nobody, and nobody while a founder may be
// unbound: it counts for none whose log goes beyond the founders' entry, until a leader has met it (R15).
func (w *world) chooseAway() map[engine.NodeID]bool {
	c := stream(w.options.Seed, ofWeather, 2)
	away := map[engine.NodeID]bool{}
	if c.happens(0.5) || w.anyUnbound() {
		return away
	}
	var gone []*node
	first := c.intN(len(w.nodes))
	if members := w.broughtUp(w.leader()); len(members) > 0 && c.happens(0.7) {
		first = int(pick(&c, members).id) - 1
	}
	for i := range w.nodes {
		n := w.nodes[(first+i)%len(w.nodes)]
		if w.viable(engine.Membership{}, append(gone, n)...) && c.happens(0.7) {
			gone = append(gone, n)
			away[n.id] = true
		}
	}
	return away
}

func (w *world) anyUnbound() bool {
	return slices.ContainsFunc(w.operator.known, func(k knownConfiguration) bool {
		return slices.ContainsFunc(k.membership.Members, func(m engine.Member) bool { return m.Incarnation == 0 })
	})
}

// heal makes everything good at a node, or takes it away for good. One that is paused goes on when its time comes.
func (w *world) heal(n *node, away bool) {
	n.disk.stalledUntil, n.disk.slowUntil = 0, 0
	w.makeRoom(n)
	n.cut.disarm()
	if n.disk.failing && n.running() { // a sync that is to fail cannot be called off
		n.files = n.files.Kill()
		w.endLife(n)
	}
	if !away {
		w.start(n)
		return
	}
	w.tell("%v stays away", n.id)
	if n.running() {
		w.endLife(n)
	}
	n.retired = true
}

// rivals is how much longer it may take where nobody asks beforehand whether it can win. A node that cannot, since its log is
// short or its configuration old, ends term after term then until another one is lucky enough to come before it: each time
// with a chance of one in ten or so, where all voters that are left have to agree.
const rivals = 5

// until lets time pass until something holds, but not for more ticks than the budget has.
func (w *world) until(budget int, what string, holds func() bool) bool {
	start := w.now
	budget = int(w.weather.stretched(engine.Duration(budget)))
	if !w.weather.preVote {
		budget *= rivals
	}
	for w.err == nil && !holds() {
		if w.now.Since(start) > engine.Duration(budget)*tick {
			w.failf("liveness", "not within %d ticks without a fault: %s\n%s", budget, what, w.describe())
			return false
		}
		w.next()
	}
	w.counters.Calm += int(w.now.Since(start) / tick)
	return w.err == nil
}

// probe returns what asks leaders for a new command until one is applied everywhere, and reports whether it is.
func (w *world) probe() func() bool {
	var asked engine.Instant
	first := uint64(0)
	return func() bool {
		leader := w.leader()
		if leader == nil {
			return false
		}
		if first == 0 || w.now.Since(asked) > 20*tick {
			c := stream(w.options.Seed, ofWeather, 3, uint64(w.now))
			if first == 0 {
				first = w.client.commands + 1
				w.client.probe = first
			}
			asked = w.now
			w.propose(leader, 1, &c)
		}
		return w.client.probed != 0 && w.appliedEverywhere(w.client.probed)
	}
}

// members returns the nodes of the leader's membership that are there with the disk that they were added with.
func (w *world) members() (members []*node) {
	leader := w.leader()
	if leader == nil {
		return nil
	}
	for _, m := range leader.status.Membership.Members {
		if n := w.node(m.ID); n != nil && !n.retired && n.incarnation == m.Incarnation {
			members = append(members, n)
		}
	}
	return members
}

func (w *world) appliedEverywhere(index engine.Index) bool {
	members := w.members()
	for _, n := range members {
		if n.machine.state.position.Index < index {
			return false
		}
	}
	return len(members) > 0
}

// allAnswered reports whether no client waits for a node that runs.
func (w *world) allAnswered() bool {
	members := w.members()
	for _, n := range members {
		if len(n.reads) > 0 {
			return false
		}
		for index := range n.waiters {
			if index <= n.status.Last.Index {
				return false
			}
		}
		if n.status.Applied < w.client.seen {
			return false
		}
	}
	return len(members) > 0 && !w.checker.Waiting()
}

// quiet reports whether all that began before the end is over, and an election timeout has passed since: the newest message
// has come, and whoever was paused has said what it had to say.
func (w *world) quiet() bool {
	last := w.overAt + engine.Instant(3*tick)
	for _, n := range w.nodes {
		last = max(last, n.pausedUntil)
	}
	return w.now.Since(last) > engine.Duration(w.weather.electionMax+w.weather.uneven)*tick
}

// isProbe takes note of where a command of the end was applied.
func (k *client) isProbe(e engine.Entry) {
	if k.probe != 0 && e.Kind == engine.EntryCommand && binary.BigEndian.Uint64(e.Data) >= k.probe {
		k.probed = max(k.probed, e.Index)
	}
}

// describe says what every node believes.
func (w *world) describe() string {
	var b strings.Builder
	for _, n := range w.nodes {
		if !n.running() {
			fmt.Fprintf(&b, "%v does not run (retired: %t)\n", n.peer(), n.retired)
			continue
		}
		s := n.status
		fmt.Fprintf(&b, "%v: %v of %v in term %d, log %v..%v, durable %d, commit %d, applied %d, removed %t, members %v\n",
			n.peer(), s.Role, s.Leader, s.Term, s.Base, s.Last, s.Durable, s.Commit, s.Applied, s.Removed, s.Membership)
	}
	return b.String()
}
