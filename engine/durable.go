package engine

// durability knows which part of the log is durable while writes are under way.
//
// The durable index is the last index after the newest confirmed Persist, cut to below the first index of every
// unconfirmed one. Completions are matched by sequence number and never by index: an index can be overwritten,
// and written again, while the write of its first content is still in flight.
//
// The definition is kept up to date instead of being evaluated: a new write that starts at first cuts the index
// that every earlier one will have reached to first-1, because from now on nobody may count on more.
//
// Invariant: durable ≤ last of the pending writes, which never falls from one to the next.
type durability struct {
	durable   Index
	issued    Seq
	confirmed Seq
	pending   queue[pendingWrite]
}

// pendingWrite is a Persist action that is not confirmed yet.
type pendingWrite struct {
	seq  Seq
	last Index   // the durable index once this write is confirmed
	at   Instant // when it was issued
}

// writeEntries records a write that replaces the log from first up to last.
func (d *durability) writeEntries(first, last Index, now Instant) Seq {
	d.cut(first - 1)
	return d.issue(last, now)
}

// writeState records a write that leaves the end of the log alone.
func (d *durability) writeState(now Instant) Seq {
	last := d.durable
	if d.pending.len() > 0 {
		last = d.pending.back().last
	}
	return d.issue(last, now)
}

// writeSnapshot records a switch that replaces the whole log by a snapshot up to last. What is known to be committed is
// on the disk either way, as entries or in the snapshot; of what stands behind it nothing is.
func (d *durability) writeSnapshot(commit, last Index, now Instant) Seq {
	d.cut(commit)
	return d.issue(last, now)
}

// cut takes back what no earlier write will have made durable any more.
func (d *durability) cut(below Index) {
	d.durable = min(d.durable, below)
	for i := d.pending.len() - 1; i >= 0 && d.pending.at(i).last > below; i-- {
		d.pending.at(i).last = below
	}
}

func (d *durability) issue(last Index, now Instant) Seq {
	d.issued++
	d.pending.push(pendingWrite{seq: d.issued, last: last, at: now})
	return d.issued
}

// confirm takes every write up to seq as durable.
func (d *durability) confirm(seq Seq) {
	for d.pending.len() > 0 && d.pending.front().seq <= seq {
		d.durable = d.pending.front().last
		d.confirmed = d.pending.front().seq
		d.pending.pop()
	}
}

// stalled reports whether the oldest unconfirmed write has been under way for longer than patience.
func (d *durability) stalled(now Instant, patience Duration) bool {
	return d.pending.len() > 0 && now.Since(d.pending.front().at) > patience
}
