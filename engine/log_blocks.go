package engine

import (
	"iter"
	"sort"
)

// block is a part of the log in an array of its own. Growing the log begins a new block and moves no entry, so an
// append costs the same however long the log is, and what compaction drops is released block by block.
//
// Entries that were handed out in an action or a message stay as they are for ever. Two habits keep that true:
// every slice that leaves has its capacity cut to its length, and truncation moves what is left of a block to a new
// array, so that an append never writes where an earlier slice can look.
//
// Invariant: entries[i].Index == first+i; a block begins where the one before it ends; none is empty, but for the
// newest between reserve and append.
type block struct {
	first   Index
	entries []Entry
}

// A block has room for as many entries as the log holds already, within these bounds: a short log takes little, and of a
// long one little is moved when it is truncated or compacted.
const (
	minBlockEntries = 64
	maxBlockEntries = 4096
)

// reserve makes room for n entries, at least one, that will follow the end in one block. What goes together is so
// handed out later without a copy.
func (l *log) reserve(n int) {
	if k := len(l.blocks); k > 0 && cap(l.blocks[k-1].entries)-len(l.blocks[k-1].entries) >= n {
		return
	}
	room := max(n, minBlockEntries, min(l.count, maxBlockEntries))
	l.blocks = append(l.blocks, block{first: l.lastIndex() + 1, entries: make([]Entry, 0, room)})
}

// append adds entries that follow the end. Configurations among them are registered by the caller.
func (l *log) append(entries ...Entry) {
	if len(entries) == 0 {
		return
	}
	l.reserve(len(entries))
	newest := &l.blocks[len(l.blocks)-1]
	newest.entries = append(newest.entries, entries...)
	l.count += len(entries)
}

// push adds one entry for which there is room.
func (l *log) push(entry Entry) {
	newest := &l.blocks[len(l.blocks)-1]
	newest.entries = append(newest.entries, entry)
	l.count++
}

// at returns the entry at an index above the base and up to the end.
func (l *log) at(index Index) *Entry {
	b := l.blockOf(index)
	return &b.entries[index-b.first]
}

// blockOf returns the block of an index above the base and up to the end; in most cases it is the newest.
func (l *log) blockOf(index Index) *block {
	if newest := &l.blocks[len(l.blocks)-1]; newest.first <= index {
		return newest
	}
	return &l.blocks[l.blockNumber(index)]
}

func (l *log) blockNumber(index Index) int {
	return sort.Search(len(l.blocks), func(i int) bool { return l.blocks[i].first > index }) - 1
}

// slice returns the entries first..last, which the log must hold. Those of more than one block are copied.
func (l *log) slice(first, last Index) []Entry {
	if first > last {
		return nil
	}
	b := l.blockOf(first)
	if low, high := first-b.first, last+1-b.first; high <= Index(len(b.entries)) {
		return b.entries[low:high:high]
	}
	joined := make([]Entry, 0, last+1-first)
	for part := range l.parts(first, last) {
		joined = append(joined, part...)
	}
	return joined
}

// parts returns the entries first..last, which the log must hold, block by block.
func (l *log) parts(first, last Index) iter.Seq[[]Entry] {
	return func(yield func([]Entry) bool) {
		for first <= last {
			b := l.blockOf(first)
			part := b.entries[first-b.first : min(Index(len(b.entries)), last+1-b.first)]
			if !yield(part) {
				return
			}
			first += Index(len(part))
		}
	}
}

// size returns the bytes of the entries first..last, which the log must hold.
func (l *log) size(first, last Index) int {
	total := 0
	for part := range l.parts(first, last) {
		total += sizeOf(part)
	}
	return total
}

// dropFrom drops first and everything behind it. The rest of its block moves to a new array, as roomy as the old one,
// since what was removed is about to be replaced.
func (l *log) dropFrom(first Index) {
	n := l.blockNumber(first)
	b := l.blocks[n]
	clear(l.blocks[n:])
	l.blocks = l.blocks[:n]
	if keep := b.entries[:first-b.first]; len(keep) > 0 {
		l.blocks = append(l.blocks, block{first: b.first, entries: append(make([]Entry, 0, cap(b.entries)), keep...)})
	}
}

// dropUpTo drops everything up to index. The rest of its block moves to a new array, so that what is dropped is released
// as soon as nobody else holds it.
func (l *log) dropUpTo(index Index) {
	n := l.blockNumber(index)
	b := l.blocks[n]
	rest := b.entries[index+1-b.first:]
	if len(rest) == 0 {
		n++
	} else {
		l.blocks[n] = block{first: index + 1, entries: append(make([]Entry, 0, len(rest)), rest...)}
	}
	l.blocks = append([]block(nil), l.blocks[n:]...)
}
