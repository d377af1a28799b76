package sim

import "github.com/yggr-go/yggr/engine"

// sever cuts directions between nodes for a while. Several faults may cut the same one.
func (w *world) sever(directions [][2]*node, d engine.Duration) {
	d = w.weather.stretched(d)
	moves := make([]int, len(directions))
	for i, x := range directions {
		l := w.network.link(x[0].id, x[1].id)
		l.cuts++
		moves[i] = l.moves
		w.tell("  nothing gets from %v to %v", x[0].id, x[1].id)
	}
	w.after(d, func() {
		if w.over {
			return // everything is mended
		}
		for i, x := range directions {
			if l := w.network.link(x[0].id, x[1].id); l.moves == moves[i] {
				l.cuts--
			}
		}
		w.tell("a cut of %d directions is mended", len(directions))
	})
}

// outage draws how long the network is broken.
func outage(c *chance) engine.Duration { return c.between(2*tick, 40*tick) }

// divide cuts every direction between nodes of different sides; a node of side zero hears everybody.
func (w *world) divide(side func(*node) int, c *chance) {
	var directions [][2]*node
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if x, y := side(a), side(b); x != y && x != 0 && y != 0 {
				directions = append(directions, [2]*node{a, b})
			}
		}
	}
	w.sever(directions, outage(c))
}

// split divides the nodes in two, both ways.
func (w *world) split(c *chance) {
	if len(w.nodes) < 2 {
		return
	}
	w.counters.Faults[Split]++
	sides := c.Uint64()
	w.divide(func(n *node) int { return 1 + int(sides>>n.id&1) }, c)
}

// bridge divides all nodes but one, which both sides reach.
func (w *world) bridge(c *chance) {
	if len(w.nodes) < 3 {
		return
	}
	w.counters.Faults[Bridge]++
	sides, between := c.Uint64(), pick(c, w.nodes)
	w.divide(func(n *node) int {
		if n == between {
			return 0
		}
		return 1 + int(sides>>n.id&1)
	}, c)
}

// cutOneWay cuts a few single directions.
func (w *world) cutOneWay(c *chance) {
	if len(w.nodes) < 2 {
		return
	}
	w.counters.Faults[OneWay]++
	var directions [][2]*node
	for range 1 + c.intN(3) {
		if a, b := pick(c, w.nodes), pick(c, w.nodes); a != b {
			directions = append(directions, [2]*node{a, b})
		}
	}
	w.sever(directions, outage(c))
}

// isolate cuts off the leader, or another node where there is none: it is not heard, does not hear, or both.
func (w *world) isolate(n *node, c *chance) {
	if leader := w.leader(); leader != nil {
		n = leader
	}
	w.counters.Faults[Isolated]++
	w.cutOff(n, c.intN(3), c)
	w.keepReading(n, 8, c)
}

// cutOff cuts a node off from all others: both ways, or (1) only so that it does not hear, or (2) is not heard.
func (w *world) cutOff(n *node, how int, c *chance) {
	var directions [][2]*node
	for _, other := range w.nodes {
		if other != n && how != 1 {
			directions = append(directions, [2]*node{n, other})
		}
		if other != n && how != 2 {
			directions = append(directions, [2]*node{other, n})
		}
	}
	w.sever(directions, outage(c))
}
