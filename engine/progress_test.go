package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressWindow(t *testing.T) {
	cfg := DefaultConfig(1)
	cfg.MaxInflightAppends, cfg.MaxInflightBytes = 3, 100
	p := progress{state: replicating, next: 1}
	require.True(t, p.hasRoom(1000, &cfg), "one append always fits")
	p.sent(1, 5, 60)
	require.Equal(t, Index(6), p.next)
	require.True(t, p.hasRoom(40, &cfg))
	require.False(t, p.hasRoom(41, &cfg), "bytes bound the window")
	p.sent(2, 6, 10)
	p.sent(3, 7, 10)
	require.False(t, p.hasRoom(0, &cfg), "messages bound the window")

	p.acknowledge(6, 9)
	require.Equal(t, Index(6), p.match)
	require.Equal(t, SendNumber(9), p.matchNumber)
	require.Equal(t, 10, p.inflightBytes)
	require.Equal(t, SendNumber(3), p.oldestUnanswered())
	p.acknowledge(4, 12)
	require.Equal(t, Index(6), p.match, "match never falls")
	require.Equal(t, SendNumber(9), p.matchNumber)
	require.Equal(t, Index(8), p.next)
}

func TestProgressRewindKeepsMatch(t *testing.T) {
	p := progress{state: replicating, match: 6, next: 9}
	p.sent(4, 12, 10)
	p.rewind(3, 7)
	require.Equal(t, probing, p.state)
	require.Equal(t, Index(7), p.next, "match guards next")
	require.Equal(t, SendNumber(7), p.rewindNumber)
	require.Zero(t, p.inflightBytes)
	require.Zero(t, p.oldestUnanswered())
}

func TestProgressCounts(t *testing.T) {
	voter := Member{ID: 2, Incarnation: 102, Role: Voter}
	learner := Member{ID: 2, Incarnation: 102, Role: Learner}
	cases := []struct {
		name string
		p    progress
		want Index
	}{
		{"voter", progress{Member: voter, match: 5}, 5},
		{"learner", progress{Member: learner, match: 5}, 0},
		{"data lost", progress{Member: voter, match: 5, state: dataLost}, 0},
		{"without the entry that names it", progress{Member: voter, match: 5, countsFrom: 6}, 0},
		{"with the entry that names it", progress{Member: voter, match: 6, countsFrom: 6}, 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.p.counted()) })
	}
	require.True(t, (&progress{Member: voter}).is(102))
	require.False(t, (&progress{Member: voter}).is(999))
	require.False(t, (&progress{Member: Member{ID: 2, Role: Voter}}).is(0), "nobody speaks for an unbound founder")
}

func TestWhatProvesLoss(t *testing.T) {
	p := progress{match: 6, matchNumber: 10, next: 9, probe: probeAppend{number: 12, prev: 6}}
	cases := []struct {
		name   string
		answer AppendEntriesResponse
		want   bool
	}{
		{"its log ends below match", AppendEntriesResponse{Number: 11, Conflict: Position{Index: 6}}, true},
		{"its log ends at match", AppendEntriesResponse{Number: 11, Conflict: Position{Index: 7}}, false},
		{"it denies match itself", AppendEntriesResponse{Number: 12, Conflict: Position{Term: 1, Index: 4}}, true},
		{"it denies an index behind match", AppendEntriesResponse{Number: 11, Conflict: Position{Term: 1, Index: 4}}, false},
		{"to a message from before match was known", AppendEntriesResponse{Number: 10, Conflict: Position{Index: 2}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, p.provesLoss(&c.answer)) })
	}
	require.False(t, (&progress{}).provesLoss(&AppendEntriesResponse{Number: 1, Conflict: Position{Index: 0}}), "nothing was acknowledged")
}

func TestNextAfterARejection(t *testing.T) {
	//  index   3 4 5 6 7 8 9
	//  leader  2 2 4 4 4 7 7
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 7}, terms: []Term{2, 2, 4, 4, 4, 7, 7}})
	cases := []struct {
		name     string
		conflict Position
		highest  Index
		want     Index
	}{
		{"the follower's log is shorter", Position{Index: 5}, 9, 5},
		{"we have that term too, up to 7", Position{Term: 4, Index: 5}, 9, 8},
		{"we have that term, but it begins later there", Position{Term: 4, Index: 8}, 9, 8},
		{"we lack that term: before ours that are later", Position{Term: 3, Index: 7}, 9, 5},
		{"we lack that term: before theirs", Position{Term: 6, Index: 4}, 9, 4},
		{"never at or above what was denied", Position{Index: 9}, 6, 6},
		{"nonsense", Position{Term: ^Term(0), Index: ^Index(0)}, 6, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.LessOrEqual(t, a.nextAfter(c.conflict, c.highest), c.highest) })
		if c.name != "nonsense" {
			require.Equal(t, c.want, a.nextAfter(c.conflict, c.highest), c.name)
		}
	}
}
