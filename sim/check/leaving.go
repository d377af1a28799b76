package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkLeaving: a leader that is no voter of a committed configuration steps down in the Step that learns of it, and tells
// the others how far the log is committed before it goes (dissertation §4.2.2). Who believes itself removed does not
// campaign. It believes a notice that is meant for this life of it and tells of more than it knows, unless a configuration
// that may follow the notice names it; and one that is committed puts an end to the belief.
func checkLeaving(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	last := len(n.configurations) - 1
	if last < 0 {
		return nil
	}
	newest := n.configurations[last]
	committed := newest.position.Index <= n.status.Commit
	if committed && n.status.Role == engine.Leader && !n.votesIn(newest.Membership) {
		return violated("leaving", "%v leads term %d, and the committed configuration at %v makes it no voter", n.peer.ID, n.status.Term, newest.position)
	}
	if committed && before.Role == engine.Leader && n.status.Role != engine.Leader && before.Term == n.status.Term &&
		newest.position.Index > before.Commit && !n.votesIn(newest.Membership) {
		if err := n.tellsCommit(newest.Membership, actions); err != nil {
			return err
		}
	}
	if n.status.Removed && slices.ContainsFunc(actions, func(a engine.Action) bool {
		send, ok := a.(*engine.Send)
		return ok && campaigns(send.Message)
	}) {
		return violated("leaving", "%v campaigns, and believes itself removed", n.peer.ID)
	}
	if err := n.learnsFromLabel(actions); err != nil {
		return err
	}
	n.conduct.named, n.conduct.joiner = names(newest.Membership, n.peer), false
	return n.believes(before, event)
}

// learnsFromLabel holds that who was named by its newest configuration takes a label that does not name it for its removal,
// and that who had no configuration waits for its addition.
func (n *node) learnsFromLabel(actions []engine.Action) error {
	for _, action := range actions {
		installed, ok := action.(*engine.PersistSnapshot)
		if !ok || installed.Keep || names(installed.Snapshot.Membership, n.peer) {
			continue
		}
		if n.conduct.named && !n.status.Removed || n.conduct.joiner && n.status.Removed {
			return violated("leaving", "%v installs %v, which does not name it, and believes itself removed: %t",
				n.peer, installed.Snapshot, n.status.Removed)
		}
	}
	return nil
}

// tellsCommit holds that every other member hears in this Step how far the log is committed.
func (n *node) tellsCommit(members engine.Membership, actions []engine.Action) error {
	for _, m := range members.Members {
		if m.ID != n.peer.ID && m.Incarnation != 0 && !slices.ContainsFunc(actions, func(a engine.Action) bool {
			send, ok := a.(*engine.Send)
			if !ok || send.To != m.ID {
				return false
			}
			_, ok = send.Message.(*engine.Heartbeat)
			return ok
		}) {
			return violated("leaving", "%v leaves and does not tell %v what is committed", n.peer.ID, m.ID)
		}
	}
	return nil
}

// believes judges what a node makes of a notice of its removal, and what it makes of it later.
func (n *node) believes(before engine.Status, event engine.Event) error {
	newest := n.configurations[len(n.configurations)-1]
	if incoming, ok := event.(*engine.Incoming); ok {
		if m, ok := incoming.Message.(*engine.Removed); ok {
			believable := m.Incarnation == n.peer.Incarnation && m.Commit.Index > before.Commit && before.Role != engine.Leader
			expected := before.Removed || believable && !n.namedAfter(m.Commit)
			if n.status.Removed && !expected {
				return violated("leaving", "%v believes itself removed by a notice for %x as of %v", n.peer, uint64(m.Incarnation), m.Commit)
			}
			if believable && m.Commit.Index > n.conduct.noticed.Index {
				n.conduct.noticed = m.Commit
				if !n.namedAfter(m.Commit) && !n.status.Removed {
					return violated("leaving", "%v does not believe itself removed as of %v, and no configuration of it follows that", n.peer, m.Commit)
				}
			}
		}
	}
	if at := newest.position.Index; n.status.Removed && before.Removed && at <= n.status.Commit && at > n.conduct.noticed.Index && names(newest.Membership, n.peer) {
		return violated("leaving", "%v believes itself removed, and the committed configuration at %v names it", n.peer, newest.position)
	}
	return nil
}

// namedAfter reports whether a configuration names the node that may follow a committed position and be in force.
func (n *node) namedAfter(committed engine.Position) bool {
	for _, c := range slices.Backward(n.configurations) {
		known := c.position.Index <= n.status.Commit
		if c.position.Index > committed.Index && (known || c.position.Term >= committed.Term) && names(c.Membership, n.peer) {
			return true
		}
		if known {
			break
		}
	}
	return false
}

func names(m engine.Membership, p engine.Peer) bool {
	member, found := m.Lookup(p.ID)
	return found && (member.Incarnation == 0 || member.Incarnation == p.Incarnation)
}
