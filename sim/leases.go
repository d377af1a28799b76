package sim

import "github.com/yggr-go/yggr/engine"

// usual is what most elections time out after at least, in ticks; what lasts longer is for clusters that are far apart.
const usual = 20

// patient draws how the timeouts of the nodes differ, and makes them very long now and then, so long that what a lease has to
// spare for clocks is more than a tick.
func (w *Weather) patient(c *chance) {
	defer w.overlap()
	w.salt, w.greedy = c.Uint64(), c.happens(0.5)
	if c.happens(0.4) {
		w.uneven = c.intN(8)
	}
	if !c.happens(0.18) {
		return
	}
	w.heartbeat, w.electionMin = 1+c.intN(2), 25+c.intN(20)
	w.electionMax = w.electionMin + 2 + c.intN(8)
	w.weights[injectIsolation] = max(2, w.weights[injectIsolation])
	w.uneven = 5 + c.intN(20)
	w.lease, w.greedy = w.preVote, true
}

// overlap lets the timeouts of nodes that do not ask beforehand whether they may win be about the same: one that cannot win,
// and is always the first to try, would end the others' terms for ever.
func (w *Weather) overlap() {
	if !w.preVote {
		w.uneven = min(w.uneven, (w.electionMax-w.electionMin)/2)
	}
}

// leaseOf returns how many ticks a lease lasts at a node whose timeouts are longer by so many.
func (w *Weather) leaseOf(longer int) int {
	if !w.greedy {
		longer = 0
	}
	return w.electionMin + longer - w.heartbeat - 1
}

// long reports whether elections take very long to begin.
func (w *Weather) long() bool { return w.electionMin > usual }

// stretched returns a time that is good for usual timeouts, made as much longer as they are.
func (w *Weather) stretched(d engine.Duration) engine.Duration {
	if !w.long() {
		return d
	}
	return d * engine.Duration(w.electionMax+w.uneven) / usual
}

// readOn lets clients ask a node that leads for reads until it gives up, or for a timeout and a half.
func (w *world) readOn(n *node, c *chance) {
	until := w.now + engine.Instant(w.weather.electionMin)*engine.Instant(tick)*3/2
	var ask func()
	ask = func() {
		if n.status.Role == engine.Leader && w.now < until && !w.over {
			w.read(n)
			w.afterAt(n, c.between(tick/4, tick), ask)
		}
	}
	w.afterAt(n, c.between(0, tick), ask)
}
