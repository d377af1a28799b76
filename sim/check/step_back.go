package check

import "github.com/yggr-go/yggr/engine"

// stepBack is what a leader knows of where a follower's log parts from its own.
type stepBack struct {
	newest engine.SendNumber // the newest message to it
	until  engine.SendNumber // rejections of messages up to this one are no news any more
}

// rejects: a rejection of what was sent before the last step back says nothing new and moves nothing. Any other takes the
// leader to before the conflicting term, or to the last entry that it has of it: so the logs meet in rounds of terms and not
// of entries (dissertation §3.5).
func (p *follower) rejects(n *node, before engine.Status, m *engine.AppendEntriesResponse, actions []engine.Action) error {
	if n.conduct.numbers.of(p.peer).lostData {
		return nil
	}
	appends := appendsTo(p.peer.ID, actions)
	appended := n.status.Last != before.Last // what is sent may be for that
	if m.Number <= p.until {
		if len(appends) > 0 && !appended {
			return violated("step back", "%v sends %v what follows %v for a rejection of #%d, which says nothing since it stepped back at #%d",
				n.peer.ID, p.peer, appends[0].Prev, m.Number, p.until)
		}
		return nil
	}
	p.until, p.met = p.newest, len(appends) == 0 // then it needs a snapshot
	for _, next := range appends {
		prev, conflict := next.Prev, m.Conflict
		skips := prev.Index < conflict.Index || conflict.Term != 0 && prev.Term == conflict.Term
		if prev.Index > max(p.match, n.status.Base.Index) && !appended && (!skips || conflict.Term != 0 && prev.Term > conflict.Term) {
			return violated("step back", "%v tries %v at %v, which has a conflict at %v", n.peer.ID, p.peer, prev, conflict)
		}
	}
	return nil
}
