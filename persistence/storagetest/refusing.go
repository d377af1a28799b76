package storagetest

import (
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// contradictions are batches that no engine writes. The log holds 2/1..3, is committed up to 2, and the vote of term 3 went
// to n1.
var contradictions = map[string]func(b *persistence.Batch){
	"no entry":                    func(b *persistence.Batch) { b.Append(0, nil) },
	"a gap before the entries":    func(b *persistence.Batch) { b.Append(0, commands(3, 5, 1)) },
	"a gap between entries":       func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1), commands(3, 6, 1)...)) },
	"an index twice":              func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1), commands(3, 4, 1)...)) },
	"index zero":                  func(b *persistence.Batch) { b.Append(0, commands(3, 0, 1)) },
	"a term that falls":           func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1), commands(2, 5, 1)...)) },
	"a term below the last entry": func(b *persistence.Batch) { b.Append(0, commands(1, 4, 1)) },
	"a suffix of a lower term":    func(b *persistence.Batch) { b.Append(0, commands(1, 3, 1)) },
	"a second suffix of a lower term": func(b *persistence.Batch) {
		b.Append(0, commands(3, 3, 3))
		b.Append(0, commands(2, 5, 1))
	},
	"a term above the current one": func(b *persistence.Batch) { b.Append(0, commands(4, 4, 1)) },
	"replacing what is committed":  func(b *persistence.Batch) { b.Append(0, commands(3, 1, 3)) },
	"a commit beyond the log":      func(b *persistence.Batch) { b.SetCommit(0, 4) },
	"a commit in an empty group":   func(b *persistence.Batch) { b.SetCommit(9, 1) },
	"a current term that falls":    func(b *persistence.Batch) { b.SetHardState(0, at(2)) },
	"a second vote in a term": func(b *persistence.Batch) {
		b.SetHardState(0, engine.HardState{Term: 3, Vote: 2, VoteIncarnation: 8})
	},
	"a vote for another incarnation": func(b *persistence.Batch) {
		b.SetHardState(0, engine.HardState{Term: 3, Vote: 1, VoteIncarnation: 9})
	},
	"a vote taken back": func(b *persistence.Batch) { b.SetHardState(0, at(3)) },
	"an entry below the base": func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 3), Base: position(2, 3), Keep: true})
		b.Append(0, commands(3, 3, 1))
	},
	"a lower term behind the base": func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(3, 8), Base: position(3, 8)})
		b.Append(0, commands(2, 9, 1))
	},
	"a snapshot below the commit index and entries behind it": func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 1), Base: position(2, 1)})
		b.Append(0, commands(3, 2, 3))
	},
	"a kept log up to a snapshot beyond it, and entries behind it": func(b *persistence.Batch) {
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 4), Base: position(2, 2), Keep: true})
		b.Append(0, commands(3, 4, 3))
	},
	"the second record wrong": func(b *persistence.Batch) { b.SetCommit(0, 2); b.SetHardState(0, at(1)) },
}

var votedFor1 = engine.HardState{Term: 3, Vote: 1, VoteIncarnation: 8}

// contradicting tries each batch on a log of its own history: it is refused whole, though legal records may stand before
// the wrong one, and ends the storage, but not the place.
func contradicting(p *place) {
	s := p.create(votedFor1, commands(2, 1, 3)...)
	good := &persistence.Batch{}
	good.SetCommit(0, 2)
	require.NoError(p, s.Write(good))
	for what, spoil := range contradictions {
		bad := &persistence.Batch{}
		spoil(bad)
		err := s.Write(bad)
		require.ErrorIs(p, err, persistence.ErrInvalidBatch, what)
		require.NotErrorIs(p, err, persistence.ErrPoisoned, what)
		require.ErrorIs(p, s.Write(good), persistence.ErrInvalidBatch, "%s: the storage has ended", what)
		s = p.reopen(s)
		p.requireState(s, 0, persistence.Recovered{HardState: votedFor1, Entries: commands(2, 1, 3), Commit: 2})
	}
	p.close(s)
}

// gauges are looked at by anybody, while batches are written and after the end.
func gauges(p *place) {
	s := p.create(at(1))
	stop, done := make(chan struct{}), make(chan persistence.Metrics, 1)
	halt := sync.OnceFunc(func() { close(stop) })
	defer halt()
	go func() { done <- watch(p, s, stop) }()
	for i := range engine.Index(50) {
		p.append(s, commands(1, i+1, 1)...)
	}
	halt()
	before := <-done
	p.close(s)
	require.GreaterOrEqual(p, s.Metrics().Batches, before.Batches)
	_ = s.NearlyFull()
}

// watch looks until it is told to stop.
func watch(p *place, s persistence.Storage, stop <-chan struct{}) persistence.Metrics {
	var last persistence.Metrics
	for {
		m := s.Metrics()
		if m.Batches < last.Batches || m.Records < last.Records || m.Bytes < last.Bytes || m.Syncs < last.Syncs {
			p.Errorf("metrics fell from %+v to %+v", last, m)
		}
		_ = s.NearlyFull()
		last = m
		select {
		case <-stop:
			return last
		default:
		}
	}
}
