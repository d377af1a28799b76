package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules of the dissertation, by section. Each test shows the rule at one node; that they add up to safety
// is shown by the randomised clusters.

// §3.3: terms.

func Test3_3_LaterTermIsAdopted(t *testing.T) {
	messages := map[string]Message{
		"request for a vote": &RequestVote{Term: 5, Last: Position{Term: 4, Index: 9}, Transfer: true},
		"append":             &AppendEntries{Term: 5, Number: 1, Prev: Position{Term: 1, Index: 2}},
		"heartbeat":          &Heartbeat{Term: 5, Number: 1},
		"refused vote":       &RequestVoteResponse{Candidate: 101, Term: 5},
		"refused pre-vote":   &RequestPreVoteResponse{Term: 5},
		"rejected append":    &AppendEntriesResponse{Term: 5},
		"heartbeat answer":   &HeartbeatResponse{Term: 5},
	}
	for name, m := range messages {
		for _, begin := range []string{"follower", "candidate", "leader"} {
			t.Run(name+" at a "+begin, func(t *testing.T) {
				a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3, Vote: 2}})
				switch begin {
				case "candidate":
					a.campaign()
				case "leader":
					a.lead()
				}
				actions := a.receive(3, m)
				require.Equal(t, Term(5), a.Term())
				require.Equal(t, Follower, a.Role())
				state := pick[*PersistHardState](actions)
				require.Len(t, state, 1, "one write, whatever changed")
				require.Equal(t, Term(5), state[0].State.Term)
			})
		}
	}
}

func Test3_3_RequestsOfAnOlderTermAreAnsweredWithOurs(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	require.Equal(t, Term(3), one[*RequestVoteResponse](t, a.receive(2, &RequestVote{Term: 2}), 2).Term)
	require.Equal(t, Term(3), one[*RequestPreVoteResponse](t, a.receive(2, &RequestPreVote{Term: 2}), 2).Term)
	beat := one[*HeartbeatResponse](t, a.receive(2, &Heartbeat{Term: 2, Number: 9}), 2)
	require.Equal(t, HeartbeatResponse{Term: 3}, *beat, "the number is one of term 2")
	rejection := one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{Term: 2, Number: 8}), 2)
	require.Equal(t, AppendEntriesResponse{Term: 3}, *rejection)
	require.Zero(t, a.Leader(), "nobody leads an older term")
}

func Test3_3_AnswersOfAnOlderTermAreIgnored(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	a.lead()
	before := a.Status()
	for _, m := range []Message{
		&RequestVoteResponse{Candidate: 101, Term: 3, Granted: true},
		&AppendEntriesResponse{Term: 3, Number: a.sendNumber, Accepted: true, Match: 3},
		&HeartbeatResponse{Term: 3, Number: a.sendNumber},
	} {
		require.Empty(t, a.receive(2, m))
	}
	require.Equal(t, before, a.Status())
}

// §3.4: leader election.

func Test3_4_NodesStartAsFollowers(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3, Vote: 1}})
	require.Equal(t, Follower, a.Role())
	require.Zero(t, a.Leader())
}

func Test3_4_CandidateVotesForItselfAndAsksAllVoters(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, learners: 1, state: HardState{Term: 3}, terms: []Term{2, 3}})
	actions := a.campaign()
	require.Equal(t, votedFor(4, 1), pick[*PersistHardState](actions)[0].State)
	for _, id := range []NodeID{2, 3} {
		require.Equal(t, RequestVote{Term: 4, Last: Position{Term: 3, Index: 4}}, *one[*RequestVote](t, actions, id))
	}
	require.Len(t, sent[*RequestVote](actions, 0), 2, "neither itself nor the learner")
}

func Test3_4_MajorityElects(t *testing.T) {
	cases := []struct{ voters, grants, refusals int }{
		{1, 0, 0}, {2, 1, 0}, {3, 1, 0}, {3, 1, 1}, {4, 2, 1}, {5, 2, 2},
	}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: c.voters, state: HardState{Term: 1}})
		a.campaign()
		a.sync()
		for i := range c.refusals {
			a.receive(NodeID(2+i), &RequestVoteResponse{Candidate: 101, Term: 2})
		}
		for i := range c.grants {
			require.Equal(t, Candidate, a.Role(), "%+v, before grant %d", c, i)
			grant := &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true}
			a.receive(NodeID(2+c.refusals+i), grant)
			a.receive(NodeID(2+c.refusals+i), grant)
		}
		require.Equal(t, Leader, a.Role(), "%+v", c)
	}
}

