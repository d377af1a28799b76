package engine

import (
	"slices"
	"sort"
)

// log is the replicated log above base, with the configurations that it holds.
//
// Entries that were handed out in an action or a message stay as they are for ever. Two habits keep that true:
// every slice that leaves has its capacity cut to its length, and truncation moves what is left to a new array,
// so that an append never writes where an earlier slice can look. Growth beyond all handed-out lengths is free
// to use the same array.
//
// Invariant: entries[i].Index == base.Index+1+i; terms never fall; configurations ascends by index.
type log struct {
	base           Position
	entries        []Entry
	configurations []configurationAt
	unbound        bool // the newest configuration has members without an incarnation
}

// configurationAt is a decoded configuration entry. The oldest may be at or below the base, and then of a snapshot's
// label.
type configurationAt struct {
	index Index
	Configuration
}

func (l *log) lastIndex() Index { return l.base.Index + Index(len(l.entries)) }

func (l *log) last() Position {
	if len(l.entries) == 0 {
		return l.base
	}
	return l.entries[len(l.entries)-1].Position()
}

// term returns the term at index; known is false below the base and beyond the end.
func (l *log) term(index Index) (term Term, known bool) {
	switch {
	case index == l.base.Index:
		return l.base.Term, true
	case index < l.base.Index || index > l.lastIndex():
		return 0, false
	}
	return l.entries[index-l.base.Index-1].Term, true
}

// position returns the position at an index between the base and the end.
func (l *log) position(index Index) Position {
	term, _ := l.term(index)
	return Position{Term: term, Index: index}
}

// slice returns the entries first..last, which the log must hold.
func (l *log) slice(first, last Index) []Entry {
	low, high := first-l.base.Index-1, last-l.base.Index
	return l.entries[low:high:high]
}

// bounded returns the entries from first on, at most limit of them and at most size bytes, but at least one if
// there is any. It also returns their size.
func (l *log) bounded(first, last Index, limit, size int) ([]Entry, int) {
	if first > last {
		return nil, 0
	}
	from := l.entries[first-l.base.Index-1 : last-l.base.Index]
	from = from[:min(len(from), limit)]
	total := 0
	for i := range from {
		n := from[i].Size()
		if i > 0 && total+n > size {
			return from[:i:i], total
		}
		total += n
	}
	return slices.Clip(from), total
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
	size := 0
	for i := range entries {
		size += entries[i].Size()
	}
	return entries, size
}

// append adds entries that follow the end. Configurations among them are registered by the caller.
func (l *log) append(entries ...Entry) {
	l.reserve(len(entries))
	l.entries = append(l.entries, entries...)
}

// reserve makes room for n more entries. The log doubles when it is full, so that each entry is moved about once
// in its life.
func (l *log) reserve(n int) {
	if need := len(l.entries) + n; need > cap(l.entries) {
		l.entries = append(make([]Entry, 0, max(2*len(l.entries), need, 64)), l.entries...)
	}
}

// truncate removes first and everything behind it, configurations included. The rest moves to a new array, as roomy
// as the old one, since what was removed is about to be replaced.
func (l *log) truncate(first Index) {
	keep := l.entries[:first-l.base.Index-1]
	l.entries = append(make([]Entry, 0, cap(l.entries)), keep...)
	for n := len(l.configurations); n > 0 && l.configurations[n-1].index >= first; n-- {
		l.configurations = l.configurations[:n-1]
	}
	l.noteUnbound()
}

// compact drops everything up to index. What is left moves to a new array, so that what is dropped is released as soon
// as nobody else holds it. Of the configurations the newest at or below index stays: it is in force there.
func (l *log) compact(index Index) {
	if index == l.base.Index {
		return
	}
	rest := l.entries[index-l.base.Index:]
	l.base, l.entries = l.position(index), append(make([]Entry, 0, len(rest)+len(rest)/2), rest...)
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
	n := sort.Search(len(l.entries), func(i int) bool { return l.entries[i].Term >= term })
	return l.base.Index + 1 + Index(n)
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
