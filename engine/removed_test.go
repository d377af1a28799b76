package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// notice is a notice of removal for n1 as of a position.
func notice(term Term, index Index) *Removed {
	return &Removed{Term: 3, Incarnation: 101, Commit: Position{Term: term, Index: index}}
}

func TestNoticesOfRemovalThatAreBelieved(t *testing.T) {
	// The log is founders 1/1, binding 1/2, commands 1/3 and 2/4; up to 1/3 it is committed.
	cases := map[string]struct {
		notice   *Removed
		believed bool
	}{
		"as of our last entry":            {notice(2, 4), true},
		"as of what we have not heard of": {notice(3, 9), true},
		"as of what we know better":       {notice(1, 3), false},
		"of another life":                 {&Removed{Term: 3, Incarnation: 999, Commit: Position{Term: 3, Index: 9}}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}, terms: []Term{1, 2}, commit: 3})
			a.awaitCampaign()
			require.Empty(t, pick[*Send](a.receive(2, c.notice)), "it is not answered")
			require.Equal(t, Term(2), a.Term())
			require.Equal(t, c.believed, a.Status().Removed)
			if c.believed {
				require.Equal(t, Follower, a.Role())
			}
			a.tick(60)
			require.Equal(t, c.believed, a.Role() == Follower)
		})
	}
}

// TestNoticeOfRemovalIsNewerThanAConfigurationOfADeadBranch: our configuration stands at a later index, but of an
// earlier term. It was never committed, and cannot have followed.
func TestNoticeOfRemovalIsNewerThanAConfigurationOfADeadBranch(t *testing.T) {
	entries := boundLog(t, 3, 0, 1, 1)
	bound, err := DecodeConfiguration(entries[1].Data)
	require.NoError(t, err)
	added, reason := bound.Membership.after(ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"}, 109)
	require.Zero(t, reason)
	c := Configuration{Change: ChangeAddLearner, Target: 9, Membership: added}
	entries = append(entries, Entry{Term: 1, Index: 5, Kind: EntryConfiguration, Data: c.Encode()})
	begin := func() *alone {
		return newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 2}, Entries: entries, Commit: 2}})
	}
	a := begin()
	a.receive(2, notice(2, 4))
	require.True(t, a.Status().Removed)
	a = begin()
	a.receive(2, notice(1, 4))
	require.False(t, a.Status().Removed, "of the same term it may have followed")
	entries[4].Term = 2
	a = begin()
	a.receive(2, notice(1, 5))
	require.True(t, a.Status().Removed, "two entries at one index")
}

func TestRemovedNodeFollowsAndIsUndoneByANewerConfiguration(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}, terms: []Term{1, 2}, commit: 3})
	a.receive(2, notice(2, 6))
	require.True(t, a.Status().Removed)
	a.receive(2, &TimeoutNow{Term: 2, Number: 1})
	require.Equal(t, Follower, a.Role(), "it does not campaign for a leader either")
	bound := a.Membership()
	entry := func(index Index, change ChangeKind, target NodeID, m Membership) Entry {
		c := Configuration{Change: change, Target: target, Membership: m}
		return Entry{Term: 3, Index: index, Kind: EntryConfiguration, Data: c.Encode()}
	}
	a.receive(3, &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 2, Index: 4}, Commit: 5, Entries: []Entry{
		entry(5, ChangeRemove, 1, bound.without(1)),
	}})
	require.Equal(t, NodeID(3), a.Leader(), "it accepts a leader")
	require.True(t, a.Status().Removed)
	a.receive(3, &AppendEntries{Term: 3, Number: 2, Prev: Position{Term: 3, Index: 5}, Commit: 5, Entries: append(
		entriesOf(6, 3), entry(7, ChangeAddVoter, 1, bound),
	)})
	require.False(t, a.Status().Removed)
	a.sync()
	a.tick(60)
	require.NotEqual(t, Follower, a.Role())
}

