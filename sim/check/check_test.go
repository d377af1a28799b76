package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// Each test tells a checker one story that a correct cluster cannot tell, and the nearest one that it can.

func command(term engine.Term, index engine.Index, data string) engine.Entry {
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: []byte(data)}
}

func peer(id engine.NodeID) engine.Peer {
	return engine.Peer{ID: id, Incarnation: engine.Incarnation(id)}
}

func voters(ids ...engine.NodeID) engine.Membership {
	var m engine.Membership
	for _, id := range ids {
		m.Members = append(m.Members, engine.Member{ID: id, Role: engine.Voter})
	}
	return m
}

// story drives one node at a time and remembers its status.
type story struct {
	*check.Cluster
	t      *testing.T
	status map[engine.NodeID]engine.Status
	seq    map[engine.NodeID]engine.Seq
}

// begin starts three nodes whose logs hold 1/1 "a".
func begin(t *testing.T) *story {
	s := &story{Cluster: check.New(), t: t, status: map[engine.NodeID]engine.Status{}, seq: map[engine.NodeID]engine.Seq{}}
	for id := engine.NodeID(1); id <= 3; id++ {
		s.start(id, command(1, 1, "a"))
	}
	return s
}

func (s *story) start(id engine.NodeID, entries ...engine.Entry) {
	require.NoError(s.t, s.Started(peer(id), engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: entries}))
	s.seq[id] = 0
	s.status[id] = engine.Status{
		ID: id, Term: 1, Last: entries[len(entries)-1].Position(), Durable: entries[len(entries)-1].Index, Membership: voters(1, 2, 3),
	}
}

// step reports a Step that changes the status in some way and asks for actions.
func (s *story) step(id engine.NodeID, change func(*engine.Status), actions ...engine.Action) error {
	status := s.status[id]
	if change != nil {
		change(&status)
	}
	s.status[id] = status
	return s.Stepped(id, &engine.Tick{}, actions, status)
}

func (s *story) hardState(id engine.NodeID, term engine.Term, vote engine.NodeID) engine.Action {
	s.seq[id]++
	return &engine.PersistHardState{Seq: s.seq[id], State: promise(term, vote)}
}

// promise is the hard state of a node that votes for the first life of another, or not yet.
func promise(term engine.Term, vote engine.NodeID) engine.HardState {
	return engine.HardState{Term: term, Vote: vote, VoteIncarnation: peer(vote).Incarnation}
}

// votes reports the Step in which a node grants a candidate its vote of the term it is in.
func (s *story) votes(id engine.NodeID, candidate engine.Peer) error {
	status := s.status[id]
	asked := &engine.Incoming{From: candidate, Message: &engine.RequestVote{Term: status.Term}}
	granted := &engine.Send{To: candidate.ID, Wait: true, Message: &engine.RequestVoteResponse{Term: status.Term, Granted: true}}
	return s.Stepped(id, asked, []engine.Action{granted}, status)
}

func (s *story) entries(id engine.NodeID, entries ...engine.Entry) engine.Action {
	s.seq[id]++
	return &engine.PersistLogEntries{Seq: s.seq[id], Entries: entries}
}

// syncs makes everything durable that the node has written.
func (s *story) syncs(id engine.NodeID) { require.NoError(s.t, s.Durable(id, s.seq[id])) }

// told reports the Step in which the engine hears that everything is durable.
func (s *story) told(id engine.NodeID, change func(*engine.Status), actions ...engine.Action) error {
	status := s.status[id]
	status.Durable = status.Last.Index
	if change != nil {
		change(&status)
	}
	s.status[id] = status
	return s.Stepped(id, &engine.Persisted{Seq: s.seq[id]}, actions, status)
}

// leads makes a node the leader of a term with the vote of its neighbour, which need not have the right to it.
func (s *story) leads(id engine.NodeID, term engine.Term) error {
	if err := s.step(id, func(st *engine.Status) {
		st.Term, st.Vote = term, id
		for i := range st.Membership.Members {
			st.Membership.Members[i].Incarnation = engine.Incarnation(i + 1)
		}
	}, s.hardState(id, term, id)); err != nil {
		return err
	}
	s.syncs(id)
	if err := s.told(id, nil); err != nil {
		return err
	}
	status := s.status[id]
	status.Role = engine.Leader
	s.status[id] = status
	vote := &engine.Incoming{From: peer(id%3 + 1), Message: &engine.RequestVoteResponse{Term: term, Granted: true}}
	return s.Stepped(id, vote, nil, status)
}