func Test3_4_MajorityOfRefusalsEndsTheCampaign(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.campaign()
	a.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2})
	require.Equal(t, Candidate, a.Role())
	a.receive(3, &RequestVoteResponse{Candidate: 101, Term: 2})
	require.Equal(t, Follower, a.Role())
	require.Equal(t, NodeID(1), a.Status().Vote, "the vote of the term stays")
}

func Test3_4_OneVoteATerm(t *testing.T) {
	cases := []struct {
		vote, candidate NodeID
		granted         bool
	}{{0, 2, true}, {0, 3, true}, {2, 2, true}, {3, 3, true}, {2, 3, false}, {3, 2, false}}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: 3, state: votedFor(4, c.vote)})
		a.clock += Instant(a.electionTimeoutMin())
		actions := a.receive(c.candidate, &RequestVote{Term: 4, Last: Position{Term: 4, Index: 9}})
		require.Equal(t, c.granted, one[*RequestVoteResponse](t, actions, c.candidate).Granted, "%+v", c)
	}
}

// A founder that won a term, lost its disk and was founded again could win the same term a second time.
func Test3_4_VoteGoesToOneIncarnation(t *testing.T) {
	founders := boundLog(t, 3, 0)[:1]
	first, again := peer(2), Peer{ID: 2, Incarnation: 999}
	a := newAlone(t, aloneOptions{raw: &Recovered{HardState: HardState{Term: 1}, Entries: founders}})
	a.clock += Instant(a.electionTimeoutMin())
	ask := func(from Peer) bool {
		request := &RequestVote{Term: 2, Last: Position{Term: 1, Index: 1}}
		return one[*RequestVoteResponse](t, a.step(&Incoming{Now: a.clock, From: from, Message: request}), 2).Granted
	}
	require.True(t, ask(first))
	require.False(t, ask(again))
	require.True(t, ask(first), "whom it went to may ask again")
	require.Equal(t, votedFor(2, 2), a.state)

	restarted := newAlone(t, aloneOptions{raw: &Recovered{HardState: a.state, Entries: founders}})
	restarted.clock += Instant(restarted.electionTimeoutMin())
	a = restarted
	require.False(t, ask(again), "and it is remembered")
	require.True(t, ask(first))
}

// A grant that was on its way when the candidate lost its disk is none for the node that came back under its id.
func Test3_4_GrantForAnEarlierLifeDoesNotCount(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.campaign()
	a.sync()
	a.receive(2, &RequestVoteResponse{Candidate: 999, Term: 2, Granted: true})
	require.Equal(t, Candidate, a.Role())
	granted := &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true}
	a.receive(2, granted)
	require.Equal(t, Leader, a.Role())

	b := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	b.clock += Instant(b.electionTimeoutMin())
	actions := b.receive(2, &RequestVote{Term: 2, Last: Position{Term: 9, Index: 9}})
	require.Equal(t, peer(2).Incarnation, one[*RequestVoteResponse](t, actions, 2).Candidate)
}

// A delayed request of an earlier term can be refused in the term of the campaign, before its own request is granted.
func Test3_4_GrantOverridesAnEarlierRefusal(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.campaign()
	a.sync()
	a.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2})
	require.Equal(t, Candidate, a.Role())
	a.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	require.Equal(t, Leader, a.Role())

	b := newAlone(t, aloneOptions{voters: 5, state: HardState{Term: 1}})
	b.campaign()
	b.sync()
	b.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	b.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2})
	b.receive(3, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	require.Equal(t, Leader, b.Role(), "a refusal takes no vote back")
}

