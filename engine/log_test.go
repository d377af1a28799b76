package engine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// logOf returns a log after base whose entries have the given terms. Each entry has the data "term/index".
func logOf(base Position, terms ...Term) log {
	l := log{base: base}
	l.append(entriesOf(base.Index+1, terms...)...)
	return l
}

// all returns everything above the base.
func (l *log) all() []Entry { return l.slice(l.base.Index+1, l.lastIndex()) }

func entriesOf(first Index, terms ...Term) []Entry {
	var entries []Entry
	for i, term := range terms {
		e := Entry{Term: term, Index: first + Index(i), Kind: EntryCommand}
		e.Data = []byte(e.Position().String())
		entries = append(entries, e)
	}
	return entries
}

func TestLogPositions(t *testing.T) {
	for _, base := range []Position{{}, {Term: 2, Index: 7}} {
		l := logOf(base, 3, 3, 5)
		require.Equal(t, base.Index+3, l.lastIndex())
		require.Equal(t, Position{Term: 5, Index: base.Index + 3}, l.last())
		require.Equal(t, Position{Term: 3, Index: base.Index + 2}, l.position(base.Index+2))
		term, known := l.term(base.Index)
		require.True(t, known, "the base is known")
		require.Equal(t, base.Term, term)
		_, known = l.term(base.Index + 4)
		require.False(t, known, "beyond the end")
	}
	l := logOf(Position{Term: 2, Index: 7})
	require.Equal(t, Position{Term: 2, Index: 7}, l.last(), "an empty log ends at its base")
	_, known := l.term(6)
	require.False(t, known, "below the base")
}

func TestLogBounds(t *testing.T) {
	l := logOf(Position{Term: 1, Index: 10}, 1, 1, 1, 1)
	one := l.at(11).Size()
	cases := []struct {
		name        string
		first, last Index
		limit, size int
		want        int
	}{
		{"everything", 11, 14, 10, 1000, 4},
		{"entries", 11, 14, 2, 1000, 2},
		{"bytes", 11, 14, 10, 3*one - 1, 2},
		{"bytes to the byte", 11, 14, 10, 3 * one, 3},
		{"one entry always fits", 12, 14, 10, 1, 1},
		{"up to last", 12, 13, 10, 1000, 2},
		{"none", 15, 14, 10, 1000, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			entries, bytes := l.bounded(c.first, c.last, c.limit, c.size)
			require.Len(t, entries, c.want)
			require.Equal(t, c.want, cap(entries), "capacity is cut, so that nobody can append into the log")
			sum := 0
			for i, e := range entries {
				require.Equal(t, c.first+Index(i), e.Index)
				sum += e.Size()
			}
			require.Equal(t, sum, bytes)
		})
	}
}

func TestLogFindsTerms(t *testing.T) {
	l := logOf(Position{Term: 2, Index: 10}, 2, 4, 4, 4, 7, 7)
	first := map[Term]Index{1: 11, 2: 11, 3: 12, 4: 12, 5: 15, 7: 15, 8: 17}
	for term, want := range first {
		require.Equal(t, want, l.firstOfTerm(term), "first of term %d", term)
	}
	last := map[Term]Index{1: 10, 2: 11, 3: 11, 4: 14, 6: 14, 7: 16, 9: 16}
	for term, want := range last {
		require.Equal(t, want, l.lastUpToTerm(term, 100), "last up to term %d", term)
	}
	require.Equal(t, Index(13), l.lastUpToTerm(4, 13), "never above the limit")
}

func TestLogDivergence(t *testing.T) {
	l := logOf(Position{Term: 2, Index: 10}, 3, 3, 4)
	cases := []struct {
		name    string
		entries []Entry
		want    int
	}{
		{"none", nil, 0},
		{"all held", entriesOf(11, 3, 3, 4), 3},
		{"a shorter append", entriesOf(11, 3, 3), 2},
		{"new ones behind", entriesOf(12, 3, 4, 5, 5), 2},
		{"a conflict", entriesOf(11, 3, 4, 4), 1},
		{"all new", entriesOf(14, 4, 5), 0},
		{"from below the base", entriesOf(8, 1, 2, 2, 3, 3, 4, 6), 6},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, l.divergence(c.entries)) })
	}
}

