package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// How long it takes hosts to move snapshots, to make them durable and to restore them. Mostly that is a matter of
// milliseconds; but snapshots are what a node moves that is large, so now and then each of them takes so long that leaders,
// offers and entries come and go meanwhile.

// ofTransfers is the purpose of the streams for this.
const ofTransfers uint64 = 101

// The keys of those streams.
const (
	paceOfTransfer uint64 = iota + 1
	timeOfKeeper
	timeOfRestore
	troubleOfKeeper
	oftenCaptured
)

// captureOften lets some runs take snapshots often and keep little log behind them, so that it takes little for a follower
// to need one.
func (w *Weather) captureOften(seed uint64) {
	if c := stream(seed, ofTransfers, oftenCaptured); c.happens(0.3) {
		w.hintEntries, w.trailing = 3+c.intN(8), c.intN(4)
	}
}

// pace draws how long a transfer rests after each chunk. Its connection is one of its own, so it may be slow where nothing
// else is; mostly it is where another one hangs.
func (w *world) pace(n *node, a *engine.SendSnapshot) engine.Duration {
	c := stream(w.options.Seed, ofTransfers, paceOfTransfer, uint64(n.id), uint64(a.Transfer), a.Offset)
	slow := w.weather.slowTransfers
	if w.network.link(n.id, a.To).draining(w.now) {
		slow = max(slow, 0.8)
	}
	if !c.happens(slow) {
		return 0
	}
	w.counters.Faults[SlowTransfer]++
	return c.between(tick/4, 3*tick)
}

// keeping draws how much longer than usual a node's host takes to look for a file or to make one durable: it waits for its
// disk, or has much else to do.
func (w *world) keeping(n *node) engine.Duration {
	s := &n.snapshots
	s.orders++
	c := stream(w.options.Seed, ofTransfers, timeOfKeeper, uint64(n.id), uint64(n.life), s.orders)
	d := engine.Duration(0)
	if n.disk.stalledUntil > w.now {
		d = n.disk.stalledUntil.Since(w.now)
	}
	if c.happens(w.weather.busyKeeper) {
		w.counters.Faults[BusyKeeper]++
		d += c.between(tick, 30*tick)
	}
	return d
}

// restoring draws how much longer than an entry the snapshots take that a machine is about to restore.
func (w *world) restoring(n *node, tasks []task) engine.Duration {
	if !slices.ContainsFunc(tasks, func(t task) bool { return t.restore != nil }) {
		return 0
	}
	c := stream(w.options.Seed, ofTransfers, timeOfRestore, uint64(n.id), uint64(n.life), n.machine.rounds)
	if !c.happens(w.weather.slowRestore) {
		return 0
	}
	w.counters.Faults[SlowRestore]++
	return c.between(tick, 20*tick)
}

// broughtUp returns the members that a leader brings up by a snapshot.
func (w *world) broughtUp(leader *node) (members []*node) {
	if leader == nil {
		return nil
	}
	for i := range leader.status.Followers {
		if f := &leader.status.Followers[i]; f.State == "snapshot" {
			if n := w.node(f.ID); n != nil {
				members = append(members, n)
			}
		}
	}
	return members
}

// loseForLong ends the process of a follower for much longer than others wait for it, mostly while it is brought up. The
// others can go on without it.
func (w *world) loseForLong(c *chance) {
	leader := w.leader()
	candidates := w.broughtUp(leader)
	if len(candidates) == 0 || c.happens(0.2) {
		candidates = w.nodes
	}
	n := pick(c, candidates)
	if leader == nil || n == leader || !n.running() || !w.goesOnWithout(leader, n) {
		return
	}
	w.counters.Faults[LongOutage]++
	w.crash(n, c.happens(0.5), c.between(40*tick, 250*tick), c)
}

// goesOnWithout reports whether a majority of the voters runs without a node.
func (w *world) goesOnWithout(leader, without *node) bool {
	voters := leader.status.Membership.Voters()
	running := 0
	for _, id := range voters {
		if n := w.node(id); n != nil && n != without && n.running() {
			running++
		}
	}
	return running > len(voters)/2
}

// nothingKept reports whether every node that runs needs one snapshot at most: what was promised to members that stay away
// is given up.
func (w *world) nothingKept() bool {
	for _, n := range w.nodes {
		if n.running() && len(n.engine.SnapshotsInUse()) > 1 {
			return false
		}
	}
	return true
}

// longest is the longest election timeout of any node, in ticks.
func (w *Weather) longest() int { return w.electionMax + w.uneven }

// breaks returns how likely the connection of a transfer breaks at the next chunk: what troubles the way between two nodes
// troubles it as well.
func (w *world) breaks(n *node, out *outgoing) float64 {
	there, back := w.network.link(n.id, out.to), w.network.link(out.to, n.id)
	if !w.over && (there.troubled(w.now) || back.troubled(w.now)) {
		return max(0.2, w.weather.broken)
	}
	return w.weather.broken
}
