package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// membership: a node goes by the newest configuration of its log, committed or not, and each configuration follows
// from the one before it in the same log by the change that it names, of one node, so that majorities of the two have
// a node in common (dissertation §4.1). With log matching that keeps the promise that an acknowledged change stays
// until another one takes it back. A leader begins a change only after an entry of its own term was committed, and
// after the change before: judged by what is truly committed, and not by what the leader believes.
type configurationAt struct {
	position engine.Position
	engine.Configuration
}

// configured keeps the node's configurations in step with its log.
func (n *node) configured(entries []engine.Entry) error {
	first := entries[0].Index
	n.configurations = slices.DeleteFunc(slices.Clone(n.configurations), func(c configurationAt) bool { return c.position.Index >= first })
	for _, entry := range entries {
		if entry.Kind != engine.EntryConfiguration {
			continue
		}
		c, err := engine.DecodeConfiguration(entry.Data)
		if err != nil {
			return violated("membership", "%v holds a configuration at %v that does not decode: %v", n.peer.ID, entry.Position(), err)
		}
		at := configurationAt{entry.Position(), c}
		if len(n.configurations) > 0 {
			if err := n.follows(n.configurations[len(n.configurations)-1], at); err != nil {
				return err
			}
		}
		n.configurations = append(n.configurations, at)
	}
	return nil
}

// labelled makes the membership of a snapshot's label the only configuration that the node knows of.
func (n *node) labelled(s engine.SnapshotMeta) {
	n.configurations = []configurationAt{{
		position:      engine.Position{Index: s.ConfigurationIndex}, // of a term that the label does not tell
		Configuration: engine.Configuration{Membership: s.Membership},
	}}
}

// follows holds that the later configuration is the earlier one with its change made.
func (n *node) follows(earlier, later configurationAt) error {
	want := slices.Clone(earlier.Membership.Members)
	changed, found := later.Membership.Lookup(later.Target)
	at := slices.IndexFunc(want, func(m engine.Member) bool { return m.ID == later.Target })
	ok := true
	switch later.Change {
	case engine.ChangeBind:
		want = rebound(want, later.Membership.Members)
	case engine.ChangeAddVoter, engine.ChangeAddLearner:
		role := engine.Voter
		if later.Change == engine.ChangeAddLearner {
			role = engine.Learner
		}
		ok = at < 0 && found && changed.Role == role && (role == engine.Learner || changed.Incarnation != 0)
		want = append(want, changed)
	case engine.ChangePromote, engine.ChangeDemote, engine.ChangeUpdateAddress:
		ok = at >= 0 && found && n.alters(later.Change, want[max(at, 0)], changed)
		if ok {
			want[at] = changed
		}
	case engine.ChangeRemove:
		ok = at >= 0 && !found
		want = slices.DeleteFunc(want, func(m engine.Member) bool { return m.ID == later.Target })
	case engine.ChangeFounders:
		ok = false
	}
	after, err := engine.NewMembership(want...)
	if !ok || err != nil || !slices.Equal(after.Members, later.Membership.Members) || len(later.Membership.Voters()) == 0 {
		return violated("membership", "%v holds %v at %v: %v, which does not follow from %v by it",
			n.peer.ID, later.Change, later.position, later.Membership.Members, earlier.Membership.Members)
	}
	return nil
}

// alters reports whether a member was changed in what the change is about, and in nothing else.
func (n *node) alters(change engine.ChangeKind, old, changed engine.Member) bool {
	switch change {
	case engine.ChangePromote:
		if old.Role != engine.Learner || old.Incarnation == 0 {
			return false
		}
		old.Role = engine.Voter
	case engine.ChangeDemote:
		if old.Role != engine.Voter {
			return false
		}
		old.Role = engine.Learner
	default:
		old.Address = changed.Address
	}
	return old == changed
}

// rebound returns the members with the incarnations that a binding gave to those who had none.
func rebound(members, bound []engine.Member) []engine.Member {
	for i := range members {
		if members[i].Incarnation == 0 && i < len(bound) {
			members[i].Incarnation = bound[i].Incarnation
		}
	}
	return members
}

// checkMembership holds that the node goes by its newest configuration, which is all that rolling back needs.
func checkMembership(n *node) error {
	if len(n.configurations) == 0 {
		return nil
	}
	newest := n.configurations[len(n.configurations)-1]
	if !slices.Equal(newest.Membership.Members, n.status.Membership.Members) {
		return violated("membership", "%v goes by %v, and the newest configuration of its log is %v at %v",
			n.peer.ID, n.status.Membership.Members, newest.Membership.Members, newest.position)
	}
	return nil
}

// checkOneChange judges the changes that a leader begins by what is truly committed.
func (l *leaderCompleteness) checkOneChange(n *node, actions []engine.Action) error {
	accepts := func(action engine.Action) bool { _, ok := action.(*engine.ConfigChangeAccepted); return ok }
	if !slices.ContainsFunc(actions, accepts) || len(n.configurations) == 0 {
		return nil
	}
	begun := n.configurations[len(n.configurations)-1]
	if !l.hasCommitted(n.status.Term) {
		return violated("one change", "%v changes the membership at %v and nothing of term %d is committed", n.peer.ID, begun.position, n.status.Term)
	}
	for _, c := range n.configurations[:len(n.configurations)-1] {
		inFlight := c.position.Index > engine.Index(len(l.committed))
		if inFlight && c.Change != engine.ChangeBind && c.Change != engine.ChangeFounders {
			return violated("one change", "%v changes the membership at %v while the change at %v is not committed", n.peer.ID, begun.position, c.position)
		}
	}
	return nil
}

// hasCommitted reports whether an entry of the term is committed. Terms never fall along what is, and a leader that has
// been deposed may not know of later ones.
func (l *leaderCompleteness) hasCommitted(term engine.Term) bool {
	for _, c := range slices.Backward(l.committed) {
		if c.position.Term <= term {
			return c.position.Term == term
		}
	}
	return false
}

// checkRemoved holds that a node which believes itself removed is not named by some committed configuration.
func (l *leaderCompleteness) checkRemoved(n *node, before engine.Status) error {
	if !n.status.Removed || before.Removed {
		return nil
	}
	for _, c := range l.configurations {
		member, found := c.Membership.Lookup(n.peer.ID)
		if !found || member.Incarnation != 0 && member.Incarnation != n.peer.Incarnation {
			return nil
		}
	}
	return violated("removed", "%v believes itself removed, and every committed configuration names it", n.peer)
}

// checkNotice holds that a notice of removal is true: what it calls committed is, and the configuration in force there
// does not name the receiver.
func (l *leaderCompleteness) checkNotice(n *node, to engine.NodeID, message engine.Message) error {
	notice, ok := message.(*engine.Removed)
	if !ok {
		return nil
	}
	if notice.Commit.Index == 0 || notice.Commit.Index > engine.Index(len(l.committed)) || l.committed[notice.Commit.Index-1].position != notice.Commit {
		return violated("removed", "%v tells %v that it is no member as of %v, which is not committed", n.peer, to, notice.Commit)
	}
	var inForce configurationAt
	for _, c := range l.configurations {
		if c.position.Index <= notice.Commit.Index {
			inForce = c
		}
	}
	if member, found := inForce.Membership.Lookup(to); found && (member.Incarnation == 0 || member.Incarnation == notice.Incarnation) {
		return violated("removed", "%v tells %v that it is no member as of %v, and %v names it", n.peer, to, notice.Commit, inForce.position)
	}
	return nil
}
