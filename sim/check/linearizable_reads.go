package check

import "github.com/yggr-go/yggr/engine"

// linearizableReads: a read sees at least what any node knew to be committed when the read was asked, and so
// whatever any client was told before (dissertation §6.4). Its answer comes behind the Apply that covers its index, so
// that a machine which takes both in order is that far. Each read is answered once, by the life that it was asked of,
// and none waits at a node that does not lead: what cannot be served is failed.
type linearizableReads struct {
	highest engine.Index // the highest commit index that any node has known
	by      engine.NodeID
	waiting map[engine.NodeID]map[engine.ReadID]floor
}

// floor is the least that a read may see.
type floor struct {
	index engine.Index
	by    engine.NodeID // who knew that much to be committed
}

func (r *linearizableReads) crashed(id engine.NodeID) { delete(r.waiting, id) }

// stepped runs before n.handed takes in the Apply actions of this Step.
func (r *linearizableReads) stepped(n *node, event engine.Event, actions []engine.Action) error {
	id := n.peer.ID
	if read, ok := event.(*engine.ProposeRead); ok {
		if r.waiting[id] == nil {
			r.waiting[id] = map[engine.ReadID]floor{}
		}
		r.waiting[id][read.ID] = floor{r.highest, r.by}
	}
	handed := n.handed
	for _, action := range actions {
		var err error
		switch a := action.(type) {
		case *engine.Apply:
			handed = a.Entries[len(a.Entries)-1].Index
		case *engine.ReadReady:
			err = r.ready(id, a, handed)
		case *engine.ReadFailed:
			err = r.failed(id, a, n.status.Role)
		default:
		}
		if err != nil {
			return err
		}
	}
	if n.status.Role != engine.Leader && len(r.waiting[id]) > 0 {
		return violated("linearizable reads", "%v is a %v and leaves %d reads without an answer", id, n.status.Role, len(r.waiting[id]))
	}
	if n.status.Commit > r.highest {
		r.highest, r.by = n.status.Commit, id
	}
	return nil
}

func (r *linearizableReads) ready(id engine.NodeID, a *engine.ReadReady, handed engine.Index) error {
	least, asked := r.waiting[id][a.ID]
	switch {
	case !asked:
		return violated("linearizable reads", "%v answers read %d, which was not asked or has its answer", id, a.ID)
	case a.Index < least.index:
		return violated("linearizable reads", "%v serves read %d at index %d, and %v had committed %d when it was asked",
			id, a.ID, a.Index, least.by, least.index)
	case a.Index > handed:
		return violated("linearizable reads", "%v serves read %d at index %d, and its machine was handed up to %d", id, a.ID, a.Index, handed)
	}
	delete(r.waiting[id], a.ID)
	return nil
}

func (r *linearizableReads) failed(id engine.NodeID, a *engine.ReadFailed, role engine.Role) error {
	if _, asked := r.waiting[id][a.ID]; !asked {
		return violated("linearizable reads", "%v fails read %d, which was not asked or has its answer", id, a.ID)
	}
	if a.Reason == engine.ReadNotLeader && (role == engine.Leader || a.Leader == id) {
		return violated("linearizable reads", "%v, a %v, sends read %d to %v", id, role, a.ID, a.Leader)
	}
	delete(r.waiting[id], a.ID)
	return nil
}

// converged demands an answer to every read.
func (r *linearizableReads) converged(n *node) error {
	if waiting := len(r.waiting[n.peer.ID]); waiting > 0 {
		return violated("linearizable reads", "%v leaves %d reads without an answer", n.peer.ID, waiting)
	}
	return nil
}
