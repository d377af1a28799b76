package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// newborn returns n1 of a cluster of founders that nobody has bound.
func newborn(t *testing.T, voters int, change func(*Config)) *alone {
	t.Helper()
	return newAlone(t, aloneOptions{change: change, raw: &Recovered{
		HardState: HardState{Term: 1}, Entries: boundLog(t, voters, 0)[:1],
	}})
}

func bindings(a *alone) map[NodeID]Incarnation {
	found := map[NodeID]Incarnation{}
	for _, m := range a.Membership().Members {
		found[m.ID] = m.Incarnation
	}
	return found
}

func TestFirstLeaderBindsItselfAndWhoeverItMet(t *testing.T) {
	a := newborn(t, 3, nil)
	actions := a.lead() // elected by n2
	entries := a.log.slice(2, 3)
	require.Equal(t, EntryConfiguration, entries[0].Kind, "the binding comes first: no log holds more than 1/1 and names nobody")
	require.Equal(t, EntryNoOp, entries[1].Kind)
	require.Equal(t, map[NodeID]Incarnation{1: 101, 2: 102, 3: 0}, bindings(a))
	require.Len(t, one[*AppendEntries](t, actions, 3).Entries, 2, "an unbound founder is sent entries as well")
	newest := a.log.configuration()
	require.Equal(t, ChangeBind, newest.Change)
	for i, m := range newest.Membership.Members {
		require.Equal(t, Voter, m.Role)
		require.Equal(t, NodeID(i+1).String()+":1", m.Address, "it changes nothing else")
	}
}

func TestLeaderBindsFoundersAsItMeetsThem(t *testing.T) {
	t.Run("by a handshake", func(t *testing.T) {
		a := newborn(t, 3, nil)
		a.lead()
		a.accept(2, 3)
		actions := a.step(&PeerSeen{From: peer(3)})
		require.Equal(t, Incarnation(103), bindings(a)[3])
		require.Equal(t, Index(4), one[*AppendEntries](t, actions, 2).Entries[0].Index, "and tells it at once")
		require.Len(t, pick[*PersistLogEntries](actions), 1)
		require.Empty(t, a.step(&PeerSeen{From: peer(3)}), "once")
		require.Empty(t, a.step(&PeerSeen{From: Peer{ID: 3, Incarnation: 999}}), "and for ever")
	})
	t.Run("by a message", func(t *testing.T) {
		a := newborn(t, 3, nil)
		a.lead()
		a.accept(3, 3)
		require.Equal(t, Incarnation(103), bindings(a)[3])
		require.Equal(t, Index(3), a.Status().Followers[1].Match, "which is taken in at once")
	})
	t.Run("before it leads", func(t *testing.T) {
		a := newborn(t, 3, nil)
		a.step(&PeerSeen{From: peer(3)})
		a.lead()
		require.Equal(t, map[NodeID]Incarnation{1: 101, 2: 102, 3: 103}, bindings(a), "all in one entry")
		require.Equal(t, Index(3), a.log.lastIndex())
	})
	t.Run("not as a follower", func(t *testing.T) {
		a := newborn(t, 3, nil)
		require.Empty(t, a.step(&PeerSeen{From: peer(3)}))
	})
	t.Run("not strangers", func(t *testing.T) {
		a := newborn(t, 3, nil)
		a.lead()
		require.Empty(t, a.step(&PeerSeen{From: peer(9)}))
		require.Empty(t, a.step(&PeerSeen{From: Peer{ID: 3}}), "nor one without an incarnation")
	})
}

// TestBindingWaitsForAChangeOfVoters: only the change under way decides which configuration may follow it.
func TestBindingWaitsForAChangeOfVoters(t *testing.T) {
	a := newborn(t, 3, nil)
	a.lead()
	a.sync()
	a.accept(2, 3)
	require.IsType(t, &ConfigChangeAccepted{}, a.change(ConfigChange{Kind: ChangeDemote, Target: 3}))
	a.step(&PeerSeen{From: peer(3)})
	require.Zero(t, bindings(a)[3])
	a.accept(2, 4)
	actions := a.sync()
	require.Equal(t, Incarnation(103), bindings(a)[3], "it follows the commit")
	require.Equal(t, Index(5), sent[*AppendEntries](actions, 2)[0].Entries[0].Index, "and leaves at once")
}

