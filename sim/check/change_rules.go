package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// promotionLag is how many appends' worth of the log a learner may lack that is promoted without force.
const promotionLag = 4

// checkChanges: a leader begins a change only if the target can bear it. A voter is added in an incarnation that the leader
// has met, or in one that the operator names and insists on; a learner is promoted when it is close; the voters do not
// change while one of them is bound to no incarnation, nor are members bound while a change of the voters is in flight; and
// a new member has the address that was asked for (dissertation §4.2.1).
func checkChanges(n *node, event engine.Event, actions []engine.Action) error {
	n.meets(event)
	asked, ok := event.(*engine.ProposeConfigChange)
	accepts := func(action engine.Action) bool { _, ok := action.(*engine.ConfigChangeAccepted); return ok }
	if !ok || !slices.ContainsFunc(actions, accepts) {
		return nil
	}
	change := asked.Change
	after := n.status.Membership
	member, _ := after.Lookup(change.Target)
	switch change.Kind {
	case engine.ChangeAddVoter, engine.ChangeAddLearner:
		if member.Address != change.Address {
			return violated("changes", "%v adds %v at %q and was asked for %q", n.peer.ID, change.Target, member.Address, change.Address)
		}
		if change.Kind == engine.ChangeAddVoter && !change.Force && n.conduct.met[change.Target] != member.Incarnation {
			return violated("changes", "%v adds voter %v, which it has not met", n.peer.ID, change.Target)
		}
	case engine.ChangePromote:
		match := n.conduct.numbers.of(engine.Peer{ID: member.ID, Incarnation: member.Incarnation}).match
		if last := n.status.Last.Index; !change.Force && match+engine.Index(promotionLag*n.conduct.cfg.MaxAppendEntries)+1 < last {
			return violated("changes", "%v promotes %v, which has acknowledged %d of %d", n.peer.ID, change.Target, match, last)
		}
	default:
	}
	if unbound := slices.ContainsFunc(after.Members, func(m engine.Member) bool {
		return m.Role == engine.Voter && m.Incarnation == 0
	}); unbound && change.Kind != engine.ChangeUpdateAddress && change.Kind != engine.ChangeAddLearner && changesVoters(n) {
		return violated("changes", "%v changes the voters, and not all are bound: %v", n.peer.ID, after)
	}
	return nil
}

// changesVoters reports whether the voters of the newest configuration are not those of the one before.
func changesVoters(n *node) bool {
	last := len(n.configurations) - 1
	return last > 0 && !slices.Equal(n.configurations[last].Membership.Voters(), n.configurations[last-1].Membership.Voters())
}

// checkBinding looks at the configurations that a leader appends in this Step.
func checkBinding(n *node, actions []engine.Action) error {
	last := len(n.configurations) - 1
	if last < 1 || n.status.Role != engine.Leader || n.configurations[last].Change != engine.ChangeBind {
		return nil
	}
	for _, action := range actions {
		written, ok := action.(*engine.PersistLogEntries)
		if !ok || !slices.ContainsFunc(written.Entries, func(e engine.Entry) bool { return e.Position() == n.configurations[last].position }) {
			continue
		}
		if earlier := n.configurations[last-1]; earlier.position.Index > n.status.Commit {
			switch earlier.Change {
			case engine.ChangeAddVoter, engine.ChangePromote, engine.ChangeDemote, engine.ChangeRemove:
				return violated("changes", "%v binds members while the change at %v is in flight", n.peer.ID, earlier.position)
			default:
			}
		}
	}
	return nil
}

// meets takes note of which life of a peer the node met last. Handshakes tell; what an earlier life said may come later.
func (n *node) meets(event engine.Event) {
	met := n.conduct.met
	switch e := event.(type) {
	case *engine.PeerSeen:
		met[e.From.ID] = e.From.Incarnation
	case *engine.Incoming:
		if met[e.From.ID] == 0 {
			met[e.From.ID] = e.From.Incarnation
		}
	default:
	}
}
