package sim

import (
	"errors"
	"slices"

	"github.com/yggr-go/yggr/persistence"
)

var errDevice = errors.New("the device failed")

// failing is what fails while a node starts.
type failing struct {
	fault persistence.Fault
	known bool // the disk held a state, so that it is opened and not made
}

// startOps are the operations that fail while a log is opened or made.
var startOps = []persistence.Op{
	persistence.OpRemove, persistence.OpRemove, persistence.OpRemove, persistence.OpRemove, persistence.OpList, persistence.OpList,
	persistence.OpRename, persistence.OpOpen, persistence.OpRead, persistence.OpSync, persistence.OpSyncDir, persistence.OpWrite,
	persistence.OpLock, persistence.OpCreate, persistence.OpClose, persistence.OpSize, persistence.OpMkdirAll,
}

// harmless are those that lose nothing: an opening that fails by them may be tried again.
var harmless = []persistence.Op{
	persistence.OpRemove, persistence.OpList, persistence.OpRename, persistence.OpOpen, persistence.OpRead, persistence.OpLock,
	persistence.OpCreate, persistence.OpSize,
}

// failStart lets an operation fail while a node starts.
func (w *world) failStart(n *node, c *chance) {
	known, err := persistence.NewDir(n.files, logPath, persistence.Options{}).Exists()
	w.fail(err)
	n.failing = failing{known: known, fault: persistence.Fault{
		Op: pick(c, startOps), After: c.intN(2) * c.intN(4), Err: errDevice, Done: c.happens(0.3), Short: c.intN(2 * sector),
	}}
	n.faulty.Fail(n.failing.fault)
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// openAgain is what a host may do whose log did not open since the device failed: try once more, unless a write or a sync
// has failed. Then the same process is refused for ever.
func (w *world) openAgain(n *node, dir *persistence.Dir, cause error) (persistence.Storage, error) {
	if !errors.Is(cause, errDevice) {
		return nil, cause
	}
	w.counters.Faults[FailedStart]++
	op, poisoned := n.failing.fault.Op, errors.Is(cause, persistence.ErrPoisoned)
	w.tell("%v does not start: %v", n.id, cause)
	switch {
	case errors.Is(cause, persistence.ErrCorrupt) || errors.Is(cause, persistence.ErrNoState):
		w.failf("recovery", "%v takes a device that fails for damage: %v", n.id, cause)
	case poisoned && n.failing.known && slices.Contains(harmless, op):
		w.failf("poison", "%v never opens its log again, and only to %s has failed: %v", n.id, op, cause)
	}
	n.faulty.Heal()
	storage, err := w.open(n, dir)
	if poisoned && !errors.Is(err, persistence.ErrPoisoned) {
		w.failf("poison", "%v opens its log once more, where a write or a sync failed (%v): %v", n.id, cause, err)
	}
	return storage, err
}

// dieAtStart ends a process whose log cannot be opened any more. What was not synced is as after any failed sync.
func (w *world) dieAtStart(n *node) {
	if f := n.failing.fault; f.Op == persistence.OpSync && !f.Done {
		n.files.FailWriteback()
	}
	n.files = n.files.Kill()
	w.comeBack(n, 2*tick)
}

// judgeDead holds that a log whose sync failed is dead, in this process: it takes nothing more, and is not opened again. What
// a process finds there may be in memory only.
func (w *world) judgeDead(n *node, dead persistence.Storage, faulty *persistence.FaultFS) {
	var more persistence.Batch
	more.SetCommit(0, 0)
	if err := dead.Write(&more); !errors.Is(err, persistence.ErrPoisoned) {
		w.failf("poison", "%v writes to its log after a sync of it failed: %v", n.id, err)
	}
	_ = dead.Close()
	if _, err := persistence.NewDir(faulty, logPath, persistence.Options{}).Open(dead.Identity()); !errors.Is(err, persistence.ErrPoisoned) {
		w.failf("poison", "%v opens its log once more, where a sync failed: %v", n.id, err)
	}
}
