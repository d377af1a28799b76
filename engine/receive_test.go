package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesWithoutASenderOrFromItselfAreDropped(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	beat := &Heartbeat{Term: 9, Number: 1}
	require.Empty(t, a.step(&Incoming{From: Peer{}, Message: beat}))
	require.Empty(t, a.step(&Incoming{From: Peer{ID: 1, Incarnation: 101}, Message: beat}))
	require.Empty(t, a.step(&Incoming{From: peer(2)}))
	require.Equal(t, Term(3), a.Term())
}

func TestStrangersAreHeard(t *testing.T) {
	// A joiner knows no configuration, and a follower may have missed the one that added its leader.
	joiner := newAlone(t, aloneOptions{raw: &Recovered{}})
	entries := boundLog(t, 3, 0)
	actions := joiner.receive(7, &AppendEntries{Term: 4, Number: 1, Entries: entries})
	require.Equal(t, Index(2), one[*AppendEntriesResponse](t, actions, 7).Match)
	require.Equal(t, NodeID(7), joiner.Leader())
	require.Equal(t, []NodeID{1, 2, 3}, joiner.Membership().Voters())
}

func TestJoinerDoesNotCampaign(t *testing.T) {
	joiner := newAlone(t, aloneOptions{raw: &Recovered{}})
	joiner.tick(100)
	require.Equal(t, Follower, joiner.Role())
	require.Zero(t, joiner.Term())
	newborn, grown := Position{Term: 1, Index: 1}, Position{Term: 2, Index: 9}
	require.Empty(t, joiner.receive(2, &RequestPreVote{Term: 3, Last: newborn}), "it has no term to refuse with")
	require.False(t, one[*RequestVoteResponse](t, joiner.receive(2, &RequestVote{Term: 3, Last: newborn}), 2).Granted)
	require.False(t, one[*RequestPreVoteResponse](t, joiner.receive(2, &RequestPreVote{Term: 4, Last: newborn}), 2).Granted)

	// It may be a voter already and not have the entry that says so. Whether its vote counts the candidate knows.
	require.True(t, one[*RequestPreVoteResponse](t, joiner.receive(2, &RequestPreVote{Term: 4, Last: grown}), 2).Granted)
	joiner.tick(10)
	require.True(t, one[*RequestVoteResponse](t, joiner.receive(2, &RequestVote{Term: 4, Last: grown}), 2).Granted)
}

func TestContradictingACommittedEntryStopsTheNode(t *testing.T) {
	cases := map[string]*AppendEntries{
		"by an entry":       {Term: 9, Number: 1, Prev: Position{Term: 1, Index: 3}, Entries: entriesOf(4, 9)},
		"by what is before": {Term: 9, Number: 1, Prev: Position{Term: 9, Index: 4}},
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{1, 2, 2}, commit: 4})
			actions := a.receive(2, m)
			fatal := pick[*Fatal](actions)
			require.Len(t, fatal, 1)
			require.ErrorIs(t, fatal[0].Err, ErrCommittedConflict)
			var evidence *CommittedConflictError
			require.ErrorAs(t, fatal[0].Err, &evidence)
			require.Equal(t, CommittedConflictError{
				Node: 1, Leader: peer(2), Term: 9, Ours: Position{Term: 2, Index: 4}, Theirs: Position{Term: 9, Index: 4}, Commit: 4,
			}, *evidence)
			require.Contains(t, evidence.Error(), "2/4")
			require.Empty(t, pick[*Send](actions), "it is not acknowledged")
			require.Empty(t, pick[*PersistLogEntries](actions), "nor written")
			require.Equal(t, Position{Term: 2, Index: 5}, a.Status().Last)
			require.Empty(t, a.tick(30), "and that was the last word of this engine")
		})
	}
	t.Run("above commit it is an ordinary conflict", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{1, 2, 2}, commit: 3})
		require.Empty(t, pick[*Fatal](a.receive(2, cases["by an entry"])))
		require.Equal(t, Position{Term: 9, Index: 4}, a.Status().Last)
	})
}

func TestTwoLeadersInOneTermStopTheNode(t *testing.T) {
	for name, m := range map[string]Message{
		"append":    &AppendEntries{Term: 2, Number: 1, Prev: Position{Term: 1, Index: 2}},
		"heartbeat": &Heartbeat{Term: 2, Number: 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := leading(t, nil)
			fatal := pick[*Fatal](a.receive(3, m))
			require.Len(t, fatal, 1)
			require.ErrorIs(t, fatal[0].Err, ErrTwoLeaders)
			require.Contains(t, fatal[0].Err.Error(), "n1 and n3@0000000000000067 in term 2")
		})
	}
}

