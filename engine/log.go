package engine

import (
	"slices"
	"sort"
)

// log is the replicated log above base, with the configurations that it holds.
//
// Invariant: the blocks hold count entries, from base.Index+1 on without a gap; terms never fall; configurations ascends
// by index.
type log struct {
	base           Position
	count          int
	blocks         []block
	configurations []configurationAt
	unbound        bool // the newest configuration has members without an incarnation
}

// configurationAt is a decoded configuration entry. The oldest may be at or below the base, and then of a snapshot's
// label.
type configurationAt struct {
	index Index
	Configuration
}

func (l *log) lastIndex() Index { return l.base.Index + Index(l.count) }

func (l *log) last() Position { return l.position(l.lastIndex()) }

// term returns the term at index; known is false below the base and beyond the end.
func (l *log) term(index Index) (term Term, known bool) {
	switch {
	case index == l.base.Index:
		return l.base.Term, true
	case index < l.base.Index || index > l.lastIndex():
		return 0, false
	}
	return l.at(index).Term, true
}

// position returns the position at an index between the base and the end.
func (l *log) position(index Index) Position {
	term, _ := l.term(index)
	return Position{Term: term, Index: index}
}

// bounded returns the entries from first on, at most limit of them and at most size bytes, but at least one if
// there is any. It also returns their size.
func (l *log) bounded(first, last Index, limit, size int) ([]Entry, int) {
	entries := l.slice(first, min(last, first+Index(limit)-1))
	total := 0
	for i := range entries {
		n := entries[i].Size()
		if i > 0 && total+n > size {
			return entries[:i:i], total
		}
		total += n
	}
	return entries, total
}

// sizeOf returns the bytes of entries.
func sizeOf(entries []Entry) int {
	total := 0
	for i := range entries {
		total += entries[i].Size()
	}
	return total
}

// beginning returns the founders' entry and the one behind it, which go together whatever the bounds: a log that holds
// nothing but the first is that of a founder that no leader has met, and no member that comes back may look like one.
// A leader's log always holds both.
func (l *log) beginning() ([]Entry, int) {
	entries := l.slice(1, min(2, l.lastIndex()))
	return entries, sizeOf(entries)
}

// truncate removes first and everything behind it, configurations included.
func (l *log) truncate(first Index) {
	l.dropFrom(first)
	l.count = int(first - l.base.Index - 1)
	for n := len(l.configurations); n > 0 && l.configurations[n-1].index >= first; n-- {
		l.configurations = l.configurations[:n-1]
	}
	l.noteUnbound()
}

// compact drops everything up to index. Of the configurations the newest at or below index stays: it is in force there.
func (l *log) compact(index Index) {
	if index == l.base.Index {
		return
	}
	position, rest := l.position(index), l.lastIndex()-index
	l.dropUpTo(index)
	l.base, l.count = position, int(rest)
	for len(l.configurations) > 1 && l.configurations[1].index <= index {
		l.configurations = l.configurations[1:]
	}
	l.configurations = slices.Clone(l.configurations)
}

// restart begins an empty log after base, where c is in force.
func (l *log) restart(base Position, c configurationAt) {
	*l = log{base: base, configurations: []configurationAt{c}}
	l.noteUnbound()
}

// register adds configurations whose entries were appended.
func (l *log) register(configurations []configurationAt) {
	if len(configurations) > 0 {
		l.configurations = append(l.configurations, configurations...)
		l.noteUnbound()
	}
}

func (l *log) noteUnbound() {
	l.unbound = slices.ContainsFunc(l.members(), func(m Member) bool { return m.Incarnation == 0 })
}

// newestConfiguration returns the index of the newest configuration; zero when there is none.
func (l *log) newestConfiguration() Index {
	if n := len(l.configurations); n > 0 {
		return l.configurations[n-1].index
	}
	return 0
}

// members returns the members of the newest configuration.
func (l *log) members() []Member {
	if n := len(l.configurations); n > 0 {
		return l.configurations[n-1].Membership.Members
	}
	return nil
}

// configuration returns the newest configuration, committed or not: a configuration is in force from the moment
// it is in the log (dissertation §4.1). A log without one gives an empty membership.
func (l *log) configuration() configurationAt {
	if n := len(l.configurations); n > 0 {
		return l.configurations[n-1]
	}
	return configurationAt{}
}

// configurationUpTo returns the newest configuration at or below index, which is not below the base.
func (l *log) configurationUpTo(index Index) configurationAt {
	for _, c := range slices.Backward(l.configurations) {
		if c.index <= index {
			return c
		}
	}
	return configurationAt{}
}

// previousConfiguration returns the one before the newest.
func (l *log) previousConfiguration() configurationAt {
	if n := len(l.configurations); n > 1 {
		return l.configurations[n-2]
	}
	return configurationAt{}
}

// firstOfTerm returns the lowest index above the base whose entry has at least the given term, or the index
// after the end. Terms never fall along a log, so it is found by halving.
func (l *log) firstOfTerm(term Term) Index {
	first := l.base.Index + 1
	return first + Index(sort.Search(l.count, func(i int) bool { return l.at(first+Index(i)).Term >= term }))
}

// lastUpToTerm returns the highest index, at most limit, whose entry has at most the given term. It is the base
// when there is none above it.
func (l *log) lastUpToTerm(term Term, limit Index) Index {
	return min(l.firstOfTerm(term+1)-1, limit)
}

// divergence returns how many of the entries, which follow prev, the log already holds: they need no writing.
func (l *log) divergence(entries []Entry) int {
	for i := range entries {
		term, known := l.term(entries[i].Index)
		if !known && entries[i].Index < l.base.Index {
			continue
		}
		if !known || term != entries[i].Term {
			return i
		}
	}
	return len(entries)
}
