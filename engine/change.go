package engine

import "slices"

// ConfigChange is one change of the membership: one node at a time, so that any majority before the change and any
// majority after it have a node in common (dissertation §4.1).
type ConfigChange struct {
	Kind   ChangeKind // ChangeAddVoter to ChangeUpdateAddress
	Target NodeID
	// Incarnation is which life of the target is added; zero: the one that the leader has met. Only for additions.
	Incarnation Incarnation
	// Address is where the target can be dialled, host:port, 1 to [MaxAddressLength] bytes. For additions and
	// ChangeUpdateAddress.
	Address string
	// Force adds a voter that the leader has not reached, if Incarnation says which life of it is meant, and
	// promotes a learner that is far behind. Other changes need no force, and none of them can be forced.
	Force bool
}

// ProposeConfigChange asks the leader to change the membership. It is answered by [ConfigChangeAccepted],
// [ConfigChangeRejected] or [Redirect] in the same Step.
type ProposeConfigChange struct {
	Now    Instant
	ID     ProposalID
	Change ConfigChange
}

// ConfigChangeAccepted says that the change was appended at Position and is in force on this node from now on.
// Whether it commits is told by [Apply], as for proposals: it has certainly not happened once an entry of another
// term has been applied at its index.
type ConfigChangeAccepted struct {
	ID       ProposalID
	Position Position
}

// ConfigChangeRejected answers a change that the leader refused. Nothing was appended.
type ConfigChangeRejected struct {
	ID     ProposalID
	Reason ChangeRefusal
}

func (e *ProposeConfigChange) now() Instant { return e.Now }
func (*ProposeConfigChange) event()         {}
func (*ConfigChangeAccepted) action()       {}
func (*ConfigChangeRejected) action()       {}

// ChangeRefusal says why a leader refused to change the membership.
type ChangeRefusal uint8

const (
	// RefuseNotReady: the leader has not committed an entry of its term yet, or a voter of the membership is not
	// bound to an incarnation yet and the change is one of voters. Wait, or remove the voter that never came.
	RefuseNotReady ChangeRefusal = 1
	// RefuseChangeInProgress: the change before is not committed yet. Wait.
	RefuseChangeInProgress ChangeRefusal = 2
	// RefuseBusy: leadership is being transferred. Wait.
	RefuseBusy ChangeRefusal = 3
	// RefuseUnknownNode: the target is no member.
	RefuseUnknownNode ChangeRefusal = 4
	// RefuseAlreadyVoter: the target of an addition is a voter.
	RefuseAlreadyVoter ChangeRefusal = 5
	// RefuseAlreadyLearner: the target of an addition or a demotion is a learner.
	RefuseAlreadyLearner ChangeRefusal = 6
	// RefuseNotLearner: the target of a promotion is a voter.
	RefuseNotLearner ChangeRefusal = 7
	// RefuseInvalidTarget: no cluster may look like this: without a voter, with a member that has no id or no
	// address that can be used, or with more than [MaxMembers] members. Also a change of unknown kind.
	RefuseInvalidTarget ChangeRefusal = 8
	// RefuseNotReached: the leader does not know the target's incarnation, or knows it from hearsay only. Start the
	// target and let the two meet, or add it as a learner first.
	RefuseNotReached ChangeRefusal = 9
	// RefuseTooFarBehind: a learner lacks more than a few appends' worth of the log. Wait, or force.
	RefuseTooFarBehind ChangeRefusal = 10
)

var refusalNames = [...]string{
	RefuseNotReady: "not ready", RefuseChangeInProgress: "change in progress", RefuseBusy: "busy",
	RefuseUnknownNode: "unknown node", RefuseAlreadyVoter: "already a voter", RefuseAlreadyLearner: "already a learner",
	RefuseNotLearner: "not a learner", RefuseInvalidTarget: "invalid target membership", RefuseNotReached: "not reached",
	RefuseTooFarBehind: "too far behind",
}

// String names the reason.
func (r ChangeRefusal) String() string {
	if int(r) < len(refusalNames) && refusalNames[r] != "" {
		return refusalNames[r]
	}
	return "unknown"
}