// appends writes entries and makes them durable.
func (s *story) appends(id engine.NodeID, entries ...engine.Entry) error {
	err := s.step(id, func(st *engine.Status) { st.Last = entries[len(entries)-1].Position() }, s.entries(id, entries...))
	if err != nil {
		return err
	}
	s.syncs(id)
	return s.told(id, nil)
}

func (s *story) broken(err error, property, detail string) {
	s.t.Helper()
	var violation *check.Violation
	require.ErrorAs(s.t, err, &violation)
	require.Equal(s.t, property, violation.Property)
	require.Contains(s.t, violation.Detail, detail)
}

func TestElectionSafety(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.leads(2, 3))
	s.broken(s.leads(3, 3), "election safety", "n3@0000000000000003 leads term 3, and so does n2@0000000000000002")
}

func TestElectionSafetyJudgesWhatLeaves(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.step(2, func(st *engine.Status) { st.Term, st.Vote = 2, 2 }, s.hardState(2, 2, 2)))
	s.syncs(2)
	s.broken(s.Left(2, 3, &engine.Heartbeat{Term: 2}), "election safety", "n2@0000000000000002 leads term 2, and so does n1@0000000000000001")
}

func TestSingleVoteAcrossRestarts(t *testing.T) {
	s := begin(t)
	vote := func(candidate, claimed engine.NodeID) error {
		require.NoError(t, s.step(3, func(st *engine.Status) { st.Term, st.Vote = 2, claimed }, s.hardState(3, 2, candidate)))
		require.NoError(t, s.votes(3, peer(candidate)))
		s.syncs(3)
		return s.Left(3, candidate, &engine.RequestVoteResponse{Term: 2, Granted: true})
	}
	require.NoError(t, vote(1, 1))
	s.Crashed(3)
	require.NoError(t, s.Started(peer(3), engine.Recovered{
		HardState: promise(2, 1), Entries: []engine.Entry{command(1, 1, "a")},
	}))
	s.seq[3] = 0
	s.status[3] = engine.Status{ID: 3, Term: 2, Last: engine.Position{Term: 1, Index: 1}, Durable: 1, Membership: voters(1, 2, 3)}
	s.broken(vote(2, 1), "single vote", "n3 votes for n2@0000000000000002 in term 2 and has voted for n1@0000000000000001")
}

// A candidate that lost its disk may have won the term in its earlier life.
func TestSingleVoteGoesToOneIncarnation(t *testing.T) {
	s := begin(t)
	again := engine.Peer{ID: 1, Incarnation: 99}
	require.NoError(t, s.step(3, func(st *engine.Status) { st.Term = 2 }, s.hardState(3, 2, 1)))
	require.NoError(t, s.votes(3, peer(1)))
	require.NoError(t, s.votes(3, peer(1)), "the same request may come twice")
	s.broken(s.votes(3, again), "single vote", "n3 votes for n1@0000000000000063 in term 2 and has voted for n1@0000000000000001")
}

func TestElectionSafetyIsOneIncarnations(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	s.Crashed(1)
	again := engine.Peer{ID: 1, Incarnation: 99}
	require.NoError(t, s.Started(again, engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: []engine.Entry{command(1, 1, "a")}}))
	s.broken(s.Left(1, 2, &engine.Heartbeat{Term: 2}), "persist before send", "resting on a vote for n1@0000000000000063")
	s.seq[1] = 0
	require.NoError(t, s.step(1, func(st *engine.Status) { st.Role, st.Term, st.Vote = engine.Candidate, 2, 1 }, &engine.PersistHardState{
		Seq: 1, State: engine.HardState{Term: 2, Vote: 1, VoteIncarnation: 99},
	}))
	require.NoError(t, s.Durable(1, 1))
	s.broken(s.Left(1, 2, &engine.Heartbeat{Term: 2}), "election safety",
		"n1@0000000000000063 leads term 2, and so does n1@0000000000000001")
}