func Test3_4_CandidateFollowsTheLeaderOfItsTerm(t *testing.T) {
	for name, m := range map[string]Message{
		"append":    &AppendEntries{Term: 4, Number: 1, Prev: Position{Term: 9, Index: 0}},
		"heartbeat": &Heartbeat{Term: 4, Number: 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
			a.campaign()
			if request, ok := m.(*AppendEntries); ok {
				request.Prev = Position{Term: 4, Index: 7} // that its log does not match changes nothing
			}
			a.receive(2, m)
			require.Equal(t, Follower, a.Role())
			require.Equal(t, NodeID(2), a.Leader())
			require.Equal(t, NodeID(1), a.Status().Vote, "stepping down within a term keeps the vote")
		})
	}
}

func Test3_4_TimeoutsAreRandomAndDrawnAfresh(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	seen := map[int]int{}
	for range 2000 {
		a.receive(2, &Heartbeat{Term: 1, Number: 1})
		seen[a.timer.timeout]++
	}
	require.Len(t, seen, 10, "every number of ticks in [min, max) occurs, no other")
	for ticks, times := range seen {
		require.GreaterOrEqual(t, ticks, 10)
		require.Less(t, ticks, 20)
		require.Greater(t, times, 100, "uniform: %v", seen)
	}
}

func Test3_4_OnlyTheCurrentLeaderRestartsTheTimer(t *testing.T) {
	restart := map[string]Message{
		"append that matches":        &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 1, Index: 2}},
		"append that does not match": &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 3, Index: 9}},
		"heartbeat":                  &Heartbeat{Term: 3, Number: 1},
		"granted vote":               &RequestVote{Term: 3, Last: Position{Term: 3, Index: 9}, Transfer: true},
	}
	keep := map[string]Message{
		"append of an older term":    &AppendEntries{Term: 2, Number: 1},
		"heartbeat of an older term": &Heartbeat{Term: 2, Number: 1},
		"refused vote":               &RequestVote{Term: 3, Transfer: true},
		"refused vote, later term":   &RequestVote{Term: 5, Transfer: true},
		"pre-vote":                   &RequestPreVote{Term: 4, Last: Position{Term: 3, Index: 9}},
	}
	check := func(m Message, want int) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		a.tick(7)
		a.receive(2, m)
		require.Equal(t, want, a.timer.elapsed)
	}
	for name, m := range restart {
		t.Run(name, func(*testing.T) { check(m, 0) })
	}
	for name, m := range keep {
		t.Run(name, func(*testing.T) { check(m, 7) })
	}
}

func Test3_4_LeaderSendsHeartbeats(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.lead()
	require.Empty(t, sent[*Heartbeat](a.tick(2), 0))
	require.Len(t, sent[*Heartbeat](a.tick(1), 0), 2, "one each at every heartbeat interval")
	require.Empty(t, sent[*Heartbeat](a.tick(2), 0))
	require.Len(t, sent[*Heartbeat](a.tick(1), 0), 2)
}

// §3.5: log replication.

func Test3_5_LeaderAppendsAndSends(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.lead()
	a.accept(2, 3)
	a.accept(3, 3)
	actions := a.step(&ClientProposal{Now: a.clock, ID: 7, Command: []byte("x")})
	want := []Entry{{Term: 2, Index: 4, Kind: EntryCommand, Data: []byte("x")}}
	require.Equal(t, want, pick[*PersistLogEntries](actions)[0].Entries)
	for _, id := range []NodeID{2, 3} {
		m := one[*AppendEntries](t, actions, id)
		require.Equal(t, Position{Term: 2, Index: 3}, m.Prev)
		require.Equal(t, want, m.Entries)
	}
	require.Same(t, one[*AppendEntries](t, actions, 2), one[*AppendEntries](t, actions, 3), "built once, sent to all")
	require.Equal(t, ProposalAccepted{ID: 7, First: 4, Term: 2, Count: 1}, *pick[*ProposalAccepted](actions)[0])
}

