package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// transfers of snapshots, at both ends. A leader sends a member one snapshot at a time, as its answer asks for it; it offers
// nothing meanwhile, rests for an election timeout between offers, and tells its host to stop as soon as it leads no longer
// or the member is none. A follower takes the newest offer, and what its host says of any other transfer is too late.
type transfers struct {
	ticks   int
	out     map[engine.NodeID]*outgoing
	in      engine.TransferID // that the host receives; zero: none
	inTerm  engine.Term
	inAfter engine.SendNumber // of the offer that was taken
	bad     map[engine.TransferID]bool
	awaits  engine.Index // the snapshot that the host was last told to receive
}

// outgoing is what a leader does for one member.
type outgoing struct {
	sending   engine.TransferID // zero: nothing
	reaches   engine.Index      // the snapshot that is sent
	match     engine.Index      // acknowledged in this leadership
	broughtUp bool              // by a snapshot, in this leadership: what it needs next is kept for it
	offered   engine.TransferID // that has not ended as far as anybody can see; zero: none
	upTo      engine.Index      // the snapshot that was offered
	since     engine.SendNumber // of the first offer since the last answer
	answered  bool
	restUntil int // ticks
}

func (t *transfers) of(id engine.NodeID) *outgoing {
	if t.out == nil {
		t.out = map[engine.NodeID]*outgoing{}
	}
	if t.out[id] == nil {
		t.out[id] = &outgoing{answered: true}
	}
	return t.out[id]
}

func checkTransfers(n *node, before engine.Status, memory image, event engine.Event, actions []engine.Action) error {
	t := &n.conduct.transfers
	if err := n.received(event, actions); err != nil {
		return err
	}
	if before.Role != engine.Leader || before.Term != n.status.Term {
		for _, o := range t.out {
			*o = outgoing{sending: o.sending, answered: true}
		}
	}
	if _, ticks := event.(*engine.Tick); ticks {
		t.ticks++
		if err := n.givesUpTheDead(actions); err != nil {
			return err
		}
	}
	caughtUp := n.caughtUp(event)
	if result, ok := event.(*engine.SnapshotSendResult); ok {
		n.sent(result)
	}
	for _, action := range actions {
		if err := n.sends(event, action); err != nil {
			return err
		}
		if change, ok := action.(*engine.PersistSnapshot); ok {
			if err := n.lets(before, &memory.log, change); err != nil {
				return err
			}
		}
	}
	if o := t.out[caughtUp]; o != nil {
		if o.offered = 0; o.sending != 0 && n.status.Role == engine.Leader {
			return violated("transfers", "%v goes on sending %v a snapshot, which entries have caught up", n.peer.ID, caughtUp)
		}
	}
	for id, o := range t.out {
		if o.sending != 0 && n.status.Base.Index > o.reaches {
			return violated("transfers", "%v sends %v a snapshot up to %d, and its log begins after %v", n.peer.ID, id, o.reaches, n.status.Base)
		}
		if _, found := n.status.Membership.Lookup(id); !found && !n.leaving(id) {
			if o.sending != 0 {
				return violated("transfers", "%v goes on sending %v a snapshot, which is no member", n.peer.ID, id)
			}
			delete(t.out, id)
		} else if o.sending != 0 && n.status.Role != engine.Leader {
			return violated("transfers", "%v is a %v and goes on sending %v a snapshot", n.peer.ID, n.status.Role, id)
		}
	}
	return nil
}

// caughtUp returns the member whose answer shows that entries reach where the log begins; zero: none.
func (n *node) caughtUp(event engine.Event) engine.NodeID {
	incoming, ok := event.(*engine.Incoming)
	if !ok || !n.conduct.numbers.leads(n) {
		return 0
	}
	if member, found := n.status.Membership.Lookup(incoming.From.ID); !found || member.Incarnation != incoming.From.Incarnation {
		return 0
	}
	switch m := incoming.Message.(type) {
	case *engine.AppendEntriesResponse:
		if m.Accepted && m.Number != 0 && m.Term == n.status.Term && m.Match <= n.status.Last.Index {
			o := n.conduct.transfers.of(incoming.From.ID)
			o.match = max(o.match, m.Match)
			if m.Match >= n.status.Base.Index {
				return incoming.From.ID
			}
		}
	case *engine.SnapshotOfferResponse:
		o := n.conduct.transfers.out[incoming.From.ID]
		if o != nil && m.Verdict == engine.SnapshotHeld && m.Number != 0 && m.Term == n.status.Term && m.Match <= n.status.Last.Index {
			o.match, o.broughtUp = max(o.match, m.Match), true
			if m.Match >= n.status.Base.Index { // else it was about an earlier one
				o.offered = 0
			}
		}
	default:
	}
	return 0
}

// leaving reports whether a configuration that is not known to be replaced names a node.
func (n *node) leaving(id engine.NodeID) bool {
	for _, c := range slices.Backward(n.configurations) {
		if _, found := c.Membership.Lookup(id); found {
			return true
		}
		if c.position.Index <= n.status.Commit {
			break
		}
	}
	return false
}

// sent takes in how the sending of a snapshot ended.
func (n *node) sent(result *engine.SnapshotSendResult) {
	t := &n.conduct.transfers
	for _, o := range t.out {
		if o.sending == result.Transfer {
			o.sending, o.answered, o.restUntil = 0, true, t.ticks+n.conduct.cfg.ElectionTimeoutMinTicks
			if result.Unreadable && result.Err != nil {
				if t.bad == nil {
					t.bad = map[engine.TransferID]bool{}
				}
				t.bad[result.Transfer] = true
				o.offered = 0
			}
		}
	}
}

