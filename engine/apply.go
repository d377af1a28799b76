package engine

// handToApply hands the state machine what is committed and durable here, within the window. Handing out only
// what is durable keeps whatever the machine has seen below the end of the durable log, for machines and
// snapshots that outlive the process.
func (e *Engine) handToApply() {
	if e.handed < e.log.base.Index && !e.handSnapshot() {
		return
	}
	last := min(e.commit, e.disk.durable)
	room := e.cfg.MaxApplyEntries - int(e.handed-e.applied)
	if e.fatal || e.handed >= last || room <= 0 || e.applying >= e.cfg.MaxApplyBytes {
		return
	}
	entries, bytes := e.log.bounded(e.handed+1, last, room, e.cfg.MaxApplyBytes-e.applying)
	if e.applying > 0 && e.applying+bytes > e.cfg.MaxApplyBytes {
		return
	}
	e.handed += Index(len(entries))
	e.applying += bytes
	e.out.add(e.out.applies.put(Apply{Entries: entries}))
}

// handSnapshot hands out the snapshot that was installed in place of entries that the machine was not given, as soon as
// the switch to it is durable, and reports whether entries may follow.
func (e *Engine) handSnapshot() bool {
	if e.fatal || e.disk.durable < e.log.base.Index {
		return false
	}
	e.handed = e.log.base.Index
	e.out.add(&ApplySnapshot{Snapshot: e.snapshot})
	return true
}

// appliedUpTo takes in how far the state machine is.
func (e *Engine) appliedUpTo(index Index) {
	index = min(index, e.handed)
	if index <= e.applied {
		return
	}
	// What lies below the base was replaced by an installed snapshot while the machine still worked on it.
	if known := max(e.applied, e.log.base.Index); index > known {
		bytes := e.log.size(known+1, index)
		e.unapplied -= bytes
		e.applying -= bytes
		e.sinceSnapshot += bytes
		e.metrics.EntriesApplied += uint64(index - known)
	}
	e.applied = index
}