func Test3_5_ConsistencyCheck(t *testing.T) {
	//   index  1 2 3 4 5
	//   ours   1 1 1 2 2
	cases := []struct {
		name     string
		prev     Position
		accepted bool
		conflict Position
	}{
		{"the end", Position{Term: 2, Index: 5}, true, Position{}},
		{"the middle", Position{Term: 1, Index: 3}, true, Position{}},
		{"the beginning", Position{}, true, Position{}},
		{"beyond the end", Position{Term: 2, Index: 8}, false, Position{Index: 6}},
		{"another term", Position{Term: 3, Index: 5}, false, Position{Term: 2, Index: 4}},
		{"an older term", Position{Term: 1, Index: 5}, false, Position{Term: 2, Index: 4}},
		{"first of its term", Position{Term: 2, Index: 3}, false, Position{Term: 1, Index: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{1, 2, 2}})
			answer := one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{Term: 3, Number: 5, Prev: c.prev}), 2)
			require.Equal(t, c.accepted, answer.Accepted)
			require.Equal(t, SendNumber(5), answer.Number)
			require.Equal(t, c.conflict, answer.Conflict)
			if c.accepted {
				require.Equal(t, c.prev.Index, answer.Match, "what the request covers and not our tail")
			}
		})
	}
}

func Test3_5_FollowerTakesEntries(t *testing.T) {
	//   index  3 4 5
	//   ours   1 2 2
	cases := []struct {
		name    string
		prev    Position
		terms   []Term
		want    []Term // from 3 on
		written []Term // nil: nothing
	}{
		{"new ones", Position{Term: 2, Index: 5}, []Term{3, 3}, []Term{1, 2, 2, 3, 3}, []Term{3, 3}},
		{"held ones", Position{Term: 1, Index: 3}, []Term{2, 2}, []Term{1, 2, 2}, nil},
		{"a delayed, shorter one", Position{Term: 1, Index: 3}, []Term{2}, []Term{1, 2, 2}, nil},
		{"held and new ones", Position{Term: 2, Index: 4}, []Term{2, 3}, []Term{1, 2, 2, 3}, []Term{3}},
		{"a conflict", Position{Term: 1, Index: 3}, []Term{3, 3}, []Term{1, 3, 3}, []Term{3, 3}},
		{"a conflict that shortens", Position{Term: 1, Index: 3}, []Term{3}, []Term{1, 3}, []Term{3}},
		{"a conflict behind held ones", Position{Term: 1, Index: 3}, []Term{2, 3}, []Term{1, 2, 3}, []Term{3}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{1, 2, 2}})
			request := &AppendEntries{Term: 3, Number: 1, Prev: c.prev, Entries: entriesOf(c.prev.Index+1, c.terms...)}
			actions := a.receive(2, request)
			require.Equal(t, entriesOf(3, c.want...), a.log.slice(3, a.log.lastIndex()))
			if c.written == nil {
				require.Empty(t, pick[*PersistLogEntries](actions))
			} else {
				first := c.prev.Index + Index(len(c.terms)-len(c.written)) + 1
				require.Equal(t, entriesOf(first, c.written...), pick[*PersistLogEntries](actions)[0].Entries)
			}
			answer := one[*AppendEntriesResponse](t, actions, 2)
			require.True(t, answer.Accepted)
			require.Equal(t, c.prev.Index+Index(len(c.terms)), answer.Match)
			require.True(t, waits(t, actions, 2))
		})
	}
}

func Test3_5_FollowerCommitsWhatTheRequestCovers(t *testing.T) {
	cases := []struct {
		leader Index
		prev   Position
		terms  []Term
		want   Index
	}{
		{3, Position{Term: 1, Index: 3}, nil, 3},
		{9, Position{Term: 1, Index: 3}, nil, 3},          // not our tail, which another leader may have sent
		{9, Position{Term: 1, Index: 3}, []Term{2}, 4},    // the request covers 4
		{4, Position{Term: 1, Index: 3}, []Term{2, 2}, 4}, // the leader says 4
	}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{1, 2, 2}})
		a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: c.prev, Entries: entriesOf(c.prev.Index+1, c.terms...), Commit: c.leader})
		require.Equal(t, c.want, a.Status().Commit, "%+v", c)
		a.receive(2, &AppendEntries{Term: 3, Number: 2, Prev: c.prev, Commit: 1})
		require.Equal(t, c.want, a.Status().Commit, "commit never falls")
	}
}

