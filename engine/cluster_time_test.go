package engine_test

import "github.com/yggr-go/yggr/engine"

// nodeClock is how time passes at one node of a chaos. Its clock drifts as much as leases allow, its ticks come by that
// clock, and while it is paused nothing reaches it: afterwards its clock has jumped and the ticks that it missed are one.
type nodeClock struct {
	phase  engine.Instant // of its ticks
	beat   engine.Instant // ticks so far
	paused int            // rounds
}

// maxDrift is what a clock may gain or lose, in millionths.
const maxDrift = 50_000

func (c *chaos) drawClocks(ids []engine.NodeID) {
	for _, id := range ids {
		c.clocks[id] = &nodeClock{phase: engine.Instant(c.random.Int64N(int64(tick)))}
		c.cluster.DriftClock(id, []int64{-maxDrift, 0, maxDrift}[c.random.IntN(3)])
	}
}

// beats reports whether a tick is due.
func (n *nodeClock) beats(now engine.Instant) bool {
	beat := (now + n.phase) / engine.Instant(tick)
	due := beat > n.beat
	n.beat = beat
	return due
}

// pauses reports whether a node is stopped in this round.
func (c *chaos) pauses(id engine.NodeID) bool {
	clock := c.clocks[id]
	if clock.paused > 0 {
		clock.paused--
		return clock.paused > 0
	}
	if c.cluster.Running(id) && c.happens(c.faults.pause) {
		c.tally.pauses++
		clock.paused = 1 + c.random.IntN(40)
	}
	return clock.paused > 0
}

// readSome asks some nodes for reads, leaders above all. A node that was paused may meet a client before anything else.
func (c *chaos) readSome() {
	for _, id := range c.cluster.IDs() {
		probability := c.faults.read
		if c.cluster.Status(id).Role != engine.Leader {
			probability /= 20
		}
		if c.clocks[id].paused == 0 && c.cluster.Running(id) && c.happens(probability) {
			if c.cluster.Read(id) != nil {
				return // the cluster remembers why
			}
			c.tally.reads++
		}
	}
}