// TestFounderCountsFromItsBindingOn: an acknowledgement of a founder counts when it holds the entry that binds
// it. Before that, it could come back with an empty disk and nobody could tell.
func TestFounderCountsFromItsBindingOn(t *testing.T) {
	a := newborn(t, 3, nil)
	a.lead() // 2/2 binds n1 and n2, 2/3 no-op
	a.sync()
	a.accept(3, 3) // 2/4 binds n3
	a.sync()
	require.Zero(t, a.Status().Commit, "n3 holds 3 and not yet 4")
	a.accept(3, 4)
	require.Equal(t, Index(4), a.Status().Commit)
}

// TestUnboundVotesCountOnlyAtTheVeryBeginning: later, a founder that nobody bound may be a member that lost its
// disk, and with it what it acknowledged.
func TestUnboundVotesCountOnlyAtTheVeryBeginning(t *testing.T) {
	a := newborn(t, 3, nil)
	require.True(t, a.votesFor(peer(3)))
	require.True(t, a.votesFor(Peer{ID: 3, Incarnation: 999}))
	a.lead()
	require.False(t, a.votesFor(peer(3)), "n3 is not bound")
	require.True(t, a.votesFor(peer(2)))
	require.False(t, a.votesFor(Peer{ID: 2, Incarnation: 999}), "another incarnation")
	require.False(t, a.votesFor(peer(9)), "no member")
}

func TestWhoMayCampaignAndVote(t *testing.T) {
	config := func(self Incarnation, role MemberRole) []Member {
		return []Member{{ID: 1, Incarnation: self, Role: role}, {ID: 2, Incarnation: 102, Role: Voter}}
	}
	entry := func(index Index, members []Member) Entry {
		c := Configuration{Change: ChangeBind, Membership: Membership{Members: members}}
		return Entry{Term: 1, Index: index, Kind: EntryConfiguration, Data: c.Encode()}
	}
	gone := []Member{{ID: 2, Incarnation: 102, Role: Voter}}
	cases := []struct {
		name            string
		entries         []Entry
		commit          Index
		campaign, grant bool
	}{
		{"a joiner knows nothing", nil, 0, false, true},
		{"voter", []Entry{entry(1, config(101, Voter))}, 0, true, true},
		{"learner", []Entry{entry(1, config(101, Learner))}, 0, false, true},
		{"founder at 1/1", []Entry{entry(1, config(0, Voter))}, 0, true, true},
		{"founder with more that was never bound", []Entry{entry(1, config(0, Voter)), entry(2, config(0, Voter))}, 0, false, true},
		{"another incarnation", []Entry{entry(1, config(999, Voter))}, 0, false, true},
		{"removed, not committed", []Entry{entry(1, config(101, Voter)), entry(2, gone)}, 1, true, true},
		{"removed, committed", []Entry{entry(1, config(101, Voter)), entry(2, gone)}, 2, false, true},
		{"demoted, not committed", []Entry{entry(1, config(101, Voter)), entry(2, config(101, Learner))}, 1, true, true},
		{"demoted, committed", []Entry{entry(1, config(101, Voter)), entry(2, config(101, Learner))}, 2, false, true},
		{"wiped, its binding to another not committed", []Entry{entry(1, config(0, Voter)), entry(2, config(999, Voter))}, 1, false, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: c.entries, Commit: c.commit}})
			require.Equal(t, c.campaign, a.mayCampaign())
			require.Equal(t, c.grant, a.mayGrant(Position{Term: 1, Index: 2}))
			a.tick(60)
			require.Equal(t, c.campaign, a.Role() != Follower)
			if !c.campaign && len(c.entries) > 0 {
				require.Contains(t, a.lines[len(a.lines)-1], "does not campaign")
			}
		})
	}
}

// TestLeaderThatDiesRightAfterItsElection: its first entries reached one other node or none. Whoever is left must
// be able to elect somebody once it is back.
func TestLeaderThatDiesRightAfterItsElection(t *testing.T) {
	for _, reached := range []NodeID{0, 2, 3} {
		c := newTrio(t, 3)
		c.loses = func(_, to NodeID, m Message) bool {
			_, isAppend := m.(*AppendEntries)
			return isAppend && to != reached
		}
		var leader *trioNode
		for range 60 {
			c.tick()
			for _, n := range c.nodes {
				if leader == nil && n.engine.Role() == Leader {
					leader = n
				}
			}
			if leader != nil {
				break
			}
		}
		require.NotNil(t, leader)
		c.loses, c.queue = nil, nil
		leader.down = true
		for range 100 {
			c.tick()
		}
		leader.down = false
		c.start(leader, nil)
		c.elect()
	}
}