// TestFigure3_6 brings a follower in line with each of the follower logs of figure 3.6, in a number of rounds
// bounded by terms.
func TestFigure3_6_LeaderBringsFollowersInLine(t *testing.T) {
	leader := []Term{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}
	followers := map[string][]Term{
		"a": {1, 1, 1, 4, 4, 5, 5, 6, 6},
		"b": {1, 1, 1, 4},
		"c": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
		"d": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
		"e": {1, 1, 1, 4, 4, 4, 4},
		"f": {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
	}
	for name, terms := range followers {
		t.Run(name, func(t *testing.T) {
			c := newTrio(t, 3)
			for _, n := range c.nodes {
				n.disk = boundLog(t, 3, 0)
				n.state = HardState{Term: 7}
			}
			c.node(1).disk = append(c.node(1).disk, entriesOf(3, leader...)...)
			c.node(2).disk = append(c.node(2).disk, entriesOf(3, leader...)...)
			c.node(3).disk = append(c.node(3).disk, entriesOf(3, terms...)...)
			for _, n := range c.nodes {
				c.start(n, nil)
			}
			c.node(3).down = true
			n1 := c.elect()
			c.node(3).down = false
			rejections := 0
			c.loses = func(_, _ NodeID, m Message) bool {
				if r, ok := m.(*AppendEntriesResponse); ok && !r.Accepted {
					rejections++
				}
				return false
			}
			for range 10 {
				c.tick()
			}
			require.Equal(t, n1.engine.Leader(), c.node(3).engine.Leader())
			require.Equal(t, n1.engine.log.all(), c.node(3).engine.log.all())
			require.LessOrEqual(t, rejections, 4, "rounds are bounded by terms")
		})
	}
}

// §3.6: safety.

func Test3_6_1_OnlyUpToDateCandidatesGetVotes(t *testing.T) {
	ours := []Term{1, 2} // at 3 and 4
	cases := []struct {
		last    Position
		granted bool
	}{
		{Position{Term: 2, Index: 4}, true},
		{Position{Term: 2, Index: 9}, true},
		{Position{Term: 3, Index: 2}, true}, // a later term beats a longer log
		{Position{Term: 2, Index: 3}, false},
		{Position{Term: 1, Index: 9}, false}, // a longer log does not beat a later term
		{Position{}, false},
	}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: ours})
		a.clock += Instant(a.electionTimeoutMin())
		actions := a.receive(2, &RequestVote{Term: 4, Last: c.last})
		require.Equal(t, c.granted, one[*RequestVoteResponse](t, actions, 2).Granted, "%v", c.last)
		actions = a.receive(3, &RequestPreVote{Term: 5, Last: c.last})
		require.Equal(t, c.granted, one[*RequestPreVoteResponse](t, actions, 3).Granted, "pre-vote, %v", c.last)
	}
}

// TestFigure3_8: an entry of an earlier term that a majority holds is not committed by that, because a node with
// a later term could still replace it; it is committed with an entry of the current term.
func TestFigure3_8_EarlierTermsAreNotCommittedByCounting(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 5, state: HardState{Term: 3}, terms: []Term{2}})
	a.lead() // at term 4; its no-op is 4/4
	a.sync()
	a.accept(2, 3)
	a.accept(3, 3)
	require.Zero(t, a.Status().Commit, "2/3 is on three of five disks and yet not committed")
	a.accept(2, 4)
	require.Zero(t, a.Status().Commit)
	a.accept(3, 4)
	require.Equal(t, Index(4), a.Status().Commit)
}

func Test3_6_2_NewLeaderAppendsANoOp(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{3}})
	actions := a.lead()
	require.Equal(t, []Entry{{Term: 4, Index: 4, Kind: EntryNoOp}}, pick[*PersistLogEntries](actions)[0].Entries)
	m := one[*AppendEntries](t, actions, 2)
	require.Equal(t, Position{Term: 3, Index: 3}, m.Prev, "it begins at the end of its log")
	require.Len(t, m.Entries, 1)
}

