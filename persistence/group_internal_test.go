package persistence

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func entriesOf(term engine.Term, first engine.Index, count int) []engine.Entry {
	entries := make([]engine.Entry, count)
	for i := range entries {
		entries[i] = engine.Entry{Term: term, Index: first + engine.Index(i)}
	}
	return entries
}

// Recovery may begin behind the segments that hold some entries. A switch to them is taken on trust, for it was checked
// when it was written, and what follows is held to it.
func TestSwitchToWhatWasFreed(t *testing.T) {
	begin := func() *groupLog {
		g := newGroupLog(groupState{
			hard: engine.HardState{Term: 9}, base: engine.Position{Term: 1, Index: 3}, last: engine.Position{Term: 3, Index: 10},
			commit: 5, snapshot: SnapshotName{ID: 1, Position: engine.Position{Term: 1, Index: 3}},
		})
		require.NoError(t, g.replaceFrom(entriesOf(4, 8, 5), 7))
		return g
	}
	to := SnapshotSwitch{ID: 2, Position: engine.Position{Term: 2, Index: 7}, Base: engine.Position{Term: 2, Index: 6}, Keep: true}

	g := begin()
	_, err := g.recovered()
	require.ErrorContains(t, err, "entries 4..7 are missing")
	require.NoError(t, g.switchTo(to))
	_, known := g.termAt(7)
	require.False(t, known)
	_, err = g.recovered()
	require.ErrorContains(t, err, "entries 7..7 are missing")
	to.ID, to.Base = 3, to.Position
	require.ErrorContains(t, g.switchTo(SnapshotSwitch{
		ID: 3, Position: engine.Position{Term: 3, Index: 8}, Base: to.Base, Keep: true,
	}), "does not hold 3/8", "this one is known")
	to.ID = 2
	require.NoError(t, g.switchTo(to))
	r, err := g.recovered()
	require.NoError(t, err)
	require.Equal(t, entriesOf(4, 8, 5), r.Entries)
	require.Equal(t, []extent{{from: 8, segment: 7}}, g.extents)

	g = begin()
	require.NoError(t, g.switchTo(SnapshotSwitch{
		ID: 2, Position: engine.Position{Term: 5, Index: 7}, Base: engine.Position{Term: 5, Index: 7}, Keep: true,
	}))
	_, err = g.recovered()
	require.ErrorContains(t, err, "entry 4/8 after 5/7")
}

// The terms of a kept log are known after a switch as before, run by run, and no more runs are kept than there are.
func TestTermsAfterASwitch(t *testing.T) {
	g := newGroupLog(groupState{hard: engine.HardState{Term: 9}})
	require.NoError(t, g.replaceFrom(entriesOf(1, 1, 3), 1))
	require.NoError(t, g.replaceFrom(entriesOf(2, 4, 3), 1))
	require.NoError(t, g.replaceFrom(entriesOf(4, 7, 3), 2))
	for base, runs := range map[engine.Index]int{1: 3, 3: 3, 4: 2, 6: 2, 7: 1, 9: 1} {
		s := g.groupState
		s.runs, s.extents = append([]engine.Position(nil), s.runs...), append([]extent(nil), s.extents...)
		term, _ := g.termAt(base)
		at := engine.Position{Term: term, Index: base}
		require.NoError(t, s.switchTo(SnapshotSwitch{ID: 1, Position: at, Base: at, Keep: true}))
		require.Len(t, s.runs, runs, "base %d", base)
		for i := base; i <= 9; i++ {
			want, _ := g.termAt(i)
			got, known := s.termAt(i)
			require.True(t, known)
			require.Equal(t, want, got, "base %d, index %d", base, i)
		}
		_, known := s.termAt(base - 1)
		require.False(t, known)
		_, known = s.termAt(10)
		require.False(t, known)
	}
}

// Where entries lie takes room by the segment and not by the batch.
func TestExtentsAreSegments(t *testing.T) {
	s := groupState{}
	for i := range engine.Index(9) {
		require.NoError(t, s.replaceFrom(entriesOf(1, i+1, 1), 4+uint64(i)/5))
	}
	require.Equal(t, []extent{{from: 1, segment: 4}, {from: 6, segment: 5}}, s.extents)
}
