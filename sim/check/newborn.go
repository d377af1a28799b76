package check

import "github.com/yggr-go/yggr/engine"

// checkNewborn: a log that ends with the founders' entry is that of a founder that no leader has met yet, and such ones elect
// each other. So nobody else's does: neither does a joiner's log stop there, nor is there a snapshot of that entry alone.
func checkNewborn(n *node, memory image, actions []engine.Action) error {
	founded := engine.Position{Term: 1, Index: 1}
	if n.memory.log.last() == founded && memory.log.last() != founded {
		return violated("identity", "the log of %v ends with the founders' entry, and did not begin so", n.peer)
	}
	for _, action := range actions {
		if a, ok := action.(*engine.PersistSnapshot); ok && a.Snapshot.Position.Index <= founded.Index {
			return violated("identity", "%v keeps snapshot %v, which is of no more than a founder begins with", n.peer, a.Snapshot)
		}
	}
	return nil
}