func Test3_6_2_CommitNeedsAMajorityOfDurableCopies(t *testing.T) {
	cases := []struct {
		voters  int
		matches []Index // of n2, n3, …
		durable bool    // whether the leader's own disk has 3
		want    Index
	}{
		{1, nil, true, 3},
		{1, nil, false, 0},
		{3, []Index{3, 0}, true, 3},
		{3, []Index{3, 0}, false, 0},
		{3, []Index{3, 3}, false, 3}, // a leader with a slow disk commits what the others hold
		{3, []Index{0, 0}, true, 0},
		{4, []Index{3, 0, 0}, true, 0},
		{4, []Index{3, 3, 0}, true, 3},
		{5, []Index{3, 3, 0, 0}, true, 3},
		{5, []Index{3, 3, 0, 0}, false, 0},
		{5, []Index{3, 3, 3, 0}, false, 3},
	}
	for _, c := range cases {
		a := newAlone(t, aloneOptions{voters: c.voters, state: HardState{Term: 1}})
		a.lead()
		if c.durable {
			a.sync()
		}
		for i, match := range c.matches {
			if match > 0 {
				a.accept(NodeID(2+i), match)
			}
		}
		require.Equal(t, c.want, a.Status().Commit, "%+v", c)
	}
}

// §3.8: persisted state.

func Test3_8_VoteIsDurableBeforeItLeaves(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	a.clock += Instant(a.electionTimeoutMin())
	actions := a.receive(2, &RequestVote{Term: 4, Last: Position{Term: 1, Index: 2}})
	require.Len(t, actions, 2)
	require.Equal(t, votedFor(4, 2), actions[0].(*PersistHardState).State, "first the write")
	require.True(t, actions[1].(*Send).Wait, "then the vote, after it")
	again := a.receive(2, &RequestVote{Term: 4, Last: Position{Term: 1, Index: 2}})
	require.True(t, waits(t, again, 2), "a repeated vote waits as well: its write may still be under way")
}

func Test3_8_CandidateCountsItsOwnVoteWhenDurable(t *testing.T) {
	t.Run("sole voter", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 1, state: HardState{Term: 1}})
		a.campaign()
		a.tick(1)
		require.Equal(t, Candidate, a.Role(), "it does not lead before its vote is on disk")
		a.sync()
		require.Equal(t, Leader, a.Role())
	})
	t.Run("elected by the others", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 5, state: HardState{Term: 1}})
		a.campaign()
		for _, id := range a.others() {
			a.receive(id, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
		}
		require.Equal(t, Candidate, a.Role(), "four votes, and yet its own is not on disk")
		a.sync()
		require.Equal(t, Leader, a.Role())
	})
	t.Run("a write of another term confirms nothing", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 1, state: HardState{Term: 1}})
		a.campaign()
		a.step(&Persisted{Seq: a.writes - 1})
		require.Equal(t, Candidate, a.Role())
	})
}

// §3.10: leadership transfer, the receiving side.

func Test3_10_TimeoutNowStartsAnElectionAtOnce(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	a.follow(2, 3)
	actions := a.receive(2, &TimeoutNow{Term: 3, Number: 2})
	require.Equal(t, Candidate, a.Role(), "without a pre-vote, which everybody would refuse")
	require.True(t, one[*RequestVote](t, actions, 3).Transfer)
	require.Equal(t, Term(4), a.Term())
}

func Test3_10_TimeoutNowIsRefused(t *testing.T) {
	t.Run("of an older term", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		require.Empty(t, a.receive(2, &TimeoutNow{Term: 2}))
		require.Equal(t, Follower, a.Role())
	})
	t.Run("by a learner", func(t *testing.T) {
		a := newAlone(t, aloneOptions{raw: learnerLog(t)})
		a.receive(2, &TimeoutNow{Term: 3})
		require.Equal(t, Follower, a.Role())
	})
}

// learnerLog is a log in which n1 is a learner.
func learnerLog(t *testing.T) *Recovered {
	t.Helper()
	members := []Member{{ID: 1, Incarnation: 101, Role: Learner}, {ID: 2, Incarnation: 102, Role: Voter}}
	c := Configuration{Change: ChangeBind, Membership: Membership{Members: members}}
	return &Recovered{
		HardState: HardState{Term: 3},
		Entries:   []Entry{{Term: 1, Index: 1, Kind: EntryConfiguration, Data: c.Encode()}},
	}
}

// §4.2.1: learners.