// TestRemovalInOnesOwnLogCountsWhenCommitted: until then the cluster may be run by the configuration before.
func TestRemovalInOnesOwnLogCountsWhenCommitted(t *testing.T) {
	entries := boundLog(t, 3, 0)
	bound, err := DecodeConfiguration(entries[1].Data)
	require.NoError(t, err)
	gone := Configuration{Change: ChangeRemove, Target: 1, Membership: bound.Membership.without(1)}
	entries = append(entries, Entry{Term: 1, Index: 3, Kind: EntryConfiguration, Data: gone.Encode()})
	for commit, removed := range map[Index]bool{2: false, 3: true} {
		a := newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: entries, Commit: commit}})
		require.Equal(t, removed, a.Status().Removed, "recovered with commit %d", commit)
		require.Equal(t, !removed, a.mayCampaign())
	}
	// An earlier removal, since undone, is no reason either.
	a := newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: entries, Commit: 2}})
	a.removedAsOf = Position{Term: 1, Index: 1}
	require.True(t, a.mayCampaign())
}

func TestWhoIsToldOfItsRemoval(t *testing.T) {
	ask := func(a *alone, from Peer) []*Removed {
		return sent[*Removed](a.step(&Incoming{Now: a.clock, From: from, Message: &RequestPreVote{Term: 3, Last: Position{Term: 1, Index: 2}}}), from.ID)
	}
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}, commit: 2})
	require.Empty(t, ask(a, peer(2)), "a member is not")
	require.Len(t, ask(a, peer(9)), 1, "a stranger is")
	require.Len(t, ask(a, Peer{ID: 2, Incarnation: 999}), 1, "and another life of a member")
	require.Len(t, sent[*Removed](a.receive(9, &RequestVote{Term: 3, Last: Position{Term: 1, Index: 2}}), 9), 1)
	a = newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}})
	require.Empty(t, ask(a, peer(9)), "nothing is known to be committed")
	a = ready(t, 3, 0)
	a.change(ConfigChange{Kind: ChangeAddLearner, Target: 9, Address: "n9:1"})
	require.Empty(t, ask(a, peer(9)), "it is being added")
	a = newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: boundLog(t, 3, 0)[:1], Commit: 1}})
	require.Empty(t, ask(a, peer(2)), "a founder that is not bound is a member in any life")
}

// A snapshot from before a node's addition does not name it either, and that is no removal.
func TestJoinerIsNotRemovedByASnapshotThatDoesNotNameIt(t *testing.T) {
	label := following(t).of(7, Position{Term: 3, Index: 20})
	label.Membership = label.Membership.without(1)
	for removed, a := range map[bool]*alone{true: following(t), false: newAlone(t, aloneOptions{raw: &Recovered{}})} {
		a.receive(2, offer(5, 77, label))
		a.step(&SnapshotReceived{Transfer: 77})
		require.Equal(t, label.Position, a.log.base)
		require.Equal(t, removed, a.Status().Removed)
	}
}

// A node that is no follower any more hears so whatever it answers.
func TestWhoIsNoFollowerIsToldAtEveryAnswer(t *testing.T) {
	a := ready(t, 3, 0)
	for _, m := range []Message{
		&AppendEntriesResponse{Term: 2, Number: 1, Accepted: true, Match: 1}, &HeartbeatResponse{Term: 2, Number: 1},
		&SnapshotOfferResponse{Term: 2, Number: 1, Transfer: 7, Verdict: SnapshotAccepted},
	} {
		require.Len(t, sent[*Removed](a.receive(9, m), 9), 1, "%T", m)
	}
}

func TestLeaderAndJoinerDoNotBelieveNotices(t *testing.T) {
	a := ready(t, 3, 0)
	a.receive(2, notice(2, 9))
	require.Equal(t, Leader, a.Role())
	require.False(t, a.Status().Removed)
	joiner := newAlone(t, aloneOptions{raw: &Recovered{}})
	joiner.receive(2, notice(2, 9))
	require.False(t, joiner.Status().Removed)
}