// TestHandedOutEntriesNeverChange: whatever happens to the log afterwards, a slice that left shows what it showed.
func TestHandedOutEntriesNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := logOf(Position{Term: 1, Index: 5}, 1)
		term := Term(1)
		var handed, copies [][]Entry
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			term += Term(rapid.IntRange(0, 1).Draw(t, "later"))
			switch rapid.IntRange(0, 2).Draw(t, "op") {
			case 0:
				terms := slices.Repeat([]Term{term}, rapid.IntRange(1, 50).Draw(t, "count"))
				l.append(entriesOf(l.lastIndex()+1, terms...)...)
			case 1:
				if l.lastIndex() > 6 {
					l.truncate(Index(rapid.Uint64Range(7, uint64(l.lastIndex())).Draw(t, "first")))
				}
			case 2:
				first := Index(rapid.Uint64Range(6, uint64(l.lastIndex())).Draw(t, "first"))
				slice := l.slice(first, l.lastIndex())
				require.Equal(t, len(slice), cap(slice))
				handed, copies = append(handed, slice), append(copies, slices.Clone(slice))
			}
			for index := l.base.Index + 1; index <= l.lastIndex(); index++ {
				require.Equal(t, index, l.at(index).Index)
			}
		}
		require.Equal(t, copies, handed)
	})
}

func TestTruncationRollsConfigurationsBack(t *testing.T) {
	l := logOf(Position{}, 1, 1, 2, 2, 3)
	at := func(index Index, voters ...NodeID) configurationAt {
		c := configurationAt{index: index}
		for _, id := range voters {
			c.Membership.Members = append(c.Membership.Members, Member{ID: id, Incarnation: Incarnation(id), Role: Voter})
		}
		return c
	}
	require.Empty(t, l.configuration().Membership.Members, "a log without configurations has no members")
	l.register([]configurationAt{at(1, 1), at(3, 1, 2), at(5, 1, 2, 3)})
	require.Equal(t, Index(5), l.configuration().index)
	require.Equal(t, Index(3), l.previousConfiguration().index)
	l.truncate(5)
	require.Equal(t, []NodeID{1, 2}, l.configuration().Membership.Voters())
	l.truncate(2)
	require.Equal(t, []NodeID{1}, l.configuration().Membership.Voters())
	require.Empty(t, l.previousConfiguration().Membership.Members)
}

func TestTruncationLeavesRoom(t *testing.T) {
	l := logOf(Position{}, 1, 1, 2, 2, 3)
	room := cap(l.blocks[0].entries)
	l.truncate(4)
	kept := l.at(1)
	require.Equal(t, room, cap(l.blocks[0].entries))
	l.append(entriesOf(4, 4, 4)...)
	require.Same(t, kept, l.at(1), "what replaces the removed entries moves nothing again")
}

func TestNamedSince(t *testing.T) {
	named := func(index Index, incarnation Incarnation) configurationAt {
		m := Membership{Members: []Member{{ID: 1, Incarnation: incarnation, Role: Voter}}}
		return configurationAt{index: index, Configuration: Configuration{Membership: m}}
	}
	l := log{configurations: []configurationAt{named(1, 0), named(4, 7), named(6, 7), named(9, 7)}}
	require.Equal(t, Index(4), l.namedSince(1, 7), "the oldest of an unbroken run")
	l.configurations = append(l.configurations, named(12, 8))
	require.Equal(t, Index(12), l.namedSince(1, 8))
}

// TestLogGrowsWithoutMoving: an entry stays where it was written, and little room is taken in advance.
func TestLogGrowsWithoutMoving(t *testing.T) {
	var l log
	var written []*Entry
	for i := range 100_000 {
		l.append(Entry{Term: 1, Index: Index(i + 1), Kind: EntryCommand})
		written = append(written, l.at(l.lastIndex()))
	}
	for i, entry := range written {
		require.Same(t, entry, l.at(Index(i+1)))
	}
	room := 0
	for _, b := range l.blocks {
		room += cap(b.entries)
	}
	require.LessOrEqual(t, room-l.count, maxBlockEntries)
	require.Less(t, len(l.blocks), 40)
}

// TestWhatIsAppendedTogetherIsHandedOutWithoutACopy: one proposal is one write and one message.
func TestWhatIsAppendedTogetherIsHandedOutWithoutACopy(t *testing.T) {
	var l log
	for i := range 300 {
		first := l.lastIndex() + 1
		l.append(entriesOf(first, slices.Repeat([]Term{1}, 1+i*7%97)...)...)
		require.Same(t, l.at(first), &l.slice(first, l.lastIndex())[0])
	}
}
