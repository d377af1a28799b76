package engine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func handed(actions []Action) []Index {
	var indexes []Index
	for _, a := range pick[*Apply](actions) {
		for _, e := range a.Entries {
			indexes = append(indexes, e.Index)
		}
	}
	return indexes
}

func TestEverythingCommittedIsHandedOutInOrder(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.lead()
	require.Empty(t, handed(a.sync()))
	require.Equal(t, []Index{1, 2, 3}, handed(a.accept(2, 3)), "configurations and no-ops included")
	a.propose("4", "5")
	require.Empty(t, handed(a.accept(2, 5)), "not durable here")
	a.accept(3, 5)
	require.Equal(t, Index(5), a.Status().Commit, "commit runs ahead")
	require.Equal(t, []Index{4, 5}, handed(a.sync()))
}

func TestApplyWindow(t *testing.T) {
	t.Run("entries", func(t *testing.T) {
		a := leading(t, func(cfg *Config) { cfg.MaxApplyEntries = 4 })
		a.propose("4", "5", "6", "7")
		a.sync()
		require.Equal(t, []Index{4}, handed(a.accept(2, 7)), "1..3 are not applied")
		require.Equal(t, []Index{5, 6}, handed(a.step(&Applied{Index: 2})))
		require.Equal(t, []Index{7}, handed(a.step(&Applied{Index: 6})))
		require.Equal(t, Index(6), a.Status().Applied)
	})
	t.Run("bytes", func(t *testing.T) {
		a := leading(t, func(cfg *Config) { cfg.MaxApplyBytes = 2*EntryOverhead + 2 })
		a.step(&Applied{Index: a.handed})
		for a.handed < 3 {
			a.step(&Applied{Index: a.handed})
		}
		a.step(&Applied{Index: 3})
		a.propose("a", "b", "c", "a long one, too long for the window")
		a.sync()
		require.Equal(t, []Index{4, 5}, handed(a.accept(2, 7)))
		require.Equal(t, []Index{6}, handed(a.step(&Applied{Index: 5})))
		require.Equal(t, []Index{7}, handed(a.step(&Applied{Index: 6})), "one entry always fits")
	})
}

func TestNonsenseFromTheHostMovesNothing(t *testing.T) {
	a := leading(t, nil)
	a.step(&Applied{Index: 2})
	a.step(&Applied{Index: 1})
	require.Equal(t, Index(2), a.Status().Applied)
	a.step(&Applied{Index: 99})
	require.Equal(t, Index(3), a.Status().Applied, "no more than was handed out")
	a.propose("4")
	a.step(&Persisted{Seq: 99})
	require.Equal(t, Index(4), a.Status().Durable, "no more than was asked for")
	a.step(&Persisted{Seq: 1})
	require.Equal(t, Index(4), a.Status().Durable)
}

func TestRestartHandsOutWhatWasCommitted(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, terms: []Term{2, 3}, commit: 3})
	require.Equal(t, []Index{1, 2, 3}, handed(a.tick(1)))
}

func TestBaseIsRespected(t *testing.T) {
	members := []Member{{ID: 1, Incarnation: 101, Role: Voter}, {ID: 2, Incarnation: 102, Role: Voter}, {ID: 3, Incarnation: 103, Role: Voter}}
	at := Position{Term: 4, Index: 100}
	recovered := &Recovered{
		HardState: HardState{Term: 5}, Base: at,
		Snapshot: SnapshotMeta{ID: 7, Position: at, Membership: Membership{Members: members}, ConfigurationIndex: 60},
		Entries:  entriesOf(101, 4, 5), Commit: 101,
	}
	t.Run("as follower", func(t *testing.T) {
		a := newAlone(t, aloneOptions{raw: recovered})
		require.Equal(t, []Index{101}, handed(a.tick(1)))
		answer := one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{
			Term: 5, Number: 1, Prev: Position{Term: 3, Index: 98}, Entries: entriesOf(99, 3, 4, 4, 5, 5),
		}), 2)
		require.True(t, answer.Accepted, "below the base everything is committed, and so matches")
		require.Equal(t, Index(103), answer.Match)
		answer = one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{Term: 5, Number: 2, Prev: Position{Term: 5, Index: 200}}), 2)
		require.Equal(t, Position{Index: 104}, answer.Conflict)
	})
	t.Run("as leader", func(t *testing.T) {
		a := newAlone(t, aloneOptions{raw: recovered})
		a.lead()
		require.Equal(t, Position{Term: 6, Index: 103}, a.Status().Last)
		number := one[*AppendEntries](t, a.last, 2).Number
		actions := a.reject(2, number, Position{Index: 50})
		require.Equal(t, recovered.Snapshot, one[*SnapshotOffer](t, actions, 2).Snapshot, "entries do not reach so far back")
		a.sync()
		a.accept(3, 103)
		require.Equal(t, Index(103), a.Status().Commit)
	})
}

