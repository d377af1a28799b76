package check

import "github.com/yggr-go/yggr/engine"

// checkBelief: nobody believes itself removed whom a configuration names that may be in force and follows all that it was
// told: the newest one, or one before it as long as those behind that are not committed. A removal that is not committed
// says nothing yet (dissertation §4.1).
func checkBelief(n *node, event engine.Event) error {
	if incoming, ok := event.(*engine.Incoming); ok {
		if m, ok := incoming.Message.(*engine.Removed); ok && m.Incarnation == n.peer.Incarnation && m.Commit.Index > n.conduct.excluded.Index {
			n.conduct.excluded = m.Commit
		}
	}
	if n.status.Removed && n.namedAfter(n.conduct.excluded) {
		return violated("leaving", "%v believes itself removed, and what it was told as of %v is followed by a configuration that names it",
			n.peer, n.conduct.excluded)
	}
	return nil
}