// grants reports the Step in which a node grants n1 its pre-vote.
// bound returns voters of which n2 is bound to an incarnation.
func bound(incarnation engine.Incarnation) engine.Membership {
	m := voters(1, 2, 3)
	m.Members[1].Incarnation = incarnation
	return m
}

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		members engine.Membership
		detail  string
	}{
		{members: voters(1, 2, 3)},
		{members: bound(2)},
		{members: bound(99), detail: "n2@0000000000000002 campaigns, and no configuration that it may go by names it a voter"},
		{members: voters(1, 3), detail: "n2@0000000000000002 campaigns"},
	} {
		s := begin(t)
		require.NoError(t, s.step(2, func(st *engine.Status) { st.Membership = c.members }))
		campaign := &engine.Send{To: 1, Message: &engine.RequestPreVote{Term: 2}}
		if err := s.step(2, nil, campaign); c.detail == "" {
			require.NoError(t, err)
		} else {
			s.broken(err, "identity", c.detail)
		}
	}
}

// A vote counts where the voter is named, so anybody may give one. Only the founders' first candidates count strangers.
func TestIdentityOfVoters(t *testing.T) {
	for last, ok := range map[engine.Position]bool{{Term: 1, Index: 1}: false, {Term: 1, Index: 2}: true, {}: true} {
		s := begin(t)
		require.NoError(t, s.step(2, func(st *engine.Status) { st.Membership = voters(1, 3) }))
		asked := &engine.Incoming{From: peer(1), Message: &engine.RequestPreVote{Term: 2, Last: last}}
		granted := &engine.Send{To: 1, Message: &engine.RequestPreVoteResponse{Term: 2, Granted: true}}
		if err := s.Stepped(2, asked, []engine.Action{granted}, s.status[2]); ok {
			require.NoError(t, err)
		} else {
			s.broken(err, "identity", "n2@0000000000000002 votes for a candidate that has heard of no leader")
		}
	}
}

func TestElectionQuorum(t *testing.T) {
	cases := map[string]struct {
		members engine.Membership
		last    engine.Entry
		voter   engine.Peer
		term    engine.Term
		ok      bool
	}{
		"a bound voter":                          {bound(2), command(2, 2, "b"), peer(2), 3, true},
		"another incarnation":                    {bound(99), command(2, 2, "b"), peer(2), 3, false},
		"a vote of an earlier term":              {bound(2), command(2, 2, "b"), peer(2), 2, false},
		"a stranger":                             {bound(2), command(2, 2, "b"), peer(7), 3, false},
		"an unbound founder, newborn candidate":  {voters(1, 2, 3), command(1, 1, "a"), peer(2), 3, true},
		"an unbound founder, candidate with log": {voters(1, 2, 3), command(2, 2, "b"), peer(2), 3, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.members.Members[0].Incarnation = 1
			s := begin(t)
			if c.last.Index > 1 {
				require.NoError(t, s.appends(1, c.last))
			}
			require.NoError(t, s.step(1, func(st *engine.Status) { st.Term, st.Vote, st.Membership = 3, 1, c.members }, s.hardState(1, 3, 1)))
			s.syncs(1)
			require.NoError(t, s.told(1, nil))
			status := s.status[1]
			status.Role = engine.Leader
			vote := &engine.Incoming{From: c.voter, Message: &engine.RequestVoteResponse{Term: c.term, Granted: true}}
			if err := s.Stepped(1, vote, nil, status); c.ok {
				require.NoError(t, err)
			} else {
				s.broken(err, "election quorum", "n1 leads term 3 with 1 votes of the 3 voters")
			}
		})
	}
}

func TestLeaderAppendOnly(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	s.broken(s.appends(1, command(2, 2, "c")), "leader append-only", "writes again from 2/2 on")
}

func TestLogMatchingContent(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.appends(2, command(2, 2, "b")))
	s.broken(s.appends(3, command(2, 2, "c")), "log matching", `2/2 is command "c" on n3 and command "b" on n1`)
}

func TestLogMatchingPast(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.appends(1, command(1, 2, "b"), command(3, 3, "d")))
	s.broken(s.appends(2, command(2, 2, "c"), command(3, 3, "d")), "log matching", "3/3 comes after 2/2 on n2 and after 1/2 on n1")
}

// commits moves a node's commit index, in whatever role it has.
func (s *story) commits(id engine.NodeID, index engine.Index, actions ...engine.Action) error {
	return s.step(id, func(st *engine.Status) { st.Commit = index }, actions...)
}

