package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// routeGrace is how many of the longest election timeouts a removed member can be reached for after its removal is
// committed. It has to be told that it was removed, and may campaign a few times before it is; but one that is shut down
// must not be dialled for ever. When it comes back later its own handshake is the route to it.
const routeGrace = 4

// departures are the nodes that have left the membership and still have a route.
type departures map[engine.NodeID]departure

// departure is how far the farewell to one node is.
type departure struct {
	last  engine.Index   // of the log when the node was missed: once it is committed, so is the removal
	until engine.Instant // when the route goes; zero while the removal is not committed
}

// note takes in that the membership has changed. Who is named again stays, as after a change that was rolled back.
func (d departures) note(was, is []engine.Member, last engine.Index) {
	for _, m := range was {
		if !names(is, m.ID) {
			d[m.ID] = departure{last: last}
		}
	}
	for _, m := range is {
		delete(d, m.ID)
	}
}

func names(members []engine.Member, id engine.NodeID) bool {
	return slices.ContainsFunc(members, func(m engine.Member) bool { return m.ID == id })
}

// due returns, ascending, whose routes go now, and forgets them.
func (d departures) due(now engine.Instant, commit engine.Index, grace engine.Duration) []engine.NodeID {
	var gone []engine.NodeID
	for id, left := range d {
		switch {
		case left.until == 0 && commit >= left.last:
			left.until = now + engine.Instant(grace)
			d[id] = left
		case left.until != 0 && now >= left.until:
			gone = append(gone, id)
			delete(d, id)
		}
	}
	slices.Sort(gone)
	return gone
}

// dropRoutes forgets how to reach those who left long ago.
func (d *driver) dropRoutes(ctx actor.Context) {
	if len(d.departed) == 0 || d.transporter == nil {
		return
	}
	for _, id := range d.departed.due(d.core.clock.Now(), d.engine.Commit(), routeGrace*d.electionTimeoutMax()) {
		ctx.Send(d.transporter, &dropRoute{id: id})
	}
}

// electionTimeoutMax is the longest election timeout that this node may draw.
func (d *driver) electionTimeoutMax() engine.Duration {
	return engine.Duration(d.core.cfg.ElectionTimeoutMaxTicks) * engine.Duration(d.core.cfg.TickInterval)
}
