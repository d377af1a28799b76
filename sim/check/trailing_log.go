package check

import "github.com/yggr-go/yggr/engine"

// checkTrailing: behind a snapshot of its own a node keeps so much log as it is told to, if it has it.
func checkTrailing(n *node, before engine.Status, memory image, actions []engine.Action) error {
	for _, action := range actions {
		a, ok := action.(*engine.PersistSnapshot)
		if !ok || !a.Keep {
			continue
		}
		top, lowest := a.Snapshot.Position.Index, before.Base.Index
		size := 0
		for i := a.Base.Index + 1; i <= top; i++ {
			e, _ := memory.log.at(i)
			size += e.Size()
		}
		if n.status.Role != engine.Leader && size > n.conduct.cfg.TrailingLogBytes && a.Base.Index > lowest {
			return violated("trailing log", "%v keeps %d bytes below its snapshot %v", n.peer.ID, size, a.Snapshot)
		}
		if want := min(top-lowest, engine.Index(n.conduct.cfg.TrailingLogEntries)); top-a.Base.Index < want && n.conduct.cfg.TrailingLogBytes > 1<<20 {
			return violated("trailing log", "%v keeps %d entries below its snapshot %v, and is to keep %d", n.peer.ID, top-a.Base.Index, a.Snapshot, want)
		}
	}
	return nil
}
