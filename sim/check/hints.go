package check

import "github.com/yggr-go/yggr/engine"

// checkHints: a hint by the number of entries is given once for what was applied, unless a snapshot was taken since.
func checkHints(n *node, actions []engine.Action) error {
	for _, action := range actions {
		if _, switched := action.(*engine.PersistSnapshot); switched {
			n.conduct.hinted = 0
		}
		hint, ok := action.(*engine.SnapshotHint)
		if !ok || hint.Reason != engine.HintApplied {
			continue
		}
		if hint.Applied == n.conduct.hinted {
			return violated("hints", "%v hints twice at a snapshot of what is applied up to %d", n.peer.ID, hint.Applied)
		}
		n.conduct.hinted = hint.Applied
	}
	return nil
}
