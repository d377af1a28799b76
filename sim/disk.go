package sim

import (
	"strings"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// disk is the queue in front of a node's log. Writes and the messages that wait for them stand in one queue, so its order
// is all that the engine's order contract needs. What one sync covers is taken together.
type disk struct {
	queue        []write
	busy         bool
	taken        int // how much of the queue the write under way covers
	writes       uint64
	stalledUntil engine.Instant
	slowUntil    engine.Instant
	confirmed    engine.Seq // durable, and the engine may not have heard of it
	failing      bool       // the next sync fails
	lost         bool       // it has failed: what it should have written is gone, whatever the log makes of that
	proven       bool       // the log was opened or idle since it was written to: its end is marked
}

// write is one entry of the queue: a Persist action, a message that waits for those before it, or the word to record the
// cluster's id.
type write struct {
	seq     engine.Seq
	state   engine.HardState
	entries []engine.Entry
	change  *engine.PersistSnapshot
	commit  engine.Index // before it was asked for

	message engine.Message
	to      engine.NodeID
	pin     bool
}

// enqueue puts something into the queue of a node's disk.
func (w *world) enqueue(n *node, item write) {
	item.commit = n.committed // what this Step commits may rest on a write behind this one
	n.disk.queue = append(n.disk.queue, item)
	n.written = n.written || item.seq != 0
	w.kickDisk(n)
}

// kickDisk begins a write if there is anything to write and none is under way.
func (w *world) kickDisk(n *node) {
	d := &n.disk
	if d.busy || len(d.queue) == 0 {
		return
	}
	d.busy, d.writes = true, d.writes+1
	c := stream(w.options.Seed, ofDisk, uint64(n.id), uint64(n.life), d.writes)
	d.taken = d.take(1 + c.intN(w.weather.groupCommit))
	latency := c.between(w.weather.diskLatency/2, w.weather.diskLatency*3/2)
	if d.slowUntil > w.now {
		latency *= 20
		w.counters.Faults[SlowWrite]++
	}
	w.afterAt(n, latency, func() { w.finishWrite(n) })
}

// take returns how much of the queue one sync covers: so many writes and the messages behind them.
func (d *disk) take(writes int) int {
	for i := range d.queue {
		if d.queue[i].seq == 0 {
			continue
		}
		if writes == 0 {
			return i
		}
		writes--
	}
	return len(d.queue)
}

// finishWrite makes the write under way durable, lets go what waited for it, and tells the engine in a moment.
func (w *world) finishWrite(n *node) {
	d := &n.disk
	if d.stalledUntil > w.now {
		w.afterAt(n, d.stalledUntil.Since(w.now), func() { w.finishWrite(n) })
		return
	}
	seq, err := w.write(n, d.queue[:d.taken])
	if n.cut.done() {
		w.fallDown(n)
		return
	}
	if err != nil {
		w.diskFailed(n, err)
		return
	}
	if seq != 0 {
		d.confirmed = seq
		if err := w.checker.Durable(n.id, seq); err != nil {
			w.fail(err)
			return
		}
		w.afterAt(n, 50*microsecond, func() { w.confirm(n) })
	}
	done := d.queue[:d.taken]
	d.queue, d.busy, d.taken = d.queue[d.taken:], false, 0
	for i := range done {
		if done[i].message != nil {
			w.leave(n, done[i].to, done[i].message)
		}
	}
	w.kickDisk(n)
}

// write gives a part of the queue to the log, with one sync. It returns the newest Persist action in it.
func (w *world) write(n *node, items []write) (engine.Seq, error) {
	var batch persistence.Batch
	var seq engine.Seq
	var commit engine.Index
	n.cut.small = sizeOf(items) < 3*sector
	for i := range items {
		item := &items[i]
		switch {
		case item.pin:
			if err := n.storage.PinCluster(w.cluster); err != nil {
				return 0, err
			}
			n.recorded = n.recorded || !n.cut.done()
		case item.seq == 0:
			continue
		case item.change != nil:
			to := item.change
			batch.SetSnapshot(0, persistence.SnapshotSwitch{ID: to.Snapshot.ID, Position: to.Snapshot.Position, Base: to.Base, Keep: to.Keep})
		case len(item.entries) > 0:
			batch.Append(0, item.entries)
		default:
			batch.SetHardState(0, item.state)
		}
		seq, commit = max(seq, item.seq), item.commit
	}
	if batch.Len() == 0 {
		return 0, nil
	}
	w.ride(n, &batch, commit)
	n.disk.proven = false
	w.checker.Writing(n.id, seq)
	if err := n.storage.Write(&batch); err != nil || n.cut.done() {
		return seq, err
	}
	n.neighbour.written()
	n.kept.found = inventory{}
	batch.Replay(&n.kept)
	return seq, nil
}

// sizeOf is about how much will be written, in bytes.
func sizeOf(items []write) int {
	size := 0
	for i := range items {
		for j := range items[i].entries {
			size += 16 + len(items[i].entries[j].Data)
		}
	}
	return size
}

// confirm tells the engine what is durable, and removes the snapshots that nobody needs.
func (w *world) confirm(n *node) {
	w.step(n, &engine.Persisted{Now: w.time(n), Seq: n.disk.confirmed})
	w.sweep(n)
}

// proveLog lets a log that was idle for a tick prove its last batch.
func (w *world) proveLog(n *node) {
	if n.engine == nil || n.disk.busy || n.disk.stalledUntil > w.now {
		return
	}
	if n.idles() {
		n.cut.small = true
		err := w.tidy(n)
		if n.cut.done() {
			w.fallDown(n)
		} else if err != nil {
			w.diskFailed(n, err)
		} else {
			n.disk.proven = true
		}
	}
}

// place returns where the log of a node lies, as a new process sees it.
func (w *world) place(n *node) *persistence.Dir {
	n.cut.files = n.files
	w.resize(n)
	n.kept = kept{}
	n.disk.failing, n.disk.lost = false, false // that was of the life before
	faulty := persistence.NewFaultFS(n.files, func(op persistence.Op, path string) {
		n.cut.operation(op, path)
		if strings.HasPrefix(path, logPath) {
			w.watch(n, op, path)
		}
		if op == persistence.OpSync && n.disk.failing && !n.disk.lost && strings.HasPrefix(path, logPath) {
			n.disk.lost = true
			n.files.FailWriteback()
		}
	})
	n.faulty = faulty
	return persistence.NewDir(faulty, logPath, persistence.Options{
		SegmentSize: n.segmentSize, ReserveBytes: w.weather.disks.reserve, Random: func() uint64 {
			n.opened++
			c := stream(w.options.Seed, ofSegments, uint64(n.id), n.opened)
			return c.Uint64()
		},
	})
}

const logPath = "log"

// open opens or makes the log of a node.
func (w *world) open(n *node, dir *persistence.Dir) (persistence.Storage, error) {
	identity := persistence.Identity{Cluster: engine.ClusterID{Name: clusterName}, Node: n.id, Incarnation: n.incarnation}
	if n.pinned {
		identity.Cluster = w.cluster
	}
	switch exists, err := dir.Exists(); {
	case err != nil:
		return nil, err
	case exists:
		return dir.Open(identity)
	case !n.founder:
		return dir.Create(identity, engine.HardState{}, nil)
	}
	entry, err := engine.FoundersEntry(w.founders)
	if err != nil {
		return nil, err
	}
	return dir.Create(identity, engine.HardState{Term: 1}, []engine.Entry{entry})
}
