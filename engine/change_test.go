package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// change asks n1 for a change and returns the only answer.
func (a *alone) change(change ConfigChange) Action {
	a.t.Helper()
	var answers []Action
	for _, action := range a.step(&ProposeConfigChange{Now: a.clock, ID: 7, Change: change}) {
		switch action.(type) {
		case *ConfigChangeAccepted, *ConfigChangeRejected, *Redirect:
			answers = append(answers, action)
		default:
		}
	}
	require.Len(a.t, answers, 1)
	return answers[0]
}

// ready makes n1 the leader of voters and learners with everything committed.
func ready(t *testing.T, voters, learners int) *alone {
	t.Helper()
	a := newAlone(t, aloneOptions{voters: voters, learners: learners, state: HardState{Term: 1}})
	a.lead()
	a.sync()
	for _, p := range a.followers {
		a.accept(p.ID, a.log.lastIndex())
	}
	require.Equal(t, a.log.lastIndex(), a.commit)
	return a
}

func (a *alone) meets(id NodeID) { a.step(&PeerSeen{Now: a.clock, From: peer(id)}) }

func TestWhatALeaderRefusesToChange(t *testing.T) {
	add := ConfigChange{Kind: ChangeAddVoter, Target: 9, Address: "n9:1"}
	learner := ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"}
	cases := map[string]struct {
		prepare func(a *alone)
		change  ConfigChange
		want    ChangeRefusal
	}{
		"nobody":                     {nil, ConfigChange{Kind: ChangeAddLearner, Address: "n9:1"}, RefuseInvalidTarget},
		"without an address":         {nil, ConfigChange{Kind: ChangeAddLearner, Target: 9}, RefuseInvalidTarget},
		"with an endless address":    {nil, ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: strings.Repeat("x", MaxAddressLength+1)}, RefuseInvalidTarget},
		"to no address":              {nil, ConfigChange{Kind: ChangeUpdateAddress, Target: 2}, RefuseInvalidTarget},
		"founders":                   {nil, ConfigChange{Kind: ChangeFounders, Target: 2}, RefuseInvalidTarget},
		"binding":                    {nil, ConfigChange{Kind: ChangeBind, Target: 2}, RefuseInvalidTarget},
		"of no kind":                 {nil, ConfigChange{Target: 2}, RefuseInvalidTarget},
		"promote a stranger":         {nil, ConfigChange{Kind: ChangePromote, Target: 9}, RefuseUnknownNode},
		"demote a stranger":          {nil, ConfigChange{Kind: ChangeDemote, Target: 9}, RefuseUnknownNode},
		"remove a stranger":          {nil, ConfigChange{Kind: ChangeRemove, Target: 9}, RefuseUnknownNode},
		"move a stranger":            {nil, ConfigChange{Kind: ChangeUpdateAddress, Target: 9, Address: "n9:1"}, RefuseUnknownNode},
		"add a voter":                {nil, ConfigChange{Kind: ChangeAddVoter, Target: 2, Address: "n2:1"}, RefuseAlreadyVoter},
		"add a voter as learner":     {nil, ConfigChange{Kind: ChangeAddLearner, Target: 2, Address: "n2:1"}, RefuseAlreadyVoter},
		"add a learner":              {nil, ConfigChange{Kind: ChangeAddLearner, Target: 4, Address: "n4:1"}, RefuseAlreadyLearner},
		"add a learner as voter":     {nil, ConfigChange{Kind: ChangeAddVoter, Target: 4, Address: "n4:1"}, RefuseAlreadyLearner},
		"demote a learner":           {nil, ConfigChange{Kind: ChangeDemote, Target: 4}, RefuseAlreadyLearner},
		"promote a voter":            {nil, ConfigChange{Kind: ChangePromote, Target: 2}, RefuseNotLearner},
		"promote itself":             {nil, ConfigChange{Kind: ChangePromote, Target: 1}, RefuseNotLearner},
		"a voter never met":          {nil, add, RefuseNotReached},
		"another life than was met":  {func(a *alone) { a.meets(9) }, ConfigChange{Kind: ChangeAddVoter, Target: 9, Incarnation: 1, Address: "n9:1"}, RefuseNotReached},
		"a second change":            {func(a *alone) { a.change(learner) }, ConfigChange{Kind: ChangeRemove, Target: 2}, RefuseChangeInProgress},
		"while it hands over":        {func(a *alone) { a.step(&TransferLeadership{ID: 1, Target: 2}) }, learner, RefuseBusy},
		"a learner that is silent":   {func(a *alone) { a.answerHeartbeats(11, peer(2), peer(3)) }, ConfigChange{Kind: ChangePromote, Target: 4}, RefuseTooFarBehind},
		"a learner that is probed":   {func(a *alone) { a.follower(4).rewind(2, a.sendNumber) }, ConfigChange{Kind: ChangePromote, Target: 4}, RefuseTooFarBehind},
		"a learner without its name": {func(a *alone) { a.follower(4).countsFrom = 99 }, ConfigChange{Kind: ChangePromote, Target: 4}, RefuseTooFarBehind},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := ready(t, 3, 1)
			if c.prepare != nil {
				c.prepare(a)
			}
			last, members := a.log.last(), a.Membership()
			require.Equal(t, &ConfigChangeRejected{ID: 7, Reason: c.want}, a.change(c.change))
			require.Equal(t, last, a.log.last(), "nothing is appended")
			require.Equal(t, members, a.Membership())
			require.NotEqual(t, "unknown", c.want.String())
		})
	}
	require.Equal(t, "unknown", ChangeRefusal(77).String())
}