func Test4_2_1_LearnersDoNotCampaignButVoteWhenAsked(t *testing.T) {
	a := newAlone(t, aloneOptions{raw: learnerLog(t)})
	a.tick(100)
	require.Equal(t, Follower, a.Role())
	require.Equal(t, Term(3), a.Term())
	actions := a.receive(2, &RequestVote{Term: 4, Last: Position{Term: 1, Index: 1}})
	require.True(t, one[*RequestVoteResponse](t, actions, 2).Granted, "it may have missed its promotion")
}

func Test4_2_1_LearnersDoNotCount(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, learners: 2, state: HardState{Term: 1}})
	a.campaign()
	a.sync()
	a.receive(4, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	a.receive(5, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	require.Equal(t, Candidate, a.Role(), "not in elections")
	a.receive(2, &RequestVoteResponse{Candidate: 101, Term: 2, Granted: true})
	require.Equal(t, Leader, a.Role())
	a.sync()
	a.accept(4, 3)
	a.accept(5, 3)
	require.Zero(t, a.Status().Commit, "not for commitment")
	a.accept(3, 3)
	require.Equal(t, Index(3), a.Status().Commit)
}

// §4.2.3: disruptive servers.

func Test4_2_3_VoterThatHearsALeaderIgnoresCandidates(t *testing.T) {
	timeout := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}}).electionTimeoutMin()
	ask := &RequestVote{Term: 4, Last: Position{Term: 3, Index: 9}}
	t.Run("within the minimum election timeout", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		a.clock += 10 * Instant(timeout)
		a.follow(2, 3)
		a.clock += Instant(timeout) - 1
		require.Empty(t, a.receive(3, ask), "no answer")
		require.Equal(t, Term(3), a.Term(), "and no new term")
		a.clock++
		require.True(t, one[*RequestVoteResponse](t, a.receive(3, ask), 3).Granted)
	})
	t.Run("judged by the clock, not by ticks", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		a.follow(2, 3)
		a.clock += Instant(timeout) // the process was paused: no tick came
		require.True(t, one[*RequestVoteResponse](t, a.receive(3, ask), 3).Granted)
	})
	t.Run("a leader hears itself", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		a.lead()
		a.clock += 10 * Instant(timeout)
		require.Empty(t, a.receive(3, &RequestVote{Term: 9, Last: Position{Term: 9, Index: 9}}))
		require.Equal(t, Leader, a.Role())
	})
	t.Run("unless the leader asked for the election", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		a.follow(2, 3)
		transfer := &RequestVote{Term: 4, Last: Position{Term: 3, Index: 9}, Transfer: true}
		require.True(t, one[*RequestVoteResponse](t, a.receive(3, transfer), 3).Granted)
	})
	t.Run("a restarted voter may have heard one", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
		require.Empty(t, a.receive(3, ask))
		require.False(t, one[*RequestPreVoteResponse](t, a.receive(3, &RequestPreVote{Term: 4, Last: ask.Last}), 3).Granted)
		a.clock += Instant(timeout)
		require.True(t, one[*RequestVoteResponse](t, a.receive(3, ask), 3).Granted)
	})
	t.Run("a sole voter has promised nobody", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 1, state: HardState{Term: 3}})
		require.False(t, a.sticky())
	})
}

// §9.6: pre-vote.

func Test9_6_PreVoteComesFirstAndChangesNothing(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, learners: 1, state: HardState{Term: 3}, terms: []Term{3}})
	a.awaitCampaign()
	require.Equal(t, PreCandidate, a.Role())
	require.Equal(t, Term(3), a.Term())
	require.Empty(t, pick[*PersistHardState](a.last))
	require.Len(t, pick[*Send](a.last), 2)
	require.Equal(t, RequestPreVote{Term: 4, Round: 1, Last: Position{Term: 3, Index: 3}}, *one[*RequestPreVote](t, a.last, 2))
	require.False(t, waits(t, a.last, 2))

	actions := a.receive(2, &RequestPreVoteResponse{Term: 4, Round: 1, Granted: true})
	require.Equal(t, Candidate, a.Role())
	require.Equal(t, votedFor(4, 1), pick[*PersistHardState](actions)[0].State)
}

