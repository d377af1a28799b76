package check

import "github.com/yggr-go/yggr/engine"

// checkCommitTold: when a leader commits, whoever is known to hold what is committed hears of it at once, and not with the
// next round of heartbeats (dissertation §3.5); unless a heartbeat is on its way to it, whose answer the next one waits for.
func (f *followers) checkCommitTold(n *node, before engine.Status) error {
	if before.Role != engine.Leader || n.status.Commit == before.Commit {
		return nil
	}
	for i := range f.of {
		p := &f.of[i]
		if known := min(n.status.Commit, p.match); p.peer.ID != 0 && known > p.told && p.beat <= p.echoed {
			return violated("commit told", "%v has committed %d, and has told %v of %d only, which holds %d",
				n.peer.ID, n.status.Commit, p.peer, p.told, p.match)
		}
	}
	return nil
}