func TestWhatALeaderChanges(t *testing.T) {
	cases := map[string]struct {
		prepare func(a *alone)
		change  ConfigChange
		want    Member // zero: gone
	}{
		"add a voter that was met":          {func(a *alone) { a.meets(9) }, ConfigChange{Kind: ChangeAddVoter, Target: 9, Address: "n9:1"}, Member{9, 109, Voter, "n9:1"}},
		"the life that was met, by name":    {func(a *alone) { a.meets(9) }, ConfigChange{Kind: ChangeAddVoter, Target: 9, Incarnation: 109, Address: "n9:1"}, Member{9, 109, Voter, "n9:1"}},
		"force a voter that was not":        {nil, ConfigChange{Kind: ChangeAddVoter, Target: 9, Incarnation: 5, Address: "n9:1", Force: true}, Member{9, 5, Voter, "n9:1"}},
		"add a learner that was met":        {func(a *alone) { a.meets(9) }, ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"}, Member{9, 109, Learner, "n9:1"}},
		"add a learner that was not":        {nil, ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"}, Member{9, 0, Learner, "n9:1"}},
		"promote":                           {nil, ConfigChange{Kind: ChangePromote, Target: 4}, Member{4, 104, Voter, "n4:1"}},
		"force a promotion":                 {func(a *alone) { a.follower(4).rewind(2, a.sendNumber) }, ConfigChange{Kind: ChangePromote, Target: 4, Force: true}, Member{4, 104, Voter, "n4:1"}},
		"demote":                            {nil, ConfigChange{Kind: ChangeDemote, Target: 3}, Member{3, 103, Learner, "n3:1"}},
		"remove a voter":                    {nil, ConfigChange{Kind: ChangeRemove, Target: 3}, Member{}},
		"remove a learner":                  {nil, ConfigChange{Kind: ChangeRemove, Target: 4}, Member{}},
		"move a voter":                      {nil, ConfigChange{Kind: ChangeUpdateAddress, Target: 3, Address: "h:2"}, Member{3, 103, Voter, "h:2"}},
		"move a learner":                    {nil, ConfigChange{Kind: ChangeUpdateAddress, Target: 4, Address: "h:2"}, Member{4, 104, Learner, "h:2"}},
		"an address is for moves and comes": {nil, ConfigChange{Kind: ChangeDemote, Target: 3, Address: "h:2", Incarnation: 8}, Member{3, 103, Learner, "n3:1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := ready(t, 3, 1)
			if c.prepare != nil {
				c.prepare(a)
			}
			before := a.Membership()
			require.Equal(t, &ConfigChangeAccepted{ID: 7, Position: Position{Term: 2, Index: 4}}, a.change(c.change))
			entry := a.log.at(a.log.base.Index + 4)
			decoded, err := DecodeConfiguration(entry.Data)
			require.NoError(t, err)
			require.Equal(t, Configuration{Change: c.change.Kind, Target: c.change.Target, Membership: a.Membership()}, decoded)
			got, found := a.Membership().Lookup(c.change.Target)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want != Member{}, found)
			for _, m := range before.Members {
				if m.ID != c.change.Target {
					same, _ := a.Membership().Lookup(m.ID)
					require.Equal(t, m, same, "nobody else changes")
				}
			}
		})
	}
}

func TestFollowersRedirectChangesAndTransfers(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}})
	a.follow(2, 2)
	require.Equal(t, &Redirect{ID: 7, Leader: 2, Address: "n2:1"}, a.change(ConfigChange{Kind: ChangeRemove, Target: 3}))
	require.Equal(t, &Redirect{ID: 8, Leader: 2, Address: "n2:1"}, a.step(&TransferLeadership{ID: 8})[0])
}

