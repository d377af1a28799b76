package check

import "github.com/yggr-go/yggr/engine"

// logMatching: logs that hold the same position are equal up to it (dissertation §3.5, Figure 3.2). It is enough
// that one position has, in every log that ever held it, the same content and the same predecessor: the rest
// follows by induction.
type logMatching struct {
	slots map[engine.Position]slot
}

type slot struct {
	entry    engine.Entry
	previous engine.Position
	node     engine.NodeID // who had it first
}

func (l *logMatching) stepped(n *node, actions []engine.Action) error {
	for _, action := range actions {
		persist, ok := action.(*engine.PersistLogEntries)
		if !ok {
			continue
		}
		previous := n.memory.log.base
		if entry, ok := n.memory.log.at(persist.Entries[0].Index - 1); ok {
			previous = entry.Position()
		}
		if err := l.appended(n, persist.Entries, previous); err != nil {
			return err
		}
	}
	return nil
}

func (l *logMatching) appended(n *node, entries []engine.Entry, previous engine.Position) error {
	for _, entry := range entries {
		p := entry.Position()
		if p.Index != previous.Index+1 || p.Term < previous.Term {
			return violated("log matching", "%v has %v right after %v", n.peer.ID, p, previous)
		}
		first, known := l.slots[p]
		switch {
		case !known:
			l.slots[p] = slot{entry: entry, previous: previous, node: n.peer.ID}
		case first.previous != previous:
			return violated("log matching", "%v comes after %v on %v and after %v on %v",
				p, previous, n.peer.ID, first.previous, first.node)
		case !sameEntry(first.entry, entry):
			return violated("log matching", "%v is %v %q on %v and %v %q on %v",
				p, entry.Kind, entry.Data, n.peer.ID, first.entry.Kind, first.entry.Data, first.node)
		}
		previous = p
	}
	return nil
}
