package engine

// handToApply hands the state machine what is committed and durable here, within the window. Handing out only
// what is durable keeps whatever the machine has seen below the end of the durable log, for machines and
// snapshots that outlive the process.
func (e *Engine) handToApply() {
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

// appliedUpTo takes in how far the state machine is.
func (e *Engine) appliedUpTo(index Index) {
	index = min(index, e.handed)
	if index <= e.applied {
		return
	}
	done := e.log.slice(e.applied+1, index)
	bytes := 0
	for i := range done {
		bytes += done[i].Size()
	}
	e.unapplied -= bytes
	e.applying -= bytes
	e.metrics.EntriesApplied += uint64(len(done))
	e.applied = index
}
