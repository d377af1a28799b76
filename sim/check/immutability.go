package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// What an engine hands out never changes: entries wait in a disk's queue and travel in messages while the log
// that they came from is truncated and grows again. These checks compare what arrives with what was handed out.

// unchanged compares a write that is carried out with what it was when the engine asked for it.
func (n *node) unchanged(w write) error {
	if sameEntries(w.entries, w.given) {
		return nil
	}
	return violated("immutability", "%v changed its write %d from %v on while it was under way: %v is %v now",
		n.peer.ID, w.seq, w.entries[0].Position(), positions(w.entries), positions(w.given))
}

// checkMessage compares the entries of an append that arrives with what every log has at their positions.
func (l *logMatching) checkMessage(event engine.Event) error {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil
	}
	m, ok := incoming.Message.(*engine.AppendEntries)
	if !ok {
		return nil
	}
	previous := m.Prev
	for _, entry := range m.Entries {
		known := l.slots[entry.Position()]
		if entry.Term > m.Term || known.previous != previous || !sameEntry(known.entry, entry) {
			return violated("immutability", "the append %d of %v in term %d arrives with %v after %v, which it cannot have left with",
				m.Number, incoming.From.ID, m.Term, entry.Position(), previous)
		}
		previous = entry.Position()
	}
	return nil
}

func positions(entries []engine.Entry) []engine.Position {
	return slices.Collect(func(yield func(engine.Position) bool) {
		for _, entry := range entries {
			if !yield(entry.Position()) {
				return
			}
		}
	})
}
