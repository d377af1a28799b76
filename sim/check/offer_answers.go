package check

import "github.com/yggr-go/yggr/engine"

// checkOfferAnswers: a follower says of a snapshot that it holds what is in it if and only if it has committed so much. Then
// it names its commit index, in the Step that decides it, and its host receives nothing.
func checkOfferAnswers(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	offer := offerTaken(n, event)
	known := offer != nil && offer.Snapshot.Position.Index <= before.Commit
	held := false
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.ReceiveSnapshot:
			if a.Snapshot.Position.Index <= before.Commit {
				return violated("offers", "%v is to receive snapshot %v and has committed up to %d", n.peer.ID, a.Snapshot, before.Commit)
			}
			n.conduct.transfers.awaits = a.Snapshot.Position.Index
		case *engine.Send:
			m, ok := a.Message.(*engine.SnapshotOfferResponse)
			if !ok || m.Verdict != engine.SnapshotHeld {
				continue
			}
			held = true
			reaches := n.conduct.transfers.awaits
			if offer != nil {
				reaches = offer.Snapshot.Position.Index
			}
			if m.Match != n.status.Commit || m.Match < reaches {
				return violated("offers", "%v holds a snapshot up to %d, it says up to %d, and has committed up to %d",
					n.peer.ID, reaches, m.Match, n.status.Commit)
			}
		default:
		}
	}
	if known && !held && !stops(actions) {
		return violated("offers", "%v does not say that it holds %v, and has committed up to %d", n.peer.ID, offer.Snapshot, before.Commit)
	}
	return nil
}

// offerTaken returns the offer that an event brings from a leader whom the node follows; nil if it brings none.
func offerTaken(n *node, event engine.Event) *engine.SnapshotOffer {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil
	}
	m, ok := incoming.Message.(*engine.SnapshotOffer)
	if !ok || m.Term != n.status.Term || n.status.Role != engine.Follower || n.status.Leader != incoming.From.ID ||
		m.Transfer == 0 || m.Snapshot.Position.Index < 2 || m.Snapshot.Position.Term > m.Term || m.Snapshot.Validate() != nil {
		return nil
	}
	return m
}

func stops(actions []engine.Action) bool {
	for _, action := range actions {
		if _, ok := action.(*engine.Fatal); ok {
			return true
		}
	}
	return false
}