// replicated makes n1 the leader of term 2 with 2/2 durable on n1 and n2 and committed.
func replicated(t *testing.T) *story {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.appends(2, command(2, 2, "b")))
	require.NoError(t, s.commits(1, 2))
	return s
}

func TestLeaderCompleteness(t *testing.T) {
	require.NoError(t, replicated(t).leads(2, 3))
	s := replicated(t)
	s.broken(s.leads(3, 3), "leader completeness", "n3 leads term 3 without 2/2, which n1 committed in term 2")
}

func TestLeaderCompletenessOfALateCommit(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.appends(2, command(2, 2, "b")))
	require.NoError(t, s.leads(3, 3))
	s.broken(s.commits(1, 2), "leader completeness", "n3 leads term 3 without 2/2, which n1 committed in term 2")
}

func TestFollowersCommitWhatALeaderCommitted(t *testing.T) {
	s := replicated(t)
	require.NoError(t, s.commits(2, 2))
	require.NoError(t, s.appends(3, command(1, 2, "x")))
	s.broken(s.commits(3, 2), "leader completeness", "n3 believes 2 committed and does not hold 2/2")

	s = replicated(t)
	require.NoError(t, s.appends(2, command(2, 3, "c")))
	s.broken(s.commits(2, 3), "leader completeness", "n2 believes 3 committed, leaders have committed 2")
}

func TestCommitRuleNeedsADurableMajority(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.step(2, func(st *engine.Status) { st.Last = engine.Position{Term: 2, Index: 2} }, s.entries(2, command(2, 2, "b"))))
	s.broken(s.commits(1, 2), "commit rule", "durable on 1 of the 3 voters")
}

func TestCommitRuleCountsIncarnations(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.appends(2, command(2, 2, "b")))
	err := s.step(1, func(st *engine.Status) { st.Membership, st.Commit = bound(77), 2 })
	s.broken(err, "commit rule", "durable on 1 of the 3 voters")
}

func TestCommitRuleNeedsTheOwnTerm(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	s.broken(s.commits(1, 1), "commit rule", "commits 1/1, an entry of an earlier term, by counting")
}

func TestHeartbeatTellsNoMoreThanMatch(t *testing.T) {
	s := replicated(t)
	followers := func(st *engine.Status) { st.Followers = []engine.FollowerStatus{{ID: 3, Match: 1}} }
	beat := func(commit engine.Index) error {
		return s.step(1, followers, &engine.Send{To: 3, Message: &engine.Heartbeat{Term: 2, Commit: commit}})
	}
	require.NoError(t, beat(1))
	s.broken(beat(2), "commit rule", "n1 tells n3 of commit 2 and knows it to match up to 1")
}

func TestStateMachineSafety(t *testing.T) {
	s := replicated(t)
	require.NoError(t, s.commits(1, 2, &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), command(2, 2, "b")}}))
	s.broken(s.commits(2, 2, &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), command(2, 2, "B")}}),
		"state machine safety", `n2 applies 2/2 "B" where n1 applied 2/2 "b"`)
}

func TestApplyInOrderOnceCommittedAndDurable(t *testing.T) {
	apply := func(entries ...engine.Entry) engine.Action { return &engine.Apply{Entries: entries} }
	s := replicated(t)
	s.broken(s.commits(2, 2, apply(command(2, 2, "b"))), "state machine safety", "n2 applies 2/2 after index 0")

	s = replicated(t)
	s.broken(s.commits(2, 1, apply(command(1, 1, "a"), command(2, 2, "b"))), "state machine safety", "has committed up to 1")

	s = replicated(t)
	s.broken(s.step(3, func(st *engine.Status) { st.Last, st.Commit = engine.Position{Term: 2, Index: 2}, 2 },
		s.entries(3, command(2, 2, "b")), apply(command(1, 1, "a"), command(2, 2, "b"))),
		"state machine safety", "its log is durable up to 1")
}

