package storagetest

import (
	"bytes"
	"math/rand/v2"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// at returns a hard state of the term with a free vote.
func at(term engine.Term) engine.HardState { return engine.HardState{Term: term} }

func entriesSurvive(p *place) {
	s := p.create(at(4))
	entries := []engine.Entry{
		{Term: 1, Index: 1, Kind: engine.EntryConfiguration, Data: []byte("members")},
		{Term: 2, Index: 2, Kind: engine.EntryNoOp},
		command(2, 3, "a"),
		{Term: 4, Index: 4, Kind: engine.EntryCommand, Data: []byte{}},
		command(4, 5, string(bytes.Repeat([]byte{0, 255}, 5000))),
	}
	p.append(s, entries[:2]...)
	p.append(s, entries[2:]...)
	for range 2 {
		s = p.reopen(s)
		p.requireState(s, 0, persistence.Recovered{HardState: at(4), Entries: entries})
	}
	p.close(s)
}

func replaceSuffix(p *place) {
	s := p.create(at(9))
	p.append(s, commands(1, 1, 10)...)
	p.append(s, commands(2, 6, 1)...)
	want := append(commands(1, 1, 5), commands(2, 6, 1)...)
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(9), Entries: want})

	p.append(s, commands(3, 3, 9)...)
	p.append(s, commands(3, 12, 1)...)
	want = append(commands(1, 1, 2), commands(3, 3, 10)...)
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(9), Entries: want})

	p.append(s, commands(4, 1, 1)...)
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(9), Entries: commands(4, 1, 1)})
	p.close(s)
}

func orderInBatch(p *place) {
	s := p.create(at(1))
	p.write(s, func(b *persistence.Batch) {
		b.Append(0, commands(1, 1, 5))
		b.SetHardState(0, at(2))
		b.Append(0, commands(2, 3, 2))
		b.SetCommit(0, 2)
		b.SetHardState(0, engine.HardState{Term: 3, Vote: 1})
		b.Append(0, commands(3, 5, 1))
	})
	want := append(append(commands(1, 1, 2), commands(2, 3, 2)...), commands(3, 5, 1)...)
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: engine.HardState{Term: 3, Vote: 1}, Entries: want, Commit: 2})
	p.close(s)
}

func hardState(p *place) {
	s := p.create(at(1))
	for _, state := range []engine.HardState{
		{Term: 1, Vote: 7},
		{Term: 2},
		{Term: 2, Vote: 3, VoteIncarnation: 0xfedcba9876543210},
		{Term: 5, Vote: 7, VoteIncarnation: 1},
	} {
		p.write(s, func(b *persistence.Batch) { b.SetHardState(0, state) })
		s = p.reopen(s)
		p.requireState(s, 0, persistence.Recovered{HardState: state})
	}
	p.close(s)
}

func commit(p *place) {
	s := p.create(at(1))
	p.write(s, func(b *persistence.Batch) {
		b.Append(0, commands(1, 1, 4))
		b.SetCommit(0, 2)
	})
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 4), Commit: 2})
	p.write(s, func(b *persistence.Batch) { b.SetCommit(0, 4) })
	p.write(s, func(b *persistence.Batch) { b.SetCommit(0, 3) }) // an older one changes nothing
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 4), Commit: 4})
	p.close(s)
}

func groups(p *place) {
	s := p.create(at(1), commands(1, 1, 1)...)
	p.write(s, func(b *persistence.Batch) {
		b.SetHardState(5, at(8))
		b.Append(5, commands(8, 1, 3))
		b.Append(0, commands(1, 2, 2))
		b.SetHardState(1<<40, at(2))
		b.SetCommit(5, 1)
	})
	p.write(s, func(b *persistence.Batch) { b.Append(5, commands(8, 2, 1)) })
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 3)})
	p.requireState(s, 5, persistence.Recovered{HardState: at(8), Entries: commands(8, 1, 2), Commit: 1})
	p.requireState(s, 1<<40, persistence.Recovered{HardState: at(2)})
	p.requireState(s, 6, persistence.Recovered{})
	p.close(s)
}

func givenAway(p *place) {
	s := p.create(at(1), commands(1, 1, 2)...)
	s = p.reopen(s)
	first := s.Recovered(0).Entries
	require.Len(p, first, 2)
	require.Empty(p, s.Recovered(0).Entries)

	clear(first) // the caller's now
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 2)})
	p.close(s)
}

func largeEntry(p *place) {
	data := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	entries := []engine.Entry{command(1, 1, "before"), command(1, 2, string(data)), command(1, 3, "behind")}
	s := p.create(at(1))
	for _, e := range entries {
		p.append(s, e)
	}
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: entries})
	p.close(s)
}

func largeBatch(p *place) {
	entries := commands(1, 1, 20_000)
	s := p.create(at(1))
	p.append(s, entries...)
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: entries})
	p.close(s)
}

func emptyBatch(p *place) {
	s := p.create(at(1), commands(1, 1, 3)...)
	for range 3 {
		p.write(s, func(*persistence.Batch) {})
	}
	p.append(s, commands(1, 4, 1)...)
	p.write(s, func(*persistence.Batch) {})
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 4)})
	p.close(s)
}

func reusedBatch(p *place) {
	s := p.create(at(1))
	var batch persistence.Batch
	for i := range engine.Index(50) {
		batch.Reset()
		require.Zero(p, batch.Len())
		batch.Append(0, commands(1, 1+i, 1))
		batch.SetCommit(0, 1+i)
		require.Equal(p, 2, batch.Len())
		require.NoError(p, s.Write(&batch))
	}
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 50), Commit: 50})
	p.close(s)
}

func closed(p *place) {
	s := p.create(at(1))
	p.close(s)
	var batch persistence.Batch
	batch.Append(0, commands(1, 1, 1))
	require.ErrorIs(p, s.Write(&batch), persistence.ErrClosed)
	require.ErrorIs(p, s.PinCluster(p.id.Cluster), persistence.ErrClosed)
	require.NoError(p, s.Close(), "closing again")
	s = p.open()
	p.requireState(s, 0, persistence.Recovered{HardState: at(1)})
	p.close(s)
}

func metrics(p *place) {
	s := p.create(at(1))
	before := s.Metrics()
	p.write(s, func(b *persistence.Batch) {
		b.Append(0, commands(1, 1, 3))
		b.SetCommit(0, 1)
	})
	after := s.Metrics()
	require.Equal(p, before.Batches+1, after.Batches)
	require.Equal(p, before.Records+2, after.Records)
	require.Greater(p, after.Bytes, before.Bytes)
	require.False(p, s.NearlyFull(), "in a place with room")
	p.close(s)
}
