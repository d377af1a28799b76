package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// node is what the reports tell about one node: its memory, its disk, and what lies between the two.
type node struct {
	peer           engine.Peer
	status         engine.Status               // after the newest Step; at a start only what was recovered
	memory         image                       // every Persist action carried out, durable or not
	disk           image                       // the confirmed ones
	configurations []configurationAt           // of memory, ascending
	pending        []write                     // emitted and not confirmed, oldest first
	lastSeq        engine.Seq                  // of this life: emitted,
	synced         engine.Seq                  // confirmed by the disk,
	told           engine.Seq                  // and confirmed to the engine
	handed         engine.Index                // the newest index handed to the state machine in this life
	granted        map[engine.Term]engine.Peer // who got the node's vote in this life
	votes          []engine.Peer               // who granted the node its vote
	votesOf        engine.Term                 // in this term
}

// image is the content of a disk.
type image struct {
	state engine.HardState
	log   history
}

// write is one Persist action.
type write struct {
	seq     engine.Seq
	state   *engine.HardState // of PersistHardState
	entries []engine.Entry    // of PersistLogEntries, as they were when the engine asked
	given   []engine.Entry    // the engine's own
}

// perform carries the write out, and reports whether its entries join the log.
func (i *image) perform(w write) bool {
	if w.state != nil {
		i.state = *w.state
		return true
	}
	return i.log.replace(w.entries)
}

// emitted takes note of the Persist actions of a Step.
func (n *node) emitted(actions []engine.Action) error {
	for _, action := range actions {
		w, ok := writeOf(action)
		if !ok {
			continue
		}
		if w.seq != n.lastSeq+1 {
			return violated("order contract", "%v numbers a Persist action %d after %d", n.peer.ID, w.seq, n.lastSeq)
		}
		n.lastSeq = w.seq
		if !n.memory.perform(w) {
			return violated("order contract", "%v persists from %v on, its log ends at %v",
				n.peer.ID, w.entries[0].Position(), n.memory.log.last())
		}
		if len(w.entries) > 0 {
			if err := n.configured(w.entries); err != nil {
				return err
			}
		}
		n.pending = append(n.pending, w)
	}
	return nil
}

func writeOf(action engine.Action) (write, bool) {
	switch a := action.(type) {
	case *engine.PersistHardState:
		state := a.State
		return write{seq: a.Seq, state: &state}, true
	case *engine.PersistLogEntries:
		return write{seq: a.Seq, entries: slices.Clone(a.Entries), given: a.Entries}, true
	default:
	}
	return write{}, false
}

// durable confirms every pending write up to seq and returns them.
func (n *node) durable(seq engine.Seq) []write {
	count := 0
	for count < len(n.pending) && n.pending[count].seq <= seq {
		n.disk.perform(n.pending[count])
		count++
	}
	n.synced = max(n.synced, seq)
	confirmed := n.pending[:count]
	n.pending = n.pending[count:]
	return confirmed
}

// durableIndex is the last index on disk, cut to below the first index of every unconfirmed write.
func (n *node) durableIndex() engine.Index {
	index := n.disk.log.last().Index
	for _, w := range n.pending {
		if len(w.entries) > 0 {
			index = min(index, w.entries[0].Index-1)
		}
	}
	return index
}

// led reports whether the node led when it decided in this Step: a leader that is no voter of the configuration that
// it commits steps down at once.
func (n *node) led(before engine.Status) bool {
	return n.status.Role == engine.Leader || before.Role == engine.Leader && before.Term == n.status.Term
}
