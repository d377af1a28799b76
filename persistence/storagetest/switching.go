package storagetest

import (
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

func position(term engine.Term, index engine.Index) engine.Position {
	return engine.Position{Term: term, Index: index}
}

func switchKeeping(p *place) {
	s := p.create(at(2), commands(1, 1, 4)...)
	p.append(s, commands(2, 5, 5)...)
	p.write(s, func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 9, Position: position(2, 6), Base: position(1, 3), Keep: true})
	})
	want := persistence.Recovered{
		HardState: at(2), Base: position(1, 3), Entries: append(commands(1, 4, 1), commands(2, 5, 5)...), Commit: 6,
		Snapshot: persistence.SnapshotName{ID: 9, Position: position(2, 6)},
	}
	s = p.reopen(s)
	p.requireState(s, 0, want)

	p.write(s, func(b *persistence.Batch) { // the kept log goes on, and what no snapshot covers may be replaced
		b.SetHardState(0, at(3))
		b.Append(0, commands(3, 7, 1))
	})
	want.HardState, want.Entries = at(3), append(want.Entries[:3:3], commands(3, 7, 1)...)
	s = p.reopen(s)
	p.requireState(s, 0, want)
	p.close(s)
}

func switchReplacing(p *place) {
	s := p.create(at(1), commands(1, 1, 4)...)
	p.write(s, func(b *persistence.Batch) {
		b.SetCommit(0, 2)
		b.SetHardState(0, at(5))
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(4, 100), Base: position(4, 100)})
		b.SetCommit(0, 100)
		b.Append(0, commands(5, 101, 2))
	})
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{
		HardState: at(5), Base: position(4, 100), Entries: commands(5, 101, 2), Commit: 100,
		Snapshot: persistence.SnapshotName{ID: 1, Position: position(4, 100)},
	})
	p.write(s, func(b *persistence.Batch) { // inside of what the log holds, but of another history
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 2, Position: position(5, 101), Base: position(5, 101)})
	})
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{
		HardState: at(5), Base: position(5, 101), Commit: 101,
		Snapshot: persistence.SnapshotName{ID: 2, Position: position(5, 101)},
	})
	p.close(s)
}

func switchForward(p *place) {
	s := p.create(at(1), commands(1, 1, 9)...)
	for _, to := range []persistence.SnapshotSwitch{
		{ID: 1, Position: position(1, 5), Base: position(0, 0), Keep: true},
		{ID: 1, Position: position(1, 5), Base: position(1, 2), Keep: true},
		{ID: 2, Position: position(1, 5), Base: position(1, 2), Keep: true},
		{ID: 2, Position: position(1, 5), Base: position(1, 5), Keep: true},
		{ID: 3, Position: position(1, 9), Base: position(1, 9), Keep: true},
	} {
		p.write(s, func(b *persistence.Batch) { b.SetSnapshot(0, to) })
		s = p.reopen(s)
		p.requireState(s, 0, persistence.Recovered{
			HardState: at(1), Base: to.Base, Entries: commands(1, to.Base.Index+1, int(9-to.Base.Index)),
			Commit: to.Position.Index, Snapshot: persistence.SnapshotName{ID: to.ID, Position: to.Position},
		})
	}
	p.append(s, commands(1, 10, 1)...)
	p.close(s)
}

// switchRefused tries each of them on a log that holds 2/4..6 and 3/7..9 above base 1/3, is committed up to 7, and has
// snapshot 5 of 2/5.
func switchRefused(p *place) {
	s := p.create(at(3), commands(1, 1, 3)...)
	p.append(s, append(commands(2, 4, 3), commands(3, 7, 3)...)...)
	p.write(s, func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 5, Position: position(2, 5), Base: position(1, 3), Keep: true})
		b.SetCommit(0, 7)
	})
	want := persistence.Recovered{
		HardState: at(3), Base: position(1, 3), Entries: append(commands(2, 4, 3), commands(3, 7, 3)...), Commit: 7,
		Snapshot: persistence.SnapshotName{ID: 5, Position: position(2, 5)},
	}
	for what, to := range map[string]persistence.SnapshotSwitch{
		"no id":                         {Position: position(2, 6), Base: position(2, 4), Keep: true},
		"nothing in it":                 {ID: 6, Keep: true},
		"the snapshot goes back":        {ID: 6, Position: position(2, 4), Base: position(1, 3), Keep: true},
		"another term at its index":     {ID: 6, Position: position(3, 5), Base: position(1, 3), Keep: true},
		"a later one of a lower term":   {ID: 6, Position: position(1, 20), Base: position(1, 20)},
		"one id for two":                {ID: 5, Position: position(2, 6), Base: position(1, 3), Keep: true},
		"the base goes back":            {ID: 6, Position: position(2, 6), Base: position(1, 2), Keep: true},
		"another term at the base":      {ID: 6, Position: position(2, 6), Base: position(2, 3), Keep: true},
		"the base above the snapshot":   {ID: 6, Position: position(2, 6), Base: position(3, 7), Keep: true},
		"a base of a higher term":       {ID: 6, Position: position(2, 6), Base: position(3, 6), Keep: true},
		"kept beyond the log":           {ID: 6, Position: position(3, 10), Base: position(2, 4), Keep: true},
		"kept with another term":        {ID: 6, Position: position(3, 6), Base: position(2, 4), Keep: true},
		"kept from another term":        {ID: 6, Position: position(3, 8), Base: position(1, 4), Keep: true},
		"dropped with room for entries": {ID: 6, Position: position(3, 20), Base: position(3, 19)},
		"drops what is committed":       {ID: 6, Position: position(2, 6), Base: position(2, 6)},
		"beyond the current term":       {ID: 6, Position: position(4, 20), Base: position(4, 20)},
	} {
		var batch persistence.Batch
		batch.SetSnapshot(0, to)
		require.ErrorIs(p, s.Write(&batch), persistence.ErrInvalidBatch, what)
		s = p.reopen(s)
		p.requireState(s, 0, want)
	}
	p.close(s)
}
