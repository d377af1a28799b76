package check

import "github.com/yggr-go/yggr/engine"

// stateMachineSafety: if a node has applied an entry at an index, no node ever applies another one there
// (dissertation §3.6.3, Figure 3.2). Each life applies every index above its snapshot, in order and once, and only
// what is committed and durable on the node itself; a snapshot of the leader takes the place of a run of them.
type stateMachineSafety struct {
	applied []engine.Entry // applied[i] is at index i+1; a zero entry is not known
	first   []engine.NodeID
}

func (s *stateMachineSafety) stepped(n *node, actions []engine.Action) error {
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.Apply:
			for _, entry := range a.Entries {
				if err := s.apply(n, entry); err != nil {
					return err
				}
			}
		case *engine.ApplySnapshot:
			if err := s.restore(n, a.Snapshot); err != nil {
				return err
			}
		default:
		}
	}
	return nil
}

// restore judges a snapshot like the entries that it stands for: it brings the machine forward, to where the log has
// durably begun anew.
func (s *stateMachineSafety) restore(n *node, label engine.SnapshotMeta) error {
	id, p := n.peer.ID, label.Position
	switch {
	case p.Index <= n.handed:
		return violated("state machine safety", "%v restores %v after index %d", id, label, n.handed)
	case p != n.memory.log.base:
		return violated("state machine safety", "%v restores %v and its log begins after %v", id, label, n.memory.log.base)
	case p.Index > n.durableIndex():
		return violated("state machine safety", "%v restores %v before the switch to it is durable", id, label)
	}
	n.handed = p.Index
	return nil
}

func (s *stateMachineSafety) apply(n *node, entry engine.Entry) error {
	id, p := n.peer.ID, entry.Position()
	switch durable := n.durableIndex(); {
	case p.Index != n.handed+1:
		return violated("state machine safety", "%v applies %v after index %d", id, p, n.handed)
	case p.Index > n.status.Commit:
		return violated("state machine safety", "%v applies %v and has committed up to %d", id, p, n.status.Commit)
	case p.Index > durable:
		return violated("state machine safety", "%v applies %v and its log is durable up to %d", id, p, durable)
	}
	n.handed = p.Index
	return s.agree(id, entry)
}

func (s *stateMachineSafety) agree(id engine.NodeID, entry engine.Entry) error {
	for engine.Index(len(s.applied)) < entry.Index {
		s.applied = append(s.applied, engine.Entry{})
		s.first = append(s.first, 0)
	}
	known := &s.applied[entry.Index-1]
	if known.Index == 0 {
		*known, s.first[entry.Index-1] = entry, id
		return nil
	}
	if !sameEntry(*known, entry) {
		return violated("state machine safety", "%v applies %v %q where %v applied %v %q",
			id, entry.Position(), entry.Data, s.first[entry.Index-1], known.Position(), known.Data)
	}
	return nil
}
