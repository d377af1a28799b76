package check

import (
	"bytes"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// history is a log as a disk or an engine holds it.
//
// Invariant: entries are consecutive from base.Index+1. A copy of a history stays what it was when the
// original goes on: appending writes behind the copy's end, and replacing moves to a new array.
type history struct {
	base    engine.Position
	entries []engine.Entry
}

func (h *history) last() engine.Position {
	if len(h.entries) == 0 {
		return h.base
	}
	return h.entries[len(h.entries)-1].Position()
}

// at returns the entry at index, and whether the history reaches it.
func (h *history) at(index engine.Index) (engine.Entry, bool) {
	if index <= h.base.Index || index > h.last().Index {
		return engine.Entry{}, false
	}
	return h.entries[index-h.base.Index-1], true
}

// holds reports whether the entry at p's index has p's term. What lies at the base or below counts as held.
func (h *history) holds(p engine.Position) bool {
	if p.Index <= h.base.Index {
		return p.Index < h.base.Index || p == h.base
	}
	entry, ok := h.at(p.Index)
	return ok && entry.Term == p.Term
}

// replace puts entries in the place of everything from their first index on. It reports whether they join the
// history without a gap.
func (h *history) replace(entries []engine.Entry) bool {
	first := entries[0].Index
	if first <= h.base.Index || first > h.last().Index+1 {
		return false
	}
	keep := int(first - h.base.Index - 1)
	if keep < len(h.entries) {
		h.entries = slices.Clip(h.entries[:keep])
	}
	h.entries = append(h.entries, entries...)
	return true
}

// begin lets everything up to base go, and without keep everything behind it too. It reports whether base is of the
// history then.
func (h *history) begin(base engine.Position, keep bool) bool {
	if !keep {
		*h = history{base: base}
		return true
	}
	if base.Index < h.base.Index || base.Index > h.last().Index || !h.holds(base) {
		return false
	}
	*h = history{base: base, entries: slices.Clip(h.entries[base.Index-h.base.Index:])}
	return true
}

func sameEntry(a, b engine.Entry) bool {
	return a.Term == b.Term && a.Index == b.Index && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data)
}

func sameEntries(a, b []engine.Entry) bool { return slices.EqualFunc(a, b, sameEntry) }