// proposeChange appends a configuration entry if this node leads and the change is allowed. The change is in force
// as soon as it is in the log, on the leader as on everybody else (dissertation §4.1).
func (e *Engine) proposeChange(id ProposalID, change ConfigChange) {
	if e.role != Leader {
		e.redirect(id)
		return
	}
	next, reason := e.changed(change)
	if reason != 0 {
		if e.tracing {
			e.tracef("%v refuses to %v %v: %v", e.cfg.ID, change.Kind, change.Target, reason)
		}
		e.out.add(&ConfigChangeRejected{ID: id, Reason: reason})
		return
	}
	at := Position{Term: e.state.Term, Index: e.log.lastIndex() + 1}
	e.out.add(&ConfigChangeAccepted{ID: id, Position: at})
	if e.tracing {
		e.tracef("%v changes the membership: %v %v, now %v", e.cfg.ID, change.Kind, change.Target, next)
	}
	e.appendConfiguration(Configuration{Change: change.Kind, Target: change.Target, Membership: next})
	e.replicate()
}

// appendConfiguration appends a configuration entry, which is in force from now on.
func (e *Engine) appendConfiguration(c Configuration) {
	at := configurationAt{index: e.log.lastIndex() + 1, Configuration: c}
	e.appendOwn(Entry{Kind: EntryConfiguration, Data: c.Encode()}, at)
	e.trackFollowers()
}

// changed returns the membership after a change, or why there is to be none.
func (e *Engine) changed(change ConfigChange) (Membership, ChangeRefusal) {
	if reason := e.whyNotChange(); reason != 0 {
		return Membership{}, reason
	}
	incarnation := change.Incarnation
	if incarnation == 0 {
		incarnation = e.met.incarnation(change.Target)
	}
	before := e.Membership()
	after, reason := before.after(change, incarnation)
	switch {
	case reason != 0:
		return Membership{}, reason
	case change.Kind == ChangeAddVoter || change.Kind == ChangePromote:
		reason = e.whyNotVoter(change, incarnation)
	}
	if reason == 0 && !slices.Equal(before.Voters(), after.Voters()) && after.hasUnboundVoter() {
		reason = RefuseNotReady
	}
	return after, reason
}

// whyNotChange says why this leader changes nothing at all now; zero when it may.
//
// Before an entry of its own term is committed, a leader cannot know whether a change of an earlier term is
// committed, and two leaders that each change the same configuration could end up with majorities that do not meet.
// The dissertation's text allows it; the error and this cure were published later (raft-dev, July 2015).
func (e *Engine) whyNotChange() ChangeRefusal {
	switch term, _ := e.log.term(e.commit); {
	case e.transfer.target != 0:
		return RefuseBusy
	case term != e.state.Term:
		return RefuseNotReady
	case e.changeInFlight(ChangeKind.changesMembers):
		return RefuseChangeInProgress
	}
	return 0
}

// whyNotVoter says why the target may not become a voter now: from then on the others may need it.
//
// Deviation: force does not replace an incarnation that nobody knows. A voter that is not bound yet counts in the
// size of every quorum and in none, and two leaders could bind two lives of it, which is a replacement and not a
// change of one node: of five voters {n1 n2 n3 n4 n5@?}, {n2 n3 n5@2} and {n1 n4 n5@1} are majorities without a node
// in common.
func (e *Engine) whyNotVoter(change ConfigChange, incarnation Incarnation) ChangeRefusal {
	if change.Kind == ChangePromote {
		m, _ := e.Membership().Lookup(change.Target)
		switch p := e.follower(change.Target); {
		case m.Incarnation == 0:
			return RefuseNotReached
		case !change.Force && !e.keepsUp(p):
			return RefuseTooFarBehind
		}
		return 0
	}
	reached := e.met.incarnation(change.Target) == incarnation
	if incarnation == 0 || !reached && !change.Force {
		return RefuseNotReached
	}
	return 0
}

// promotionLag is how many appends' worth of log a learner may lack when it is promoted. It has to be small against
// what the cluster can do without the new voter, and large against what is always on its way under load.
const promotionLag = 4

