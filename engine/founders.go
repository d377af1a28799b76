package engine

import "slices"

// A founder starts unbound: the founders' entry has the same bytes on each of them and so cannot name the
// incarnations, which are drawn later. Leaders write them down as they meet the founders, in configuration
// entries that change nothing else.
//
// Deviation: the first entry of the first leader is such a binding, of itself and of those that elected it, and
// from then on nobody counts a founder that is not bound. The other order, an unbound no-op first, leaves logs
// whose holders can neither be told from members that lost their disk nor elect anyone if the leader dies
// right there. Bindings do not wait for each other, nor for the term's first commit: every quorum stays the
// same, and a founder that nobody may count yet could be the one that the commit waits for.

// meet notes which incarnation of a node is alive. A leader binds it if the node is a member that is not bound.
func (e *Engine) meet(from Peer) {
	if from.ID == e.cfg.ID || from.ID == 0 || from.Incarnation == 0 {
		return
	}
	e.met.note(from)
	e.bindMet(from.ID)
}

// meetMember is meet for the sender of any message: handshakes tell of others soon enough, and messages have no time to
// lose.
func (e *Engine) meetMember(from Peer) {
	if !e.log.unbound {
		return
	}
	if m, found := e.Membership().Lookup(from.ID); found && m.Incarnation == 0 {
		e.meet(from)
	}
}

func (e *Engine) bindMet(id NodeID) {
	m, found := e.Membership().Lookup(id)
	if found && m.Incarnation == 0 && e.role == Leader && e.bindFounders() {
		e.replicate()
	}
}

// bindFounders appends one entry that binds every unbound member met so far, the leader included, and reports whether
// there was any to bind. It waits while a change of who votes is not committed, because that change decides alone which
// configuration may follow it (dissertation §4.1), and while leadership is handed over.
func (e *Engine) bindFounders() bool {
	if !e.log.unbound || !e.hasUnboundMet() || e.transfer.target != 0 || e.changeInFlight(ChangeKind.changesVoters) {
		return false
	}
	bound := Membership{Members: slices.Clone(e.log.members())}
	for i := range bound.Members {
		if m := &bound.Members[i]; m.Incarnation == 0 {
			m.Incarnation = e.metIncarnation(m.ID)
		}
	}
	e.appendConfiguration(Configuration{Change: ChangeBind, Membership: bound})
	return true
}

func (e *Engine) hasUnboundMet() bool {
	return slices.ContainsFunc(e.log.members(), func(m Member) bool {
		return m.Incarnation == 0 && e.metIncarnation(m.ID) != 0
	})
}

// metIncarnation returns the incarnation that a member was last met in; zero when it was not.
func (e *Engine) metIncarnation(id NodeID) Incarnation {
	if id == e.cfg.ID {
		return e.cfg.Incarnation
	}
	return e.met.incarnation(id)
}

// acquaintances remembers which incarnation of a node was met last, of the most recent ones.
type acquaintances struct {
	peers []Peer // the node met last is the last
}

// maxAcquaintances bounds what strangers can make a node remember. It leaves room for every member.
const maxAcquaintances = 2 * MaxMembers

func (a *acquaintances) note(peer Peer) {
	a.peers = slices.DeleteFunc(a.peers, func(p Peer) bool { return p.ID == peer.ID })
	if len(a.peers) == maxAcquaintances {
		a.peers = slices.Delete(a.peers, 0, 1)
	}
	a.peers = append(a.peers, peer)
}

// incarnation returns the incarnation that a node was last met in; zero when it was not.
func (a *acquaintances) incarnation(id NodeID) Incarnation {
	for _, p := range a.peers {
		if p.ID == id {
			return p.Incarnation
		}
	}
	return 0
}
