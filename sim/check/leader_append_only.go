package check

import "github.com/yggr-go/yggr/engine"

// checkLeaderAppendOnly: a leader only appends, it never overwrites or deletes an entry of its log
// (dissertation §3.5, Figure 3.2). It runs before the Step's writes are carried out.
func checkLeaderAppendOnly(n *node, before engine.Status, actions []engine.Action, after engine.Status) error {
	if before.Role != engine.Leader || after.Role != engine.Leader || before.Term != after.Term {
		return nil
	}
	last := n.memory.log.last()
	for _, action := range actions {
		persist, ok := action.(*engine.PersistLogEntries)
		if !ok {
			continue
		}
		if first := persist.Entries[0].Position(); first.Index <= last.Index {
			return violated("leader append-only", "%v leads term %d, has its log up to %v and writes again from %v on",
				n.peer.ID, after.Term, last, first)
		}
		last = persist.Entries[len(persist.Entries)-1].Position()
	}
	return nil
}