func TestPersistBeforeSend(t *testing.T) {
	entry := command(2, 2, "b")
	cases := map[string]struct {
		to      engine.NodeID
		message engine.Message
	}{
		"a candidate's term and vote": {3, &engine.RequestVote{Term: 2}},
		"a granted vote":              {1, &engine.RequestVoteResponse{Term: 2, Granted: true}},
		"an accepted append's match":  {1, &engine.AppendEntriesResponse{Term: 2, Accepted: true, Match: 2}},
		"a leader's term":             {3, &engine.AppendEntries{Term: 2, Entries: []engine.Entry{entry}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			vote := c.to
			if vote == 3 {
				vote = 2
			}
			require.NoError(t, s.step(2, func(st *engine.Status) { st.Term, st.Vote, st.Last = 2, vote, entry.Position() },
				s.hardState(2, 2, vote), s.entries(2, entry)))
			require.NoError(t, s.votes(2, peer(vote)))
			var violation *check.Violation
			require.ErrorAs(t, s.Left(2, c.to, c.message), &violation)
			require.Equal(t, "persist before send", violation.Property)
			s.syncs(2)
			require.NoError(t, s.Left(2, c.to, c.message))
		})
	}
}

func TestRefusalsRestOnNothing(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.step(2, func(st *engine.Status) { st.Term = 2 }, s.hardState(2, 2, 0)))
	require.NoError(t, s.Left(2, 1, &engine.RequestVoteResponse{Term: 2}))
	require.NoError(t, s.Left(2, 1, &engine.AppendEntriesResponse{Term: 2}))
	require.NoError(t, s.Left(2, 1, &engine.HeartbeatResponse{Term: 2}))
}

// An index can be written, overwritten and written again while the first write is still under way.
func TestDurableIndexIsCutByWritesUnderWay(t *testing.T) {
	overwriting := func(t *testing.T) *story {
		s := begin(t)
		require.NoError(t, s.step(2, func(st *engine.Status) { st.Last = engine.Position{Term: 1, Index: 3} },
			s.entries(2, command(1, 2, "b"), command(1, 3, "c"))))
		require.NoError(t, s.step(2, func(st *engine.Status) { st.Last = engine.Position{Term: 2, Index: 3} },
			s.entries(2, command(2, 2, "B"), command(2, 3, "C"))))
		require.NoError(t, s.Durable(2, 1))
		return s
	}
	confirm := func(s *story, durable engine.Index) error {
		status := s.status[2]
		status.Durable = durable
		return s.Stepped(2, &engine.Persisted{Seq: 1}, nil, status)
	}
	require.NoError(t, confirm(overwriting(t), 1))
	s := overwriting(t)
	s.broken(confirm(s, 3), "durable index", "durable up to 3, its disk says 1")
	s = overwriting(t)
	s.broken(confirm(s, 0), "durable index", "durable up to 0, its disk says 1")
}

func TestImmutability(t *testing.T) {
	s := begin(t)
	written := []engine.Entry{command(2, 2, "b")}
	require.NoError(t, s.step(1, func(st *engine.Status) { st.Last = written[0].Position() }, s.entries(1, written...)))
	arrives := func(entries ...engine.Entry) error {
		message := &engine.AppendEntries{Term: 2, Number: 7, Prev: engine.Position{Term: 1, Index: 1}, Entries: entries}
		return s.Stepped(2, &engine.Incoming{From: peer(1), Message: message}, nil, s.status[2])
	}
	require.NoError(t, arrives(command(2, 2, "b")))
	s.broken(arrives(command(3, 2, "b")), "immutability", "the append 7 of n1 in term 2 arrives with 3/2 after 1/1")

	written[0] = command(3, 2, "c")
	s.broken(s.Durable(1, s.seq[1]), "immutability", "n1 changed its write 1 from 2/2 on while it was under way: [2/2] is [3/2] now")
}

func TestRecovery(t *testing.T) {
	b, c := command(1, 2, "b"), command(1, 3, "c")
	restart := func(entries ...engine.Entry) (*story, error) {
		s := begin(t)
		require.NoError(t, s.appends(2, b))
		require.NoError(t, s.step(2, func(st *engine.Status) { st.Last = c.Position() }, s.entries(2, c)))
		s.Crashed(2)
		return s, s.Started(peer(2), engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: entries})
	}
	_, err := restart(command(1, 1, "a"), b)
	require.NoError(t, err, "the write under way is lost")
	_, err = restart(command(1, 1, "a"), b, c)
	require.NoError(t, err, "the write under way survives")
	s, err := restart(command(1, 1, "a"))
	s.broken(err, "recovery", "n2 recovers term 1, vote nobody and a log up to 1/1")
}