// TestVotersChangeOnlyAmongBoundVoters: a founder that nobody met counts in every quorum's size and in none. One more
// of a kind could leave a cluster that nobody can lead. It can be removed, demoted and moved, and learners may come.
func TestVotersChangeOnlyAmongBoundVoters(t *testing.T) {
	begin := func() *alone {
		a := newborn(t, 3, nil)
		a.lead() // n3 was never met
		a.sync()
		a.accept(2, 3)
		require.Equal(t, Index(3), a.commit)
		a.meets(9)
		return a
	}
	for _, c := range []ConfigChange{
		{Kind: ChangeAddVoter, Target: 9, Address: "n9:1"}, {Kind: ChangeRemove, Target: 2}, {Kind: ChangeDemote, Target: 2},
	} {
		require.Equal(t, &ConfigChangeRejected{ID: 7, Reason: RefuseNotReady}, begin().change(c), "%v", c.Kind)
	}
	for _, c := range []ConfigChange{
		{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"},
		{Kind: ChangeRemove, Target: 3},
		{Kind: ChangeDemote, Target: 3},
		{Kind: ChangeUpdateAddress, Target: 3, Address: "n3:2"},
	} {
		require.IsType(t, &ConfigChangeAccepted{}, begin().change(c), "%v", c.Kind)
	}
	a := begin()
	a.change(ConfigChange{Kind: ChangeUpdateAddress, Target: 3, Address: "n3:2"})
	a.meets(3)
	require.Equal(t, Incarnation(103), bindings(a)[3], "it may be needed for the change to commit")
}

func TestAcquaintancesAreTheNewestOnes(t *testing.T) {
	var met acquaintances
	require.Zero(t, met.incarnation(1))
	met.note(Peer{ID: 1, Incarnation: 5})
	met.note(Peer{ID: 1, Incarnation: 6})
	require.Equal(t, Incarnation(6), met.incarnation(1))
	require.Len(t, met.peers, 1)
	for id := NodeID(2); id <= maxAcquaintances+1; id++ {
		met.note(peer(id))
	}
	require.Len(t, met.peers, maxAcquaintances, "strangers cannot make a node remember without end")
	require.Zero(t, met.incarnation(1), "the oldest is forgotten")
	require.Equal(t, peer(2).Incarnation, met.incarnation(2))
}

// TestRemovedFollowerIsSentEntriesUntilItsRemovalIsCommitted and counts nowhere meanwhile.
func TestRemovedFollowerIsSentEntriesUntilItsRemovalIsCommitted(t *testing.T) {
	a := ready(t, 3, 0)
	a.change(ConfigChange{Kind: ChangeRemove, Target: 3})
	require.Len(t, one[*AppendEntries](t, a.last, 3).Entries, 1)
	require.True(t, a.Status().Followers[1].IsLeaving)
	a.sync()
	a.accept(3, 4)
	require.Equal(t, Index(3), a.commit, "it counts for nothing")
	require.Len(t, one[*AppendEntries](t, a.propose("x"), 3).Entries, 1, "and still gets what comes")
	actions := a.accept(2, 4)
	require.Equal(t, Index(4), a.commit)
	require.Equal(t, Index(4), one[*Heartbeat](t, actions, 3).Commit)
	require.Equal(t, &Removed{Term: 2, Incarnation: 103, Commit: Position{Term: 2, Index: 4}}, one[*Removed](t, actions, 3))
	require.Len(t, a.Status().Followers, 1)
	require.Empty(t, sent[*AppendEntries](a.propose("y"), 3), "nothing more")
	require.Len(t, sent[*Removed](a.accept(3, 4), 3), 1, "but a word to whoever still answers")
	require.Empty(t, sent[Message](a.step(&Incoming{From: Peer{ID: 9}, Message: &HeartbeatResponse{Term: 1}}), 0), "in the term")
}

// TestNewLeaderGoesOnWithAChangeThatItFinds: what an earlier leader removed still has to hear of it.
func TestNewLeaderGoesOnWithAChangeThatItFinds(t *testing.T) {
	entries := boundLog(t, 3, 0)
	bound, err := DecodeConfiguration(entries[1].Data)
	require.NoError(t, err)
	removal := Configuration{Change: ChangeRemove, Target: 3, Membership: bound.Membership.without(3)}
	entries = append(entries, Entry{Term: 1, Index: 3, Kind: EntryConfiguration, Data: removal.Encode()})
	a := newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: entries}})
	actions := a.lead()
	require.NotEmpty(t, sent[*AppendEntries](actions, 3))
	require.Equal(t, &ConfigChangeRejected{ID: 7, Reason: RefuseNotReady}, a.change(ConfigChange{Kind: ChangeRemove, Target: 2}))
	a.sync()
	require.Len(t, sent[*Removed](a.accept(2, 4), 3), 1)
	require.IsType(t, &ConfigChangeAccepted{}, a.change(ConfigChange{Kind: ChangeRemove, Target: 2}))
}

// TestWhoIsAddedAgainCountsFromThatEntryOn, also in the same incarnation.
func TestWhoIsAddedAgainCountsFromThatEntryOn(t *testing.T) {
	var l log
	here := Membership{Members: []Member{{ID: 3, Incarnation: 301, Role: Voter}}}
	other := Membership{Members: []Member{{ID: 3, Incarnation: 302, Role: Voter}}}
	for index, m := range []Membership{here, here, {}, here, here, other, here} {
		l.register([]configurationAt{{index: Index(index), Configuration: Configuration{Membership: m}}})
		if index == 4 {
			require.Equal(t, Index(3), l.namedSince(3, 301))
		}
	}
	require.Equal(t, Index(6), l.namedSince(3, 301))
}
