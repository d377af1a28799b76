package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkFarewell: whoever is removed hears its leader like all others until that is committed: it may be needed, and has no
// other way to learn of it (dissertation §4.2.2).
func checkFarewell(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	if _, ticks := event.(*engine.Tick); !ticks || n.status.Role != engine.Leader || before.Role != engine.Leader {
		return nil
	}
	hears := func(id engine.NodeID) bool {
		return slices.ContainsFunc(actions, func(a engine.Action) bool {
			send, ok := a.(*engine.Send)
			if !ok || send.To != id {
				return false
			}
			_, beats := send.Message.(*engine.Heartbeat)
			return beats
		})
	}
	others := slices.DeleteFunc(slices.Clone(n.status.Membership.Members), func(m engine.Member) bool { return m.ID == n.peer.ID })
	if len(others) == 0 || !slices.ContainsFunc(others, func(m engine.Member) bool { return hears(m.ID) }) {
		return nil // this is no round
	}
	for _, m := range slices.Concat(others, n.beingRemoved()) {
		if !hears(m.ID) {
			return violated("farewell", "%v lets the others hear that it leads, and not %v", n.peer.ID, m)
		}
	}
	return nil
}

// beingRemoved returns who is in a configuration that may still count, and not in the newest one.
func (n *node) beingRemoved() (members []engine.Member) {
	for _, c := range slices.Backward(n.configurations) {
		for _, m := range c.Membership.Members {
			if _, stays := n.status.Membership.Lookup(m.ID); !stays && m.ID != n.peer.ID {
				members = append(members, m)
			}
		}
		if c.position.Index <= n.status.Commit {
			break
		}
	}
	return members
}
