package check

import "github.com/yggr-go/yggr/engine"

// checkUnapplied: a log does not grow without bound while its machine is behind. A leader takes no proposals then, and a
// follower no entries as long as some of what it has is committed and not applied.
func checkUnapplied(n *node, before engine.Status, memory image, event engine.Event, actions []engine.Action) error {
	limit := n.conduct.cfg.MaxUnappliedBytes
	grows := false
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.ProposalAccepted:
			_, _, proposed := proposal(event)
			grows = grows || proposed && !n.conduct.holds()
		case *engine.PersistLogEntries:
			_, received := event.(*engine.Incoming)
			grows = grows || received && before.Role != engine.Leader && n.status.Role == engine.Follower && before.Applied < before.Commit &&
				a.Entries[0].Index > before.Last.Index
		default:
		}
	}
	if !grows {
		return nil
	}
	size := 0
	for _, e := range memory.log.entries {
		if e.Index > before.Applied {
			size += e.Size()
		}
	}
	if size > limit {
		return violated("unapplied", "%v takes more entries, and its machine is %d bytes behind", n.peer.ID, size)
	}
	return nil
}

func (c *conduct) holds() bool { return c.cfg.MaxBatchDelayTicks > 0 }
