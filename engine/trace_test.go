package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecisionsAreToldInSentences(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{2, 3}})
	a.lead()
	a.sync()
	a.accept(2, 5)
	a.receive(3, &AppendEntriesResponse{Term: 4, Number: a.followers[1].probe.number, Conflict: Position{Index: 2}})
	a.receive(2, &RequestVote{Term: 7})
	a.receive(2, &Heartbeat{Term: 5, Number: 1})
	a.receive(2, &AppendEntries{Term: 5, Number: 2, Prev: Position{Term: 5, Index: 9}})
	want := []string{
		"n1 starts at term 3 with log up to 3/4, commit 0, members {n1 n2 n3}",
		"n1 becomes pre-candidate for term 4, round 1",
		"n1 becomes candidate at term 4 with log up to 3/4",
		"n1 becomes leader at term 4 with log up to 3/4",
		"n1 appends 4/5 no-op",
		"n1 replicates to n2 from 6 on",
		"n1 commits up to 4/5, by n1",
		"n1 steps back to 2 for n3, which reports 0/2",
		"n1 ignores the request of n2 for a vote at term 7: it hears a live leader",
		"n1 moves from term 4 to 5",
		"n1 becomes follower at term 5",
		"n1 follows n2 at term 5",
		"n1 rejects the append of n2 after 5/9: its log ends at 4/5",
	}
	require.Equal(t, want, a.lines, strings.Join(a.lines, "\n"))
}

func TestRangesAreReadable(t *testing.T) {
	require.Equal(t, "3/15", span(entriesOf(15, 3)))
	require.Equal(t, "3/15..17", span(entriesOf(15, 3, 3, 4)))
}

// TestSilenceIsFree: without a tracer nothing is formatted, and a step allocates the messages it sends and no
// more.
func TestSilenceIsFree(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.Tracer = nil })
	tick := &Tick{}
	for range 50 {
		a.Step(tick)
	}
	beats := testing.AllocsPerRun(300, func() { a.Step(tick) })
	require.LessOrEqual(t, beats, 1.0, "two heartbeats every third tick")

	propose := &ClientProposalBatch{Commands: [][]byte{[]byte("x")}}
	many := &ClientProposalBatch{Commands: make([][]byte, 100)}
	a.log.reserve(1 << 20)
	for _, p := range a.followers {
		p.inflight.items = make([]inflightAppend, 0, 64)
	}
	for _, batch := range []*ClientProposalBatch{propose, many} {
		step := testing.AllocsPerRun(20, func() {
			a.Step(batch)
			a.Step(&Persisted{Seq: a.disk.issued})
		})
		require.LessOrEqual(t, step, 3.0, "one message for both followers, whatever the batch")
	}
}

func TestMetricsAndStatus(t *testing.T) {
	c := newTrio(t, 3)
	leader := c.elect()
	c.propose(leader, "a", "b")
	c.deliver()
	follower := c.node(leader.peer.ID%3 + 1)
	m, f := leader.engine.Metrics(), follower.engine.Metrics()
	require.Equal(t, uint64(1), m.ElectionsStarted)
	require.Equal(t, uint64(1), m.LeaderElectionsWon)
	require.Equal(t, uint64(1), f.PreVotesGranted)
	require.Equal(t, uint64(1), f.VotesGranted)
	require.Equal(t, uint64(4), m.EntriesAppended)
	require.Equal(t, uint64(5), m.EntriesCommitted)
	require.Equal(t, uint64(5), f.EntriesApplied)
	require.Equal(t, uint64(4), m.AppendEntriesSent)
	require.Equal(t, uint64(2), f.AppendEntriesReceived)
	require.Zero(t, f.AppendEntriesRejected)

	s := leader.engine.Status()
	require.Equal(t, Position{Term: 2, Index: 5}, s.Last)
	require.Equal(t, []Index{5, 5, 5}, []Index{s.Durable, s.Commit, s.Applied})
	require.Len(t, s.Followers, 2)
	require.Contains(t, s.Followers, FollowerStatus{ID: follower.peer.ID, Match: 5, Next: 6, State: "replicate"})
	require.Empty(t, follower.engine.Status().Followers)
	require.Equal(t, leader.peer.ID, follower.engine.Status().Leader)
}