func TestInvalidRecoveredStates(t *testing.T) {
	good := func() Recovered {
		return Recovered{HardState: HardState{Term: 3}, Entries: append(boundLog(t, 3, 0), entriesOf(3, 2, 3)...)}
	}
	compacted := func() Recovered {
		members := Membership{Members: []Member{{ID: 1, Incarnation: 101, Role: Voter}}}
		label := SnapshotMeta{ID: 7, Position: Position{1, 10}, Membership: members, ConfigurationIndex: 4}
		return Recovered{HardState: HardState{Term: 3}, Snapshot: label, Base: Position{1, 9}, Entries: entriesOf(10, 1, 2), Commit: 9}
	}
	damaged := func(damage func(*Recovered)) func(*Recovered) {
		return func(r *Recovered) { *r = compacted(); damage(r) }
	}
	cases := map[string]func(*Recovered){
		"a gap":                                   func(r *Recovered) { r.Entries = slices.Delete(r.Entries, 2, 3) },
		"a term that falls":                       func(r *Recovered) { r.Entries[3].Term = 1 },
		"no term":                                 func(r *Recovered) { r.Entries[0].Term = 0 },
		"an unknown kind":                         func(r *Recovered) { r.Entries[3].Kind = 9 },
		"a log beyond the term":                   func(r *Recovered) { r.HardState.Term = 2 },
		"commit beyond the log":                   func(r *Recovered) { r.Commit = 5 },
		"a broken configuration":                  func(r *Recovered) { r.Entries[1].Data = []byte{9} },
		"a base without a snapshot":               damaged(func(r *Recovered) { r.Snapshot = SnapshotMeta{} }),
		"a snapshot without an id":                damaged(func(r *Recovered) { r.Snapshot.ID = 0 }),
		"a snapshot below the base":               damaged(func(r *Recovered) { r.Snapshot.Position.Index = 8 }),
		"a snapshot beyond the log":               damaged(func(r *Recovered) { r.Snapshot.Position.Index = 12 }),
		"a snapshot of another term":              damaged(func(r *Recovered) { r.Snapshot.Position.Term = 2 }),
		"no membership":                           damaged(func(r *Recovered) { r.Snapshot.Membership = Membership{} }),
		"a membership with no member":             damaged(func(r *Recovered) { r.Snapshot.Membership.Members = []Member{{}} }),
		"a membership of the future":              damaged(func(r *Recovered) { r.Snapshot.ConfigurationIndex = 11 }),
		"a membership that the log does not know": damaged(func(r *Recovered) { r.Snapshot.ConfigurationIndex = 10 }),
	}
	cfg := DefaultConfig(1)
	cfg.Incarnation, cfg.Random = 101, newRandom(1)
	e, err := New(cfg, compacted())
	require.NoError(t, err)
	require.Equal(t, Index(10), e.Commit(), "what is in the snapshot is committed")
	for name, damage := range cases {
		t.Run(name, func(t *testing.T) {
			r := good()
			damage(&r)
			_, err := New(cfg, r)
			require.ErrorIs(t, err, ErrInvalidRecovered)
		})
	}
	_, err = New(cfg, good())
	require.NoError(t, err)
	cfg.ID = 0
	_, err = New(cfg, good())
	require.ErrorIs(t, err, ErrInvalidConfig)
}