// keepsUp reports whether a learner holds the entry that names its incarnation, answered lately, and lacks little.
func (e *Engine) keepsUp(p *progress) bool {
	return p != nil && p.state == replicating && p.silence <= e.cfg.ElectionTimeoutMinTicks && p.match >= p.countsFrom &&
		e.log.lastIndex()-p.match <= Index(promotionLag*e.cfg.MaxAppendEntries)
}

// after returns the membership that a change leads to; an addition adds the given incarnation.
func (m Membership) after(change ConfigChange, incarnation Incarnation) (Membership, ChangeRefusal) {
	old, found := m.Lookup(change.Target)
	next := old
	switch change.Kind {
	case ChangeAddVoter, ChangeAddLearner:
		if found {
			return Membership{}, alreadyMember(old.Role)
		}
		next = Member{ID: change.Target, Incarnation: incarnation, Role: Voter, Address: change.Address}
		if change.Kind == ChangeAddLearner {
			next.Role = Learner
		}
		return m.with(next, change.Address != "")
	case ChangePromote:
		if found && old.Role == Voter {
			return Membership{}, RefuseNotLearner
		}
		next.Role = Voter
	case ChangeDemote:
		if found && old.Role == Learner {
			return Membership{}, RefuseAlreadyLearner
		}
		next.Role = Learner
	case ChangeUpdateAddress:
		next.Address = change.Address
	case ChangeRemove:
		next = Member{}
	case ChangeFounders, ChangeBind:
		return Membership{}, RefuseInvalidTarget
	default:
		return Membership{}, RefuseInvalidTarget
	}
	if !found {
		return Membership{}, RefuseUnknownNode
	}
	return m.without(old.ID).with(next, next.Address != "" || change.Kind != ChangeUpdateAddress)
}

func alreadyMember(role MemberRole) ChangeRefusal {
	if role == Voter {
		return RefuseAlreadyVoter
	}
	return RefuseAlreadyLearner
}

// with returns the membership with one more member, if that is one that a cluster can have. The zero member is
// nobody.
func (m Membership) with(member Member, reachable bool) (Membership, ChangeRefusal) {
	members := slices.Clone(m.Members)
	if member != (Member{}) {
		members = append(members, member)
	}
	next, err := NewMembership(members...)
	if err != nil || !reachable || len(next.Members) > MaxMembers || len(next.Voters()) == 0 {
		return Membership{}, RefuseInvalidTarget
	}
	return next, 0
}

// without returns the membership without one member.
func (m Membership) without(id NodeID) Membership {
	return Membership{Members: slices.DeleteFunc(slices.Clone(m.Members), func(member Member) bool { return member.ID == id })}
}

func (m Membership) hasUnboundVoter() bool {
	return slices.ContainsFunc(m.Members, func(member Member) bool { return member.Role == Voter && member.Incarnation == 0 })
}

// names reports whether the peer is a member in this incarnation, or one that is not bound yet.
func (m Membership) names(peer Peer) bool {
	member, found := m.Lookup(peer.ID)
	return found && (member.Incarnation == peer.Incarnation || member.Incarnation == 0)
}

// changesVoters reports whether a change of this kind may change who counts.
func (k ChangeKind) changesVoters() bool {
	switch k {
	case ChangeAddVoter, ChangePromote, ChangeDemote, ChangeRemove:
		return true
	case ChangeFounders, ChangeBind, ChangeAddLearner, ChangeUpdateAddress:
	}
	return false
}

// changesMembers reports whether it is a change that somebody asked for.
func (k ChangeKind) changesMembers() bool { return k != ChangeFounders && k != ChangeBind }

// changeInFlight reports whether a configuration with a change of such a kind is in the log and not known to be
// committed.
func (e *Engine) changeInFlight(such func(ChangeKind) bool) bool {
	for i := len(e.log.configurations) - 1; i >= 0 && e.log.configurations[i].index > e.commit; i-- {
		if such(e.log.configurations[i].Change) {
			return true
		}
	}
	return false
}
