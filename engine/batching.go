package engine

// batching holds a leader's proposals back for up to [Config.MaxBatchDelayTicks], so that they are appended, written
// and sent together. It is off by default: a host that hands over whatever has queued while the disk was busy gets
// batches without any delay.
//
// Invariant: only a leader holds proposals, and none while it transfers leadership: those that are held when a transfer
// begins are appended at once. Those that are held when leadership ends, or the node stops, are redirected; they are in no
// log, so they are certainly not applied.
type batching struct {
	held    []heldProposal
	entries int // of all held proposals
	bytes   int
	age     int // of the oldest, in ticks
}

type heldProposal struct {
	id       ProposalID
	commands [][]byte
}

// holds reports whether proposals wait for others to join them.
func (c *Config) holds() bool { return c.MaxBatchDelayTicks > 0 }

// hold keeps a proposal until the batch is full or old enough. The engine keeps the commands and not the slice of
// them, which is the host's.
func (e *Engine) hold(id ProposalID, commands [][]byte) {
	b := &e.batch
	b.held = append(b.held, heldProposal{id: id, commands: append([][]byte(nil), commands...)})
	b.entries += len(commands)
	b.bytes += commandBytes(commands)
	if b.entries >= e.cfg.MaxBatchEntries {
		e.releaseBatch()
	}
}

// ageBatch is a leader's tick.
func (e *Engine) ageBatch() {
	if len(e.batch.held) == 0 {
		return
	}
	if e.batch.age++; e.batch.age >= e.cfg.MaxBatchDelayTicks {
		e.releaseBatch()
	}
}

// releaseBatch appends everything that is held with one write and one message a follower.
func (e *Engine) releaseBatch() {
	if len(e.batch.held) == 0 {
		return
	}
	first := e.log.lastIndex() + 1
	e.log.reserve(e.batch.entries)
	for _, p := range e.batch.held {
		e.appendCommands(p.id, p.commands)
	}
	e.forgetBatch()
	e.saveEntries(e.log.slice(first, e.log.lastIndex()))
	e.replicate()
}

// redirectBatch answers what is held when leadership ends.
func (e *Engine) redirectBatch() {
	for _, p := range e.batch.held {
		e.redirect(p.id)
	}
	e.forgetBatch()
}

func (e *Engine) forgetBatch() {
	clear(e.batch.held)
	e.batch = batching{held: e.batch.held[:0]}
}

// checkBatch holds the invariants of batching.
func (e *Engine) checkBatch() {
	b := &e.batch
	e.must(len(b.held) == 0 || e.role == Leader, "only a leader holds proposals")
	e.must(len(b.held) == 0 || e.transfer.target == 0, "no proposal waits for the end of a transfer")
	e.must(len(b.held) == 0 || b.age < e.cfg.MaxBatchDelayTicks, "no proposal is held beyond the delay")
	entries, bytes := 0, 0
	for _, p := range b.held {
		entries, bytes = entries+len(p.commands), bytes+commandBytes(p.commands)
	}
	e.must(entries == b.entries && bytes == b.bytes, "what is held is counted")
}

// commandBytes returns what the commands count for as entries.
func commandBytes(commands [][]byte) int {
	size := len(commands) * EntryOverhead
	for _, command := range commands {
		size += len(command)
	}
	return size
}