// TestRecoveryOfBatches: what one batch holds is found whole or not at all.
func TestRecoveryOfBatches(t *testing.T) {
	a, b, c, d := command(1, 1, "a"), command(1, 2, "b"), command(1, 3, "c"), command(1, 4, "d")
	for _, found := range [][]engine.Entry{{a}, {a, b}, {a, b, c}, {a, b, c, d}} {
		s := begin(t)
		for _, e := range []engine.Entry{b, c, d} {
			require.NoError(t, s.step(2, func(st *engine.Status) { st.Last = e.Position() }, s.entries(2, e)))
		}
		s.Writing(2, 2)
		s.Crashed(2)
		err := s.Started(peer(2), engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: found})
		if len(found) == 1 || len(found) == 3 {
			require.NoError(t, err, found)
		} else {
			s.broken(err, "recovery", "with 3 writes under way")
		}
	}
}

func TestMonotonic(t *testing.T) {
	s := replicated(t)
	s.broken(s.commits(1, 1), "monotonic", "n1 falls from commit 2 to 1")
	s = replicated(t)
	s.broken(s.step(1, func(st *engine.Status) { st.Term = 1 }), "monotonic", "n1 falls from term 2 to 1")
	s = replicated(t)
	s.broken(s.step(1, func(st *engine.Status) { st.Vote = 3 }), "monotonic", "moves its vote of term 2 from n1 to n3")
	s = replicated(t)
	s.broken(s.step(1, func(st *engine.Status) { st.Last.Index = 9 }), "monotonic", "its log ends at 2/9")
}

// proposes reports the Step in which a node hears a proposal.
func (s *story) proposes(id engine.NodeID, proposal engine.ProposalID, data string, actions ...engine.Action) error {
	return s.Stepped(id, &engine.ClientProposal{ID: proposal, Command: []byte(data)}, actions, s.status[id])
}

func TestOutcomesOneAnswer(t *testing.T) {
	redirect := &engine.Redirect{ID: 7}
	s := begin(t)
	require.NoError(t, s.proposes(1, 7, "x", redirect))
	s.broken(s.proposes(1, 7, "y", redirect), "outcomes", "has its answer")
	s = begin(t)
	s.broken(s.proposes(1, 7, "x"), "outcomes", "n1 does not answer proposal 7")
	s = begin(t)
	s.broken(s.step(1, nil, redirect), "outcomes", "not asked or has its answer")
	s = begin(t)
	s.broken(s.proposes(1, 7, "x", redirect, &engine.ProposalRejected{ID: 7, Reason: engine.RejectBusy}), "outcomes", "has its answer")
}

func TestOutcomesOfHeldProposals(t *testing.T) {
	redirect := &engine.Redirect{ID: 7}
	s := begin(t)
	s.HoldsProposals()
	require.NoError(t, s.proposes(1, 7, "x"))
	s.broken(s.Converged([]engine.NodeID{1}), "outcomes", "n1 has not answered proposal 7")
	require.NoError(t, s.step(1, nil, redirect))
	require.NoError(t, s.Converged([]engine.NodeID{1}))
	s.broken(s.step(1, nil, redirect), "outcomes", "not asked or has its answer")

	s = begin(t)
	s.HoldsProposals()
	change := &engine.ProposeConfigChange{ID: 7}
	s.broken(s.Stepped(1, change, nil, s.status[1]), "outcomes", "n1 does not answer proposal 7")
	s = begin(t)
	s.HoldsProposals()
	require.NoError(t, s.proposes(1, 7, "x"))
	s.Crashed(1)
	s.broken(s.step(1, nil, redirect), "outcomes", "not asked or has its answer")
}

func TestOutcomesRefusedIsNeverApplied(t *testing.T) {
	s := replicated(t)
	require.NoError(t, s.proposes(3, 7, "b", &engine.Redirect{ID: 7, Leader: 1}))
	s.broken(s.commits(1, 2, &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), command(2, 2, "b")}}),
		"outcomes", `n1 applies "b" at 2/2, which n3 refused`)
}

func TestOutcomesAcceptedIsInTheLog(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	s.broken(s.proposes(1, 7, "b", &engine.ProposalAccepted{ID: 7, First: 2, Term: 2, Count: 1}), "outcomes", `n1 accepts "b" at 2/2`)
}

