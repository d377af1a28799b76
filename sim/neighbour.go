package sim

import (
	"bytes"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// neighbours is the number of the group that shares nodes' logs.
const neighbours persistence.Group = 1

// groups is how many groups a log may have: the cluster's and the neighbour's.
const groups = 2

// neighbour is another group that shares the log of a node. It has no engine: all that it does is to write along, and to
// look after each start whether it finds what it had. It takes snapshots seldom, so it needs segments for longer.
type neighbour struct {
	has   persistence.Recovered  // durable
	asked *persistence.Recovered // what it will have after the write under way; nil: it has no part in that
}

// writeAlong adds the neighbour's records to a batch, now and then.
func (b *neighbour) writeAlong(batch *persistence.Batch, c *chance) {
	next := b.has
	switch {
	case next.HardState.Term == 0 || c.happens(0.05):
		next.HardState.Term++
		batch.SetHardState(neighbours, next.HardState)
	case c.happens(0.5):
		b.append(&next, batch, c)
	case len(next.Entries) > 0 && c.happens(0.3):
		next.Commit = max(next.Commit, pick(c, next.Entries).Index)
		batch.SetCommit(neighbours, next.Commit)
	case next.Commit > next.Base.Index && c.happens(0.2):
		b.compact(&next, batch, c)
	default:
		return
	}
	b.asked = &next
}

// append adds a few entries, which may take the place of some that are not committed.
func (b *neighbour) append(next *persistence.Recovered, batch *persistence.Batch, c *chance) {
	last := next.Base.Index + engine.Index(len(next.Entries))
	from := last + 1
	if last > next.Commit && c.happens(0.3) {
		from = next.Commit + 1 + engine.Index(c.intN(int(last-next.Commit)))
	}
	entries := make([]engine.Entry, 1+c.intN(3))
	for i := range entries {
		data := bytes.Repeat([]byte{byte(c.Uint64())}, 10+c.intN(300))
		entries[i] = engine.Entry{Term: next.HardState.Term, Index: from + engine.Index(i), Kind: engine.EntryCommand, Data: data}
	}
	next.Entries = slices.Concat(next.Entries[:from-next.Base.Index-1], entries)
	batch.Append(neighbours, entries)
}

// compact takes a snapshot of some of what is committed, and keeps a part of the log below it.
func (b *neighbour) compact(next *persistence.Recovered, batch *persistence.Batch, c *chance) {
	count := int(next.Commit - next.Base.Index)
	position := next.Entries[c.intN(count)].Position()
	if position.Index <= next.Snapshot.Position.Index {
		position = next.Entries[count-1].Position()
	}
	base := next.Entries[c.intN(int(position.Index-next.Base.Index))].Position()
	to := persistence.SnapshotSwitch{ID: uint64(position.Index), Position: position, Base: base, Keep: true}
	batch.SetSnapshot(neighbours, to)
	next.Entries = next.Entries[base.Index-next.Base.Index:]
	next.Snapshot, next.Base = persistence.SnapshotName{ID: to.ID, Position: position}, base
}

// written takes note that the batch is durable.
func (b *neighbour) written() {
	if b.asked != nil {
		b.has, b.asked = *b.asked, nil
	}
}

// returns reports whether a log gives the neighbour what it had, or what it was writing.
func (b *neighbour) returns(found persistence.Recovered) bool {
	ok := sameRecovered(&b.has, &found) || b.asked != nil && sameRecovered(b.asked, &found)
	b.has, b.asked = found, nil
	return ok
}

func sameRecovered(a, b *persistence.Recovered) bool {
	return a.HardState == b.HardState && a.Base == b.Base && a.Commit == b.Commit && a.Snapshot == b.Snapshot &&
		slices.EqualFunc(a.Entries, b.Entries, func(x, y engine.Entry) bool {
			return x.Position() == y.Position() && x.Kind == y.Kind && bytes.Equal(x.Data, y.Data)
		})
}
