package check

import "github.com/yggr-go/yggr/engine"

// handover is a transfer of leadership that a node was asked for and has not answered (dissertation §3.10).
type handover struct {
	id     engine.ProposalID // zero: none
	target engine.NodeID     // zero: whoever is best
	ticks  int               // since it was asked
	silent int               // ticks since the target was told, once it was
	told   bool
}

// checkHandover: while leadership is handed over the leader takes no proposals and no changes; it asks a target that holds
// its whole log and has lost none of it, and asks again at the pace of heartbeats; and the answer comes within an election
// timeout, or another one if the leader stepped down, and at once when somebody else leads.
func checkHandover(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	h := &n.conduct.handover
	asked, asking := event.(*engine.TransferLeadership)
	begins := asking && h.id == 0 && before.Role == engine.Leader
	if begins {
		*h = handover{id: asked.ID, target: asked.Target}
	}
	_, ticks := event.(*engine.Tick)
	if ticks {
		h.ticks++
		h.silent++
	}
	for _, action := range actions {
		if err := n.handsOver(action, begins); err != nil {
			return err
		}
	}
	limit := 2*n.conduct.cfg.ElectionTimeoutMinTicks + 1
	switch {
	case h.id == 0:
	case h.ticks > limit:
		return violated("handover", "%v has not answered a request to hand leadership over for %d ticks", n.peer.ID, h.ticks)
	case h.target != 0 && n.status.Leader != 0 && n.status.Leader != n.peer.ID && n.status.Leader != h.target:
		return violated("handover", "%v follows %v and does not say that leadership did not go to %v", n.peer.ID, n.status.Leader, h.target)
	case h.told && n.status.Role == engine.Leader && h.silent > n.conduct.cfg.HeartbeatIntervalTicks:
		return violated("handover", "%v has not told its successor again for %d ticks", n.peer.ID, h.silent)
	}
	return nil
}

func (n *node) handsOver(action engine.Action, begins bool) error {
	h := &n.conduct.handover
	switch a := action.(type) {
	case *engine.TransferDone:
		h.end(a.ID)
	case *engine.TransferFailed:
		h.end(a.ID)
	case *engine.ConfigChangeAccepted:
		if h.id != 0 {
			return violated("handover", "%v changes the membership at %v while it hands leadership over", n.peer.ID, a.Position)
		}
	case *engine.ProposalAccepted:
		if h.id != 0 && !begins {
			return violated("handover", "%v takes a proposal while it hands leadership over", n.peer.ID)
		}
	case *engine.Send:
		if _, ok := a.Message.(*engine.TimeoutNow); ok && h.id != 0 {
			h.silent, h.told = 0, true
			return n.asksSuccessor(a.To)
		}
	default:
	}
	return nil
}

// asksSuccessor holds that who is asked to take over can.
func (n *node) asksSuccessor(to engine.NodeID) error {
	member, _ := n.status.Membership.Lookup(to)
	of := n.conduct.numbers.of(engine.Peer{ID: to, Incarnation: member.Incarnation})
	if n.status.Role != engine.Leader {
		return nil // it leaves anyway
	}
	if of.lostData || of.match < n.status.Last.Index {
		return violated("handover", "%v asks %v to take over, which has acknowledged %d of %v (lost data: %t)",
			n.peer.ID, to, of.match, n.status.Last, of.lostData)
	}
	return nil
}

func (h *handover) end(id engine.ProposalID) {
	if h.id == id {
		*h = handover{}
	}
}
