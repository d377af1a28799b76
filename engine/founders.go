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

// meet notes the incarnation of a founder that is not bound. A leader binds it.
func (e *Engine) meet(from Peer) {
	if !e.log.unbound {
		return
	}
	m, found := e.Membership().Lookup(from.ID)
	if !found || m.Incarnation != 0 || from.Incarnation == 0 || from.ID == e.cfg.ID {
		return
	}
	e.met[from.ID] = from.Incarnation
	if e.role == Leader && e.bindFounders() {
		e.replicate()
	}
}

// bindFounders appends one entry that binds every founder met so far, the leader included, and reports whether
// there was any to bind. It waits while a change of who votes is not committed, because that change decides alone which
// configuration may follow it (dissertation §4.1).
func (e *Engine) bindFounders() bool {
	if !e.log.unbound || !e.hasUnboundMet() || e.changeInFlight() {
		return false
	}
	newest := e.log.configuration()
	bound := Membership{Members: slices.Clone(newest.Membership.Members)}
	for i := range bound.Members {
		if m := &bound.Members[i]; m.Incarnation == 0 {
			m.Incarnation = e.metIncarnation(m.ID)
		}
	}
	clear(e.met)
	c := Configuration{Change: ChangeBind, Membership: bound}
	at := configurationAt{index: e.log.lastIndex() + 1, Configuration: c}
	e.appendOwn(Entry{Kind: EntryConfiguration, Data: c.Encode()}, at)
	e.trackFollowers()
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
	return e.met[id]
}

// changeInFlight reports whether a configuration that changes who votes is in the log and not known to be
// committed.
func (e *Engine) changeInFlight() bool {
	for i := len(e.log.configurations) - 1; i >= 0 && e.log.configurations[i].index > e.commit; i-- {
		if c := e.log.configurations[i].Change; c != ChangeFounders && c != ChangeBind {
			return true
		}
	}
	return false
}
