package check

import (
	"math"

	"github.com/yggr-go/yggr/engine"
)

// Draws is a source of chance that is watched. An engine that is configured with one is judged by when it draws its election
// timeouts. It belongs to one life of one node and is not safe for concurrent use.
type Draws struct {
	Source engine.Random

	count uint64
}

// Uint64 draws from the source.
func (d *Draws) Uint64() uint64 {
	d.count++
	return d.Source.Uint64()
}

// timeouts is what is known of a node's election timer.
type timeouts struct {
	drawn   uint64 // before the present Step
	ticks   int    // since the timer was restarted
	byTick  bool   // it was restarted because it had run out
	running bool
}

func (t *timeouts) begin(cfg *engine.Config) {
	if source, watched := cfg.Random.(*Draws); watched {
		t.drawn = source.count
	}
}

// spread is what all nodes of a cluster have shown of how they draw.
type spread struct {
	shown    bool    // one timeout was longer than the shortest
	evidence float64 // bits: how unlikely it is that none was
}

// doubt is how unlikely something must be, in bits, to be called impossible: once in a million millions.
const doubt = 40

// checkTimeouts: election timeouts are drawn afresh, by whoever hears the leader of its term and by nobody who hears the
// leader of an earlier one, and they are not all the shortest, so that split votes resolve themselves (dissertation §3.4).
func (s *spread) checkTimeouts(n *node, before engine.Status, event engine.Event) error {
	if n.conduct.cfg == nil {
		return nil
	}
	source, watched := n.conduct.cfg.Random.(*Draws)
	if !watched {
		return nil
	}
	t := &n.conduct.timeouts
	draws := source.count != t.drawn
	t.drawn = source.count
	if n.status.Role == engine.Leader {
		t.running = false
		return nil
	}
	switch {
	case fromLeader(event, n.status.Term) && n.status.Role == engine.Follower && !draws:
		return violated("timeouts", "%v hears its leader and does not draw a timeout", n.peer.ID)
	case fromEarlierLeader(event, before.Term) && draws:
		return violated("timeouts", "%v is in term %d, hears the leader of an earlier one, and draws a timeout", n.peer.ID, before.Term)
	}
	_, ticks := event.(*engine.Tick)
	if ticks {
		t.ticks++
	}
	if ticks && draws && t.running && t.byTick {
		s.add(t.ticks, n.conduct.cfg)
	}
	if s.evidence > doubt && !s.shown {
		return violated("timeouts", "every timeout of this cluster was the shortest")
	}
	if draws {
		t.ticks, t.byTick, t.running = 0, ticks && before.Role != engine.Leader, true
	}
	return nil
}

// add takes in after how many ticks a timer ran out that was restarted because it had run out before: then nothing but the
// timeout delays it.
func (s *spread) add(ticks int, cfg *engine.Config) {
	s.shown = s.shown || ticks > cfg.ElectionTimeoutMinTicks
	s.evidence += math.Log2(float64(cfg.ElectionTimeoutMaxTicks - cfg.ElectionTimeoutMinTicks))
}

// fromEarlierLeader reports whether an event is a message of the leader of a term before this one.
func fromEarlierLeader(event engine.Event, term engine.Term) bool {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return false
	}
	switch m := incoming.Message.(type) {
	case *engine.AppendEntries:
		return m.Term < term
	case *engine.Heartbeat:
		return m.Term < term
	case *engine.SnapshotOffer:
		return m.Term < term
	case *engine.TimeoutNow:
		return m.Term < term
	default:
	}
	return false
}