// TestLeaderIsNotStoppedByStrangers: only a member can have won the term, and a request to campaign claims nothing.
func TestLeaderIsNotStoppedByStrangers(t *testing.T) {
	a := leading(t, nil)
	rejection := one[*AppendEntriesResponse](t, a.receive(9, &AppendEntries{Term: 2, Number: 1, Prev: Position{Term: 1, Index: 2}}), 9)
	require.Equal(t, AppendEntriesResponse{Term: 2}, *rejection)
	require.Contains(t, a.lines[len(a.lines)-1], "it is no member, and we lead term 2")
	require.Equal(t, HeartbeatResponse{Term: 2}, *one[*HeartbeatResponse](t, a.receive(9, &Heartbeat{Term: 2, Number: 1}), 9))
	require.Empty(t, a.receive(9, &TimeoutNow{Term: 2, Number: 1}))
	require.Empty(t, a.receive(3, &TimeoutNow{Term: 2, Number: 1}))
	require.Equal(t, Leader, a.Role())
}

// TestAnswersToAnEarlierTermMoveNothing: n1 leads again and numbers from 1; what its followers say to what it sent
// before has a number of neither.
func TestAnswersToAnEarlierTermMoveNothing(t *testing.T) {
	f := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 4}})
	delayed := &AppendEntries{Term: 3, Number: 2, Prev: Position{Term: 1, Index: 2}}
	refused := one[*AppendEntriesResponse](t, f.receive(2, delayed), 2)
	require.Equal(t, AppendEntriesResponse{Term: 4}, *refused)

	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	a.lead()
	a.sync()
	a.accept(2, 3)
	a.accept(3, 3)
	a.answerHeartbeats(3, peer(2), peer(3))
	before := a.Status()
	require.Empty(t, a.receive(2, refused), "neither lost data nor a step back")
	require.Empty(t, a.receive(2, &HeartbeatResponse{Term: 4}))
	require.Equal(t, before, a.Status())
	a.tick(2)
	silence := a.follower(2).silence
	require.Positive(t, silence)
	a.receive(2, refused)
	a.receive(2, &HeartbeatResponse{Term: 4})
	require.Equal(t, silence, a.follower(2).silence, "nor do they show that it hears this leadership")
}

func TestMalformedAppendsAreDropped(t *testing.T) {
	command := func(term Term, index Index) Entry { return Entry{Term: term, Index: index, Kind: EntryCommand} }
	end := Position{Term: 1, Index: 2}
	cases := map[string]*AppendEntries{
		"no term":                 {Prev: end},
		"a gap":                   {Term: 3, Prev: end, Entries: []Entry{command(3, 4)}},
		"a hole inside":           {Term: 3, Prev: end, Entries: []Entry{command(3, 3), command(3, 5)}},
		"terms that fall":         {Term: 3, Prev: end, Entries: []Entry{command(3, 3), command(2, 4)}},
		"terms below prev":        {Term: 3, Prev: Position{Term: 3, Index: 2}, Entries: []Entry{command(2, 3)}},
		"an entry of the future":  {Term: 3, Prev: end, Entries: []Entry{command(4, 3)}},
		"prev of the future":      {Term: 3, Prev: Position{Term: 4, Index: 2}},
		"prev without a term":     {Term: 3, Prev: Position{Index: 2}},
		"a term before the first": {Term: 3, Prev: Position{Term: 1}},
		"an unknown kind":         {Term: 3, Prev: end, Entries: []Entry{{Term: 3, Index: 3, Kind: 77}}},
		"the end of the indexes":  {Term: 3, Prev: Position{Term: 1, Index: ^Index(0)}, Entries: []Entry{command(3, 0)}},
		"a broken configuration":  {Term: 3, Prev: end, Entries: []Entry{{Term: 3, Index: 3, Kind: EntryConfiguration, Data: []byte{1}}}},
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
			require.Empty(t, a.receive(2, m))
			require.Equal(t, end, a.Status().Last)
			require.Contains(t, a.lines[len(a.lines)-1], "malformed")
		})
	}
}

func TestHeartbeatsWithoutATermAreDropped(t *testing.T) {
	joiner := newAlone(t, aloneOptions{raw: &Recovered{}})
	for _, m := range []Message{&Heartbeat{}, &RequestVote{}, &RequestPreVote{}, &TimeoutNow{}} {
		require.Empty(t, joiner.receive(2, m))
		require.Zero(t, joiner.Leader())
	}
}

