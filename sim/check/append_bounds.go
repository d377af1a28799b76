package check

import "github.com/yggr-go/yggr/engine"

// checkAppends: an append holds at most as many entries and bytes as the configuration allows, though one entry in any case.
// What a new member gets first is more than one entry, because one alone would make it look like a founder that never heard
// of a leader.
func checkAppends(n *node, actions []engine.Action) error {
	cfg := n.conduct.cfg
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		m, ok := send.Message.(*engine.AppendEntries)
		if !ok {
			continue
		}
		size := 0
		for i := range m.Entries {
			size += m.Entries[i].Size()
		}
		count, most, first := len(m.Entries), cfg.MaxAppendEntries, m.Prev.Index == 0
		if first && count == 1 && n.status.Last.Index > 1 {
			return violated("append bounds", "%v sends %v the first entry alone", n.peer.ID, send.To)
		}
		if first {
			most = max(most, 2)
		}
		if count > most || count > 1 && size > cfg.MaxAppendBytes && (!first || count > 2) {
			return violated("append bounds", "%v sends %v %d entries with %d bytes at once", n.peer.ID, send.To, count, size)
		}
	}
	return nil
}
