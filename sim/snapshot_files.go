package sim

import (
	"errors"
	"io"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// snapshotsPath is where a node's snapshots lie on its disk, beside the log.
const snapshotsPath = "snapshots"

// openSnapshots gives a life the snapshots on the node's disk.
func (w *world) openSnapshots(n *node) (err error) {
	n.snapshots.store, err = persistence.OpenSnapshots(n.faulty, snapshotsPath, 0)
	return err
}

// keep makes a snapshot of the machine durable, and tells the engine. It may be cut off, like every write.
func (w *world) keep(n *node, label engine.SnapshotMeta, body []byte) {
	n.snapshots.capturing = false
	done := w.keeper(n)
	taken, err := writeSnapshot(n.snapshots.store, label, body)
	done()
	switch {
	case n.cut.done():
		w.fallDown(n)
	case err != nil && w.excused(n, err): // the engine asks again
	case err != nil:
		w.failf("snapshots", "%v cannot write snapshot %x: %v", n.id, label.ID, err)
	default:
		n.snapshots.complete++
		w.step(n, &engine.SnapshotTaken{Now: w.time(n), Snapshot: taken})
	}
}

func writeSnapshot(store *persistence.Snapshots, label engine.SnapshotMeta, body []byte) (engine.SnapshotMeta, error) {
	file, err := store.Create(label)
	if err != nil {
		return label, err
	}
	defer file.Abort()
	if _, err := file.Write(body); err != nil {
		return label, err
	}
	return file.Commit()
}

// load reads a snapshot that is complete, and holds it to its label.
func (w *world) load(n *node, label engine.SnapshotMeta) ([]byte, error) {
	file, err := n.snapshots.store.Open(label.ID)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(file)
	if err == nil && file.Meta().Checksum != label.Checksum {
		err = errOther
	}
	return body, errors.Join(err, file.Close())
}

var errOther = errors.New("it is another one")

// sweep removes the files that nobody needs, when there may be any.
func (w *world) sweep(n *node) {
	if n.engine == nil || n.snapshots.complete < 2 {
		return
	}
	keep := n.engine.SnapshotsInUse()
	for _, t := range n.machine.waiting {
		if t.restore != nil {
			keep = append(keep, t.restore.ID)
		}
	}
	if in := n.snapshots.incoming; in != nil {
		keep = append(keep, in.label.ID)
	}
	done := w.keeper(n)
	left, err := n.snapshots.store.Sweep(keep...)
	done()
	if n.cut.done() {
		w.fallDown(n)
		return
	}
	if err != nil && !w.excused(n, err) {
		w.failf("snapshots", "%v cannot remove snapshots: %v", n.id, err)
	}
	n.snapshots.complete = len(keep) + left
}

// ready looks for what is here of a snapshot that is announced, and answers that it is complete, or from where on it is
// wanted.
func (w *world) ready(n *node, in *incoming) {
	if now := n.snapshots.incoming; now != in {
		if now == nil || now.id != in.id { // it comes too late: then it is for the engine to ignore
			w.step(n, &engine.SnapshotExpected{Now: w.time(n), Transfer: in.id})
		}
		return
	}
	done := w.keeper(n)
	defer done()
	here := n.snapshots.store.Has(in.label)
	if w.fell(n) {
		return
	}
	if here {
		w.received(n, in, nil)
		return
	}
	file, err := n.snapshots.store.Receive(in.label)
	switch {
	case n.cut.done():
		w.fallDown(n)
	case err != nil:
		w.notKept(n, in, err)
	default:
		in.file = file
		w.step(n, &engine.SnapshotExpected{Now: w.time(n), Transfer: in.id, Offset: file.Offset()})
	}
}

// complete makes a snapshot of what has come, if it is what was announced.
func (w *world) complete(n *node, in *incoming) {
	if n.snapshots.incoming != in {
		if now := n.snapshots.incoming; now == nil || now.id != in.id { // aborted while this was on its way
			w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id})
		}
		return
	}
	done := w.keeper(n)
	err := in.file.Commit()
	done()
	switch {
	case n.cut.done():
		w.fallDown(n)
	case errors.Is(err, persistence.ErrCorrupt) && in.damaged:
		w.counters.Faults[ChunkDamaged]++
		w.received(n, in, err)
	case err != nil:
		w.notKept(n, in, err)
	default:
		w.received(n, in, nil)
	}
}

// received ends what a node receives.
func (w *world) received(n *node, in *incoming, err error) {
	n.snapshots.incoming = nil
	in.kept = err == nil
	if in.kept {
		n.snapshots.complete++
	}
	w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id, Err: err})
}

// notKept ends what a node receives since its disk is full or fails. Nothing else may stop it.
func (w *world) notKept(n *node, in *incoming, err error) {
	if !w.excused(n, err) {
		w.failf("snapshots", "%v cannot keep snapshot %v: %v", n.id, in.label, err)
		return
	}
	n.snapshots.drop()
	w.received(n, in, err)
}
