package sim

import "github.com/yggr-go/yggr/engine"

// congestion is what delays everything on one direction between two nodes.
type congestion struct {
	slowUntil engine.Instant
	slow      engine.Duration // how much longer a message takes until then,
	uneven    bool            // or by how much at most, so that they overtake each other

	heldUntil engine.Instant  // until then messages are held
	release   engine.Instant  // of what is held; later messages overtake it
	pace      engine.Duration // between messages that are released
	held      int
	repeated  bool // the sender does not know what came, and sends it once more at once
}

// draining reports whether something of what was held is still to come.
func (g *congestion) draining(now engine.Instant) bool {
	return now < g.release+engine.Instant(g.held)*engine.Instant(g.pace)
}

// troubled reports whether the direction is slow or hangs.
func (g *congestion) troubled(now engine.Instant) bool { return now < g.slowUntil || now < g.heldUntil }

// lag returns by how much a message that leaves now comes later than it would.
func (g *congestion) lag(w *world, c *chance) engine.Duration {
	switch {
	case w.over:
	case w.now < g.heldUntil:
		g.held++
		w.counters.Faults[Held]++
		return g.release.Since(w.now) + engine.Duration(g.held)*g.pace
	case w.now < g.slowUntil:
		w.counters.Faults[SlowLink]++
		if g.uneven {
			return c.between(0, g.slow)
		}
		return g.slow
	}
	return 0
}

// congest troubles the way between two nodes, mostly between the leader and a follower, each direction in its own way.
// It may be the follower that is overloaded: then its disk takes as long.
func (w *world) congest(c *chance) {
	from, to := pick(c, w.nodes), pick(c, w.nodes)
	there, back := c.happens(0.6), c.happens(0.6)
	if leader := w.leader(); leader != nil && c.happens(0.8) {
		from = leader
		if members := w.broughtUp(leader); len(members) > 0 && c.happens(0.5) {
			to, back = pick(c, members), true
		} else if followers := leader.status.Followers; len(followers) > 0 {
			to, there = w.node(pick(c, followers).ID), true
		}
	}
	if to == nil || from == to {
		return
	}
	if there {
		w.disturb(from, to, c.happens(0.75), c)
	}
	if back {
		w.disturb(to, from, c.happens(0.5), c)
	}
	if c.happens(0.5) {
		w.counters.Faults[Stalled]++
		to.disk.stalledUntil = w.now + engine.Instant(c.between(5*tick, 60*tick))
	}
}

// disturb makes one direction slow, or lets what is sent for a while come late: as when a connection hangs that is replaced
// by a new one, and what it still holds arrives by and by, behind messages that left much later.
func (w *world) disturb(from, to *node, replaced bool, c *chance) {
	g := &w.network.link(from.id, to.id).congestion
	if !replaced {
		g.slowUntil, g.slow = w.now+engine.Instant(c.between(5*tick, 60*tick)), c.between(tick, 15*tick)
		g.uneven = c.happens(0.5)
		w.tell("  the way from %v to %v is slow", from.id, to.id)
		return
	}
	until := w.now + engine.Instant(c.between(tick, 25*tick))
	g.heldUntil, g.release = until, until+engine.Instant(c.between(0, 20*tick))
	g.pace, g.held, g.repeated = c.between(0, 2*tick), 0, c.happens(0.3)
	w.tell("  what %v sends %v until %d ms comes from %d ms on", from.id, to.id, until/engine.Instant(millisecond), g.release/engine.Instant(millisecond))
}
