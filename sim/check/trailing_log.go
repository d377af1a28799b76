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
		point := max(lowest, top-min(top, engine.Index(n.conduct.cfg.TrailingLogEntries)))
		for i := top + 1; i <= before.Last.Index; i++ {
			e, _ := memory.log.at(i)
			size += e.Size()
		}
		if a.Base.Index < point && size > n.conduct.cfg.MaxPinnedBytes {
			return violated("trailing log", "%v keeps %d bytes of log from %v on for a follower", n.peer.ID, size, a.Base)
		}
		if want := min(top-lowest, engine.Index(n.conduct.cfg.TrailingLogEntries)); top-a.Base.Index < want && n.conduct.cfg.TrailingLogBytes > 1<<20 {
			return violated("trailing log", "%v keeps %d entries below its snapshot %v, and is to keep %d", n.peer.ID, top-a.Base.Index, a.Snapshot, want)
		}
	}
	return nil
}
