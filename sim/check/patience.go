package check

import "github.com/yggr-go/yggr/engine"

// patience: a node that heard its leader within the minimum election timeout gives nobody its vote and does not campaign,
// unless the leader asks for the election (dissertation §4.2.3, §3.10); leases rest on that. A restarted voter behaves as if
// it had just heard one. Who may campaign and hears nobody does so within the maximum (§3.4).
type patience struct {
	heard   bool
	at      engine.Instant
	silence int // ticks since the node heard its leader, campaigned, voted, or had a reason not to campaign
}

// begin is for the start of a life: only the sole voter of all configurations has promised nobody anything.
func (p *patience) begin(n *node, now engine.Instant) {
	*p = patience{at: now, heard: len(n.configurations) == 0}
	for _, c := range n.configurations {
		if voters := c.Membership.Voters(); len(voters) != 1 || voters[0] != n.peer.ID {
			p.heard = true
		}
	}
}

func (p *patience) lasts(c *conduct) bool {
	return p.heard && c.now.Since(p.at) < c.electionTimeout()
}

func checkPatience(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	c := &n.conduct
	p := &c.patience
	if err := n.impatient(before, event, actions); err != nil {
		return err
	}
	if fromLeader(event, n.status.Term) && n.status.Role == engine.Follower {
		p.heard, p.at, p.silence = true, c.now, 0
	}
	if _, ticks := event.(*engine.Tick); !ticks {
		if n.status.Term != before.Term && n.status.Vote != 0 || n.status.Vote != before.Vote || n.status.Role != before.Role {
			p.silence = 0
		}
		return nil
	}
	if p.silence++; n.status.Role != engine.Follower || before.Role != engine.Follower || !n.mustCampaign() || p.lasts(c) {
		p.silence = 0
	}
	if p.silence > c.cfg.ElectionTimeoutMaxTicks+2 {
		return violated("patience", "%v has heard no leader for %d ticks, and does not campaign", n.peer.ID, p.silence)
	}
	return nil
}

// impatient holds that nothing in a Step breaks the promise.
func (n *node) impatient(before engine.Status, event engine.Event, actions []engine.Action) error {
	p := &n.conduct.patience
	if !p.lasts(&n.conduct) && before.Role != engine.Leader {
		return nil
	}
	request, transfer := voteRequest(event)
	if request && !transfer && n.status.Term != before.Term {
		return violated("patience", "%v follows a candidate into term %d, and has just heard its leader", n.peer.ID, n.status.Term)
	}
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		if grants(send.Message) && !transfer {
			return violated("patience", "%v sends %v %T, and has just heard its leader", n.peer.ID, send.To, send.Message)
		}
		if own, ok := send.Message.(*engine.RequestVote); campaigns(send.Message) && (!ok || !own.Transfer) &&
			before.Role == engine.Follower {
			return violated("patience", "%v campaigns, and has just heard its leader", n.peer.ID)
		}
	}
	return nil
}

// mustCampaign reports whether nothing keeps the node from campaigning.
func (n *node) mustCampaign() bool {
	for i := range n.configurations {
		if m, found := n.configurations[i].Membership.Lookup(n.peer.ID); found && m.Incarnation == 0 {
			return false // nobody has bound it yet
		}
	}
	return n.mayCampaign() && !n.status.Removed && len(n.pending) == 0 && n.told == n.synced
}

// voteRequest reports whether an event is a request for a vote or a pre-vote, and whether the leader asked for it.
func voteRequest(event engine.Event) (request, transfer bool) {
	if incoming, ok := event.(*engine.Incoming); ok {
		switch m := incoming.Message.(type) {
		case *engine.RequestVote:
			return true, m.Transfer
		case *engine.RequestPreVote:
			return true, false
		default:
		}
	}
	return false, false
}

// fromLeader reports whether an event is a message of the leader of a term.
func fromLeader(event engine.Event, term engine.Term) bool {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return false
	}
	switch m := incoming.Message.(type) {
	case *engine.AppendEntries:
		return m.Term == term
	case *engine.Heartbeat:
		return m.Term == term
	case *engine.SnapshotOffer:
		return m.Term == term
	case *engine.TimeoutNow:
		return m.Term == term
	default:
	}
	return false
}
