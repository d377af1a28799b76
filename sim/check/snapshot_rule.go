package check

import "github.com/yggr-go/yggr/engine"

// snapshotRule: what a node keeps in place of its log is what the log held (dissertation §5.1).
//
//   - A snapshot is of committed entries. One of the node's own is of entries that it has applied, and its label names
//     the membership of the log there; the log that goes with it is in the snapshot, and the rest stays.
//   - Only followers install the snapshots of others, only where that brings news, and the log goes only where it lacks
//     the snapshot's last entry or contradicts it.
//   - A snapshot never replaces a later one.
type snapshotRule struct {
	labels map[uint64]engine.SnapshotMeta // by id: two snapshots never share one
}

func (r *snapshotRule) stepped(n *node, before engine.Status, memory image, actions []engine.Action, committed func(engine.Position) bool) error {
	for _, action := range actions {
		change, ok := action.(*engine.PersistSnapshot)
		if !ok {
			continue
		}
		s := change.Snapshot
		if first, known := r.labels[s.ID]; known && (first.Position != s.Position || first.Checksum != s.Checksum) {
			return violated("snapshot rule", "%v keeps snapshot %v, which was %v", n.peer.ID, s, first)
		}
		r.labels[s.ID] = s
		if s.Position.Index <= memory.snapshot.Position.Index {
			return violated("snapshot rule", "%v replaces its snapshot %v by %v", n.peer.ID, memory.snapshot, s)
		}
		if err := r.judge(n, before, memory, change); err != nil {
			return err
		}
		if !committed(s.Position) {
			return violated("snapshot rule", "%v keeps snapshot %v, which is of no committed entry", n.peer.ID, s)
		}
	}
	return nil
}

func (r *snapshotRule) judge(n *node, before engine.Status, memory image, change *engine.PersistSnapshot) error {
	s, id := change.Snapshot, n.peer.ID
	if !change.Keep {
		switch {
		case before.Role != engine.Follower:
			return violated("snapshot rule", "%v installs snapshot %v as %v", id, s, before.Role)
		case s.Position.Index <= before.Commit:
			return violated("snapshot rule", "%v installs snapshot %v and has committed up to %d", id, s, before.Commit)
		case memory.log.holds(s.Position):
			return violated("snapshot rule", "%v drops its log for snapshot %v, and the log holds that entry", id, s)
		case change.Base != s.Position:
			return violated("snapshot rule", "%v installs snapshot %v and begins its log after %v", id, s, change.Base)
		}
		return nil
	}
	switch {
	case s.Position.Index > n.status.Applied:
		return violated("snapshot rule", "%v takes snapshot %v and has applied %d", id, s, n.status.Applied)
	case !memory.log.holds(s.Position) || s.Position.Index < memory.log.base.Index:
		return violated("snapshot rule", "%v takes snapshot %v of a log %v..%v that does not hold it", id, s, memory.log.base, memory.log.last())
	case change.Base.Index > s.Position.Index || change.Base.Index < memory.log.base.Index || !memory.log.holds(change.Base):
		return violated("snapshot rule", "%v takes snapshot %v and moves the end of its log from %v to %v", id, s, memory.log.base, change.Base)
	}
	return memory.log.labelled(id, s)
}

// labelled compares the membership of a label with the newest configuration of the log up to there.
func (h *history) labelled(id engine.NodeID, s engine.SnapshotMeta) error {
	for index := s.Position.Index; index > h.base.Index; index-- {
		entry, _ := h.at(index)
		if entry.Kind != engine.EntryConfiguration {
			continue
		}
		c, err := engine.DecodeConfiguration(entry.Data)
		if err != nil || s.ConfigurationIndex != index || c.Membership.String() != s.Membership.String() {
			return violated("snapshot rule", "%v labels snapshot %v with %v of %d, the log has %v of %d",
				id, s, s.Membership, s.ConfigurationIndex, c.Membership, index)
		}
		return nil
	}
	if s.ConfigurationIndex > h.base.Index {
		return violated("snapshot rule", "%v labels snapshot %v with a configuration %d that the log does not have", id, s, s.ConfigurationIndex)
	}
	return nil
}
