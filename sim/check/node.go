package check

import (
	"fmt"
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
	writing        engine.Seq                  // up to here one batch is being written; zero: nobody says
	told           engine.Seq                  // and confirmed to the engine
	handed         engine.Index                // the newest index handed to the state machine in this life
	granted        map[engine.Term]engine.Peer // who got the node's vote in this life
	votes          []engine.Peer               // who granted the node its vote
	votesOf        engine.Term                 // in this term
	conduct        conduct
}

// image is the content of a disk.
type image struct {
	state    engine.HardState
	snapshot engine.SnapshotMeta
	log      history
}

// write is one Persist action.
type write struct {
	seq     engine.Seq
	state   *engine.HardState // of PersistHardState
	entries []engine.Entry    // of PersistLogEntries, as they were when the engine asked
	given   []engine.Entry    // the engine's own
	change  *engine.PersistSnapshot
	at      engine.Instant // when the engine asked, by the node's clock
	cut     engine.Index   // of an installation: what was committed before it; what stood behind is void
}

// perform carries the write out, and reports whether its entries join the log.
func (i *image) perform(w write) bool {
	if w.state != nil {
		i.state = *w.state
		return true
	}
	if w.change != nil {
		i.snapshot = w.change.Snapshot
		return i.log.begin(w.change.Base, w.change.Keep)
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
		w.cut, w.at = n.status.Commit, n.conduct.now
		if !n.memory.perform(w) {
			return violated("order contract", "%v persists %v, its log is %v..%v", n.peer.ID, w, n.memory.log.base, n.memory.log.last())
		}
		if w.change != nil && !w.change.Keep {
			n.labelled(w.change.Snapshot)
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
	case *engine.PersistSnapshot:
		change := *a
		return write{seq: a.Seq, change: &change}, true
	default:
	}
	return write{}, false
}

// String names what is written.
func (w write) String() string {
	switch {
	case w.change != nil:
		return fmt.Sprintf("snapshot %v with a log after %v", w.change.Snapshot, w.change.Base)
	case w.state != nil:
		return fmt.Sprintf("term %d", w.state.Term)
	}
	return fmt.Sprintf("entries from %v on", w.entries[0].Position())
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

// durableIndex is the last index on disk, cut to below the first index of every unconfirmed write. An installation
// leaves what was committed: it is on the disk before it as entries and after it in the snapshot.
func (n *node) durableIndex() engine.Index {
	index := n.disk.log.last().Index
	for _, w := range n.pending {
		if len(w.entries) > 0 {
			index = min(index, w.entries[0].Index-1)
		}
		if w.change != nil && !w.change.Keep {
			index = min(index, w.cut)
		}
	}
	return index
}

// led reports whether the node led when it decided in this Step: a leader that is no voter of the configuration that
// it commits steps down at once.
func (n *node) led(before engine.Status) bool {
	return n.status.Role == engine.Leader || before.Role == engine.Leader && before.Term == n.status.Term
}
