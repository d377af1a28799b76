package check

import "github.com/yggr-go/yggr/engine"

// checkRecovery: a restart finds what the node's disk held, and of the writes that were not confirmed a prefix
// in their order: never a later one without an earlier, and never less than was durable. Where it is known what was being
// written when the process ended, that is there whole or not at all, and nothing behind it is.
func checkRecovery(old *node, recovered engine.Recovered) error {
	disk := old.disk
	for next := 0; ; next++ {
		if old.mayEndAt(next) && recovered.HardState == disk.state && recovered.Base == disk.log.base && recovered.Snapshot.ID == disk.snapshot.ID &&
			sameEntries(recovered.Entries, disk.log.entries) {
			return nil
		}
		if next == len(old.pending) {
			break
		}
		disk.perform(old.pending[next])
	}
	last := recovered.Base
	if count := len(recovered.Entries); count > 0 {
		last = recovered.Entries[count-1].Position()
	}
	return violated("recovery", "%v recovers term %d, vote %v and a log up to %v: its disk held term %d, vote %v and a log up to %v, with %d writes under way",
		old.peer.ID, recovered.HardState.Term, recovered.HardState.Vote, last,
		old.disk.state.Term, old.disk.state.Vote, old.disk.log.last(), len(old.pending))
}

// mayEndAt reports whether a crash may leave so many of the pending writes.
func (n *node) mayEndAt(pending int) bool {
	return pending == 0 || n.writing == 0 || n.pending[pending-1].seq == n.writing
}