func TestOutcomesAcknowledgedIsNeverLost(t *testing.T) {
	s := begin(t)
	require.NoError(t, s.leads(1, 2))
	entry := command(2, 2, "b")
	status := s.status[1]
	status.Last = entry.Position()
	s.status[1] = status
	require.NoError(t, s.proposes(1, 7, "b", s.entries(1, entry), &engine.ProposalAccepted{ID: 7, First: 2, Term: 2, Count: 1}))
	s.syncs(1)
	require.NoError(t, s.told(1, nil))
	require.NoError(t, s.appends(2, entry))
	require.NoError(t, s.commits(1, 2, &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), entry}}))
	require.NoError(t, s.Converged([]engine.NodeID{1}))
	s.broken(s.Converged([]engine.NodeID{1, 2}), "outcomes", "n2 has applied up to 0 and lacks 2/2, which n1 acknowledged")
}

// reads reports the Step in which a node is asked for a read.
func (s *story) reads(id engine.NodeID, read engine.ReadID, actions ...engine.Action) error {
	return s.Stepped(id, &engine.ProposeRead{ID: read}, actions, s.status[id])
}

func TestReadsSeeWhatWasCommitted(t *testing.T) {
	applies := &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), command(2, 2, "b")}}
	s := replicated(t)
	require.NoError(t, s.commits(1, 2, applies))
	require.NoError(t, s.reads(1, 7))
	require.NoError(t, s.step(1, nil, &engine.ReadReady{ID: 7, Index: 2}))
	s.broken(s.step(1, nil, &engine.ReadReady{ID: 7, Index: 2}), "linearizable reads", "n1 answers read 7, which was not asked or has its answer")

	s = begin(t)
	require.NoError(t, s.leads(1, 2))
	require.NoError(t, s.reads(1, 7))
	require.NoError(t, s.appends(1, command(2, 2, "b")))
	require.NoError(t, s.appends(2, command(2, 2, "b")))
	require.NoError(t, s.commits(1, 2, applies))
	require.NoError(t, s.step(1, nil, &engine.ReadReady{ID: 7, Index: 1}), "it was asked before")
	s.broken(s.reads(1, 8, &engine.ReadReady{ID: 8, Index: 1}), "linearizable reads",
		"n1 serves read 8 at index 1, and n1 had committed 2 when it was asked")

	s = replicated(t)
	require.NoError(t, s.reads(1, 7))
	s.broken(s.commits(1, 2, &engine.ReadReady{ID: 7, Index: 2}, applies), "linearizable reads",
		"n1 serves read 7 at index 2, and its machine was handed up to 0")
}

func TestReadsAreAnswered(t *testing.T) {
	s := replicated(t)
	require.NoError(t, s.reads(1, 7))
	s.broken(s.Converged([]engine.NodeID{1}), "linearizable reads", "n1 leaves 1 reads without an answer")
	follows := func(st *engine.Status) { st.Role = engine.Follower }
	s.broken(s.step(1, follows), "linearizable reads", "n1 is a follower and leaves 1 reads without an answer")

	s = replicated(t)
	require.NoError(t, s.reads(1, 7))
	require.NoError(t, s.step(1, follows, &engine.ReadFailed{ID: 7, Reason: engine.ReadSteppedDown}))
	require.NoError(t, s.Converged([]engine.NodeID{1}))
	s.broken(s.step(1, nil, &engine.ReadFailed{ID: 7, Reason: engine.ReadSteppedDown}), "linearizable reads", "n1 fails read 7, which was not asked")
	s = replicated(t)
	s.broken(s.reads(1, 8, &engine.ReadFailed{ID: 8, Reason: engine.ReadNotLeader}), "linearizable reads", "n1, a leader, sends read 8 to nobody")

	s = replicated(t)
	require.NoError(t, s.reads(1, 7))
	s.Crashed(1)
	require.NoError(t, s.Converged([]engine.NodeID{1}), "a read ends with the life that took it")
}

func TestOrderContract(t *testing.T) {
	s := begin(t)
	s.seq[1] = 4
	s.broken(s.step(1, nil, s.hardState(1, 1, 0)), "order contract", "numbers a Persist action 5 after 0")
	s = begin(t)
	s.broken(s.step(1, nil, s.entries(1, command(1, 5, "x"))), "order contract", "persists entries from 1/5 on, its log is 0/0..1/1")
}