func Test9_6_RoundsOfTwoLivesDiffer(t *testing.T) {
	round := func(now Instant) SendNumber {
		a := newAlone(t, aloneOptions{raw: &Recovered{Now: now, HardState: HardState{Term: 1}, Entries: boundLog(t, 3, 0)}})
		a.clock = now
		a.awaitCampaign()
		return one[*RequestPreVote](t, a.last, 2).Round
	}
	require.Greater(t, round(2_000_000_000), round(1_000_000_000)+1000, "an answer to the earlier life does not count in the later one")
}

func Test9_6_AnsweringAPreVoteChangesNothing(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3, Vote: 3}})
	a.clock += Instant(a.electionTimeoutMin())
	for range 2 {
		actions := a.receive(2, &RequestPreVote{Term: 4, Round: 6, Last: Position{Term: 3, Index: 9}})
		require.Len(t, actions, 1)
		require.Equal(t, RequestPreVoteResponse{Term: 4, Round: 6, Granted: true}, *one[*RequestPreVoteResponse](t, actions, 2))
	}
	require.True(t, one[*RequestPreVoteResponse](t, a.receive(3, &RequestPreVote{Term: 4, Last: Position{Term: 3, Index: 9}}), 3).Granted,
		"it may be granted to several")
	require.Equal(t, HardState{Term: 3, Vote: 3}, a.state)
}

func Test9_6_RefusalTeachesTheTerm(t *testing.T) {
	// n1 has the longer log and the older term; n2 the other way round. Each alone would refuse the other for ever.
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{3, 3, 3}})
	a.awaitCampaign()
	a.receive(2, &RequestPreVoteResponse{Term: 8, Round: a.round})
	require.Equal(t, Term(8), a.Term())
	require.Equal(t, Follower, a.Role())
	a.sync()
	a.awaitCampaign()
	require.Equal(t, Term(9), one[*RequestPreVote](t, a.last, 2).Term)
}

func Test9_6_AnswersToAnEarlierRoundDoNotCount(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 5, state: HardState{Term: 3}})
	for range 60 {
		if a.round < 2 {
			a.tick(1)
		}
	}
	a.receive(2, &RequestPreVoteResponse{Term: 4, Round: 1, Granted: true})
	a.receive(3, &RequestPreVoteResponse{Term: 4, Round: 1, Granted: true})
	require.Equal(t, PreCandidate, a.Role())
	a.receive(2, &RequestPreVoteResponse{Term: 4, Round: 2, Granted: true})
	a.receive(3, &RequestPreVoteResponse{Term: 4, Round: 2, Granted: true})
	require.Equal(t, Candidate, a.Role())
}

func Test9_6_NodeThatWasCutOffDoesNotRaiseItsTerm(t *testing.T) {
	c := newTrio(t, 3)
	leader := c.elect()
	lonely := c.node(leader.peer.ID%3 + 1)
	term := leader.engine.Term()
	c.loses = func(from, to NodeID, _ Message) bool { return from == lonely.peer.ID || to == lonely.peer.ID }
	for range 200 {
		c.tick()
	}
	require.Equal(t, PreCandidate, lonely.engine.Role())
	require.Equal(t, term, lonely.engine.Term())
	c.loses = nil
	for range 60 {
		c.tick()
	}
	require.Equal(t, Follower, lonely.engine.Role())
	require.Equal(t, Leader, leader.engine.Role(), "and does not depose the leader when it is back")
}

func Test9_6_PreVoteCanBeTurnedOff(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, change: func(cfg *Config) { cfg.PreVote = false }})
	a.awaitCampaign()
	require.Equal(t, Candidate, a.Role())
	require.Equal(t, Term(4), a.Term())
}

// §10.2.1: the leader writes its disk while entries travel.

func Test10_2_1_LeaderSendsBeforeItsOwnWriteIsDurable(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	actions := a.lead()
	require.False(t, waits(t, actions, 2))
	actions = a.step(&ClientProposal{Command: []byte("x")})
	require.NotEmpty(t, pick[*PersistLogEntries](actions))
	for _, s := range pick[*Send](actions) {
		require.False(t, s.Wait)
	}
}