// TestHeartbeatCommitsOnlyWhatIsKnownToBeTheLeaders: our tail may be another leader's, until an append of this
// term or an entry of this term says otherwise.
func TestHeartbeatCommitsOnlyWhatIsKnownToBeTheLeaders(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{2, 2}})
	a.receive(2, &Heartbeat{Term: 3, Number: 1, Commit: 4})
	require.Zero(t, a.Status().Commit, "nothing showed that 2/4 is in the leader's log")
	a.receive(2, &AppendEntries{Term: 3, Number: 2, Prev: Position{Term: 2, Index: 3}})
	a.receive(2, &Heartbeat{Term: 3, Number: 3, Commit: 4})
	require.Equal(t, Index(3), a.Status().Commit, "now it is known up to 2/3")
	a.receive(3, &Heartbeat{Term: 4, Number: 1, Commit: 4})
	require.Equal(t, Index(3), a.Status().Commit, "of another leader nothing is known")

	a.receive(3, &AppendEntries{Term: 4, Number: 2, Prev: Position{Term: 2, Index: 4}})
	a.receive(2, &Heartbeat{Term: 5, Number: 1, Commit: 4})
	require.Equal(t, Index(3), a.Status().Commit, "what one leader showed does not speak for the next")

	b := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{2, 3}})
	b.receive(2, &Heartbeat{Term: 3, Number: 1, Commit: 9})
	require.Equal(t, Index(4), b.Status().Commit, "only the leader of term 3 makes entries of term 3")
}

func TestTruncationRollsTheMembershipBack(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	grown := Membership{Members: append(a.Membership().Members[:3:3], Member{ID: 4, Incarnation: 104, Role: Voter})}
	c := Configuration{Change: ChangeAddVoter, Target: 4, Membership: grown}
	entry := Entry{Term: 3, Index: 3, Kind: EntryConfiguration, Data: c.Encode()}
	a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 1, Index: 2}, Entries: []Entry{entry}})
	require.Len(t, a.Membership().Members, 4, "in force from the moment it is in the log")
	a.receive(3, &AppendEntries{Term: 4, Number: 1, Prev: Position{Term: 1, Index: 2}, Entries: entriesOf(3, 4)})
	require.Len(t, a.Membership().Members, 3)
}

func TestStalledDiskDoesNotCampaign(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 1, Index: 2}, Entries: entriesOf(3, 3)})
	a.tick(60)
	require.Equal(t, Follower, a.Role(), "its requests would never leave")
	require.Contains(t, a.lines[len(a.lines)-1], "its disk has not answered")
	a.sync()
	a.awaitCampaign()
}

func TestStalledDiskDoesNotTakeOver(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}})
	a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 1, Index: 2}, Entries: entriesOf(3, 3)})
	a.tick(DefaultConfig(1).ElectionTimeoutMinTicks + 1)
	a.receive(2, &TimeoutNow{Term: 3, Number: 2})
	require.Equal(t, Follower, a.Role())
	require.Contains(t, a.lines[len(a.lines)-1], "does not take over from n2: its disk has not answered")
	a.sync()
	a.receive(2, &TimeoutNow{Term: 3, Number: 3})
	require.Equal(t, Candidate, a.Role())
}

func TestOutcomeOfACampaign(t *testing.T) {
	cases := []struct {
		voters  int
		yes, no []NodeID
		want    outcome
	}{
		{1, []NodeID{1}, nil, won},
		{2, []NodeID{1}, nil, pending},
		{2, []NodeID{1}, []NodeID{2}, lost},
		{3, []NodeID{1, 2}, nil, won},
		{3, []NodeID{1}, []NodeID{2}, pending},
		{3, []NodeID{1}, []NodeID{2, 3}, lost},
		{4, []NodeID{1, 2}, nil, pending},
		{4, []NodeID{1, 2}, []NodeID{3, 4}, lost},
		{4, []NodeID{1, 2, 3}, []NodeID{4}, won},
		{5, []NodeID{1, 2}, []NodeID{3, 4}, pending},
		{5, []NodeID{2, 3, 4}, nil, won},
		{3, []NodeID{1, 7, 8, 9}, nil, pending}, // strangers
	}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: c.voters, state: HardState{Term: 1}})
		for _, id := range c.yes {
			a.castBallot(id, true)
		}
		for _, id := range c.no {
			a.castBallot(id, false)
		}
		require.Equal(t, c.want, a.outcome(), "%+v", c)
	}
}