func (n *node) sends(event engine.Event, action engine.Action) error {
	t := &n.conduct.transfers
	switch a := action.(type) {
	case *engine.AbortSnapshot:
		for id, o := range t.out {
			if o.sending == a.Transfer {
				if n.endsByAnEarlierOne(id, event) {
					return violated("transfers", "%v stops sending %v a snapshot, which speaks of an earlier one", n.peer.ID, id)
				}
				o.sending, o.offered, o.answered = 0, 0, true
			}
		}
	case *engine.SendSnapshot:
		o := t.of(a.To)
		incoming, _ := event.(*engine.Incoming)
		if incoming == nil || o.sending != 0 {
			return violated("transfers", "%v sends %v a snapshot while it sends it one", n.peer.ID, a.To)
		}
		m, ok := incoming.Message.(*engine.SnapshotOfferResponse)
		if !ok || m.Transfer != a.Transfer || m.Offset != a.Offset || m.Number < o.since {
			return violated("transfers", "%v sends %v snapshot transfer %x, which it did not ask for", n.peer.ID, a.To, a.Transfer)
		}
		o.sending, o.reaches = a.Transfer, a.Snapshot.Position.Index
	case *engine.Send:
		if m, ok := a.Message.(*engine.SnapshotOffer); ok {
			return n.offers(a.To, m)
		}
	default:
	}
	return nil
}

// endsByAnEarlierOne reports whether an event is no more than that a member holds what the log behind is gone of.
func (n *node) endsByAnEarlierOne(id engine.NodeID, event engine.Event) bool {
	incoming, ok := event.(*engine.Incoming)
	if !ok || incoming.From.ID != id || n.status.Role != engine.Leader {
		return false
	}
	m, ok := incoming.Message.(*engine.SnapshotOfferResponse)
	_, found := n.status.Membership.Lookup(id)
	return ok && found && m.Term == n.status.Term && m.Verdict == engine.SnapshotHeld && m.Match < n.status.Base.Index
}

func (n *node) offers(to engine.NodeID, m *engine.SnapshotOffer) error {
	t := &n.conduct.transfers
	o := t.of(to)
	switch {
	case o.sending != 0:
		return violated("transfers", "%v offers %v a snapshot while it sends it one", n.peer.ID, to)
	case t.ticks < o.restUntil-1:
		return violated("transfers", "%v offers %v a snapshot again within %d ticks", n.peer.ID, to, n.conduct.cfg.ElectionTimeoutMinTicks)
	case o.offered != 0 && o.offered != m.Transfer && n.conduct.numbers.ticks-n.heardFrom(to) <= 10*n.conduct.cfg.ElectionTimeoutMaxTicks:
		return violated("transfers", "%v offers %v another snapshot before the one that it offered is here", n.peer.ID, to)
	case t.bad[m.Transfer]:
		return violated("transfers", "%v offers %v a snapshot that its host could not read", n.peer.ID, to)
	case o.match != 0 && o.match >= n.status.Base.Index:
		return violated("transfers", "%v offers %v a snapshot, which holds %d and so all that the log after %v follows", n.peer.ID, to, o.match, n.status.Base)
	}
	if o.answered {
		o.since, o.answered = m.Number, false
	}
	o.restUntil, o.offered, o.upTo = t.ticks+n.conduct.cfg.ElectionTimeoutMinTicks, m.Transfer, m.Snapshot.Position.Index
	return nil
}

// heardFrom returns the leader's tick at which a member has answered last.
func (n *node) heardFrom(id engine.NodeID) int {
	member, _ := n.status.Membership.Lookup(id)
	return n.conduct.numbers.of(engine.Peer{ID: id, Incarnation: member.Incarnation}).answeredAt
}

// received judges the receiving end.
func (n *node) received(event engine.Event, actions []engine.Action) error {
	t := &n.conduct.transfers
	done, _ := event.(*engine.SnapshotReceived)
	late := done != nil && done.Transfer != t.in
	kept := false
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.AbortSnapshot:
			if a.Transfer == t.in {
				t.in = 0
			}
		case *engine.ReceiveSnapshot:
			if err := n.takesOffer(event, a); err != nil {
				return err
			}
		case *engine.PersistSnapshot, *engine.DiscardSnapshot:
			kept = true
		case *engine.Send:
			if m, ok := a.Message.(*engine.SnapshotOfferResponse); ok {
				expected, ready := event.(*engine.SnapshotExpected)
				if late || ready && (expected.Transfer != t.in || m.Transfer != t.in) {
					return violated("transfers", "%v answers for a transfer that is over", n.peer.ID)
				}
			}
		default:
		}
	}
	if done == nil || late {
		return nil
	}
	t.in = 0
	if done.Err == nil && !kept {
		return violated("transfers", "%v received a snapshot, and neither installs nor discards it", n.peer.ID)
	}
	return nil
}

// takesOffer holds that offers are taken in the order in which they were made, one at a time.
func (n *node) takesOffer(event engine.Event, a *engine.ReceiveSnapshot) error {
	t := &n.conduct.transfers
	if t.in != 0 && t.in != a.Transfer {
		return violated("transfers", "%v takes a second snapshot and has not given up the first", n.peer.ID)
	}
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil
	}
	offer, ok := incoming.Message.(*engine.SnapshotOffer)
	if !ok {
		return nil
	}
	if t.in != 0 && t.inTerm == offer.Term && offer.Number < t.inAfter {
		return violated("transfers", "%v takes offer #%d after #%d", n.peer.ID, offer.Number, t.inAfter)
	}
	t.in, t.inTerm, t.inAfter = a.Transfer, offer.Term, offer.Number
	return nil
}
