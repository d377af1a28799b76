package engine

import "slices"

// A node that was removed hears from no leader any more and would campaign for ever. Stickiness and pre-vote keep it
// from disturbing the others (dissertation §4.2.3), but nothing in the paper tells it that it is removed. Here it gets
// the entry while its removal is not committed, and a notice from whomever it asks for a vote afterwards.
//
// Deviation: the notice names how far the sender knows the log to be committed, and not only where the configuration
// stands that the sender goes by. It says more: no configuration up to there names the receiver, so it is also
// believed by a node whose own configuration was never committed and stands at a later index.

// tellIfOutside tells the sender of a message that it is no member, if we know that to be committed. Whether this node
// leads does not matter: of the nodes that a removed one knows none may lead any more.
func (e *Engine) tellIfOutside(peer Peer) {
	if !e.outside(peer) {
		return
	}
	if e.tracing {
		e.tracef("%v tells %v that it is no member as of %v", e.cfg.ID, peer, e.log.position(e.commit))
	}
	e.sendNow(peer.ID, &Removed{Term: e.state.Term, Incarnation: peer.Incarnation, Commit: e.log.position(e.commit)})
}

// outside reports whether neither the newest committed configuration nor one behind it names the peer.
func (e *Engine) outside(peer Peer) bool {
	for i := len(e.log.configurations) - 1; i >= 0; i-- {
		c := &e.log.configurations[i]
		if c.Membership.names(peer) {
			return false
		}
		if c.index <= e.commit {
			return true
		}
	}
	return false
}

// recvRemoved believes that this node is no member, unless its own configuration may be news to the sender. From
// then on it is passive: it accepts any leader and does not campaign, until a newer configuration names it. A leader is
// deposed by the answers of its followers and not by this.
func (e *Engine) recvRemoved(from Peer, m *Removed) {
	known := max(e.commit, e.removedAsOf.Index)
	if m.Incarnation != e.cfg.Incarnation || m.Commit.Index <= known || e.role == Leader || len(e.log.configurations) == 0 {
		return
	}
	e.removedAsOf = m.Commit
	if !e.removed() {
		if e.tracing {
			e.tracef("%v does not count itself out as of %v, as %v does: it was added after that", e.cfg.ID, m.Commit, from.ID)
		}
		return
	}
	if e.tracing {
		e.tracef("%v hears from %v that it is no member as of %v", e.cfg.ID, from.ID, m.Commit)
	}
	if e.role != Follower {
		e.becomeFollower(0)
	}
}

// removed reports whether this node knows that it is no member any more.
func (e *Engine) removed() bool {
	return e.removedAsOf.Index != 0 && !e.namedAfter(e.removedAsOf)
}

func (e *Engine) self() Peer { return Peer{ID: e.cfg.ID, Incarnation: e.cfg.Incarnation} }

// namedAfter reports whether a configuration names this node that may be in force and can have followed a committed
// position: it stands behind it and, unless it is committed itself, is not of an earlier term. One of an earlier term at a
// later index is on a branch that died. (Of a configuration that only a snapshot's label tells the term is not known; it
// is committed.) While the newest configuration is not committed, the one before it may be the one in force.
func (e *Engine) namedAfter(committed Position) bool {
	for _, c := range slices.Backward(e.log.configurations) {
		term, _ := e.log.term(c.index)
		follows := c.index > committed.Index && (c.index <= e.commit || term >= committed.Term)
		if follows && c.Membership.names(e.self()) {
			return true
		}
		if c.index <= e.commit {
			break
		}
	}
	return false
}

// labelInstalled takes in that the log was replaced by a snapshot. A node that its old log named, and whose removal is
// somewhere in the snapshot, is told by the label.
func (e *Engine) labelInstalled(named bool) {
	if !named || e.Membership().names(e.self()) {
		return
	}
	e.removedAsOf = e.snapshot.Position
	if e.tracing {
		e.tracef("%v is removed as of %v, by snapshot %v", e.cfg.ID, e.removedAsOf, e.snapshot)
	}
}

// named reports whether any configuration of the log names this node.
func (e *Engine) named() bool {
	return slices.ContainsFunc(e.log.configurations, func(c configurationAt) bool { return c.Membership.names(e.self()) })
}

// configurationsCommitted takes in that the configurations above an index, up to commit, are committed. A node whose
// own removal is among them is told by it.
func (e *Engine) configurationsCommitted(above Index) {
	for i := 1; i < len(e.log.configurations); i++ {
		c := &e.log.configurations[i]
		if c.index <= above || c.index > e.commit || c.Change != ChangeRemove || c.Target != e.cfg.ID {
			continue
		}
		if e.log.configurations[i-1].Membership.names(e.self()) {
			e.removedAsOf = e.log.position(c.index)
			if e.tracing && e.removed() {
				e.tracef("%v is removed as of %v", e.cfg.ID, e.removedAsOf)
			}
		}
	}
}
