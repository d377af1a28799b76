package check

import "github.com/yggr-go/yggr/engine"

// stateMachineSafety: if a node has applied an entry at an index, no node ever applies another one there
// (dissertation §3.6.3, Figure 3.2). Each life applies every index above its base, in order and once, and only
// what is committed and durable on the node itself.
type stateMachineSafety struct {
	applied []engine.Entry // applied[i] is at index i+1; a zero entry is not known
	first   []engine.NodeID
}

func (s *stateMachineSafety) stepped(n *node, actions []engine.Action) error {
	for _, action := range actions {
		apply, ok := action.(*engine.Apply)
		if !ok {
			continue
		}
		for _, entry := range apply.Entries {
			if err := s.apply(n, entry); err != nil {
				return err
			}
		}
	}
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
