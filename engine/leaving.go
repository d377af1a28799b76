package engine

import "slices"

// leaving returns the members that a configuration which is not committed has removed. It also tells which one that
// is: e.inFlight is the newest of the changes in flight, of which a leader makes one at a time (dissertation §4.1).
func (e *Engine) leaving() []Member {
	e.inFlight = 0
	var left []Member
	newest := e.Membership()
	for _, c := range slices.Backward(e.log.configurations) {
		for _, m := range c.Membership.Members {
			_, stays := newest.Lookup(m.ID)
			if !stays && m.ID != e.cfg.ID && !slices.ContainsFunc(left, func(l Member) bool { return l.ID == m.ID }) {
				left = append(left, m)
			}
		}
		if c.index <= e.commit {
			break
		}
		if c.Change.changesMembers() {
			e.inFlight = max(e.inFlight, c.index)
		}
	}
	return left
}

// changeCommitted ends what lasted until the change in flight was committed.
func (e *Engine) changeCommitted() {
	e.inFlight = 0
	e.dismissLeaving()
	if !e.counts {
		e.stepAside()
	}
}

// dismissLeaving lets those go that were removed, and tells them.
func (e *Engine) dismissLeaving() {
	for _, p := range e.followers {
		if !p.leaving {
			continue
		}
		p.left = true
		e.endTransfer(p)
		if p.Incarnation != 0 {
			e.heartbeat(p)
			e.tellIfOutside(Peer{ID: p.ID, Incarnation: p.Incarnation})
		}
	}
	e.followers = slices.DeleteFunc(e.followers, func(p *progress) bool { return p.left })
}

// stepAside ends the leadership of a node that is no voter of the committed configuration. Until then it managed a
// cluster that it did not count in; stepping down earlier could leave the new configuration without anybody who knows
// it (dissertation §4.2.2). The others hear what is committed, and the voter that holds most of our log is asked to go on.
//
// Deviation: nobody waits until that one holds everything (§3.10). Behind the change there may be entries that nobody
// has acknowledged, and under load there always are: without the request everybody would wait for an election timeout.
// A target that lacks what others hold loses the election, which is no worse.
func (e *Engine) stepAside() {
	if e.tracing {
		e.tracef("%v steps down at term %d: it is no voter of the committed configuration %v", e.cfg.ID, e.state.Term, e.Membership())
	}
	e.heartbeatRound()
	if p := e.successor(0); p != nil {
		e.sendTimeoutNow(p)
	}
	e.becomeFollower(0)
}
