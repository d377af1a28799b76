package storagetest

import (
	"math/rand/v2"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// randomHistories writes what an engine may write, in random order, and compares with a slice after each reopening.
func randomHistories(p *place) {
	random := rand.New(rand.NewPCG(1, 2))
	model := Model{State: persistence.Recovered{HardState: at(1)}}
	s := p.create(at(1))
	for range 30 {
		for range 1 + random.IntN(8) {
			var batch persistence.Batch
			for range 1 + random.IntN(4) {
				model.Step(random, &batch)
			}
			p.write(s, func(b *persistence.Batch) { *b = batch })
		}
		s = p.reopen(s)
		p.requireState(s, 0, model.State)
	}
	p.close(s)
}

// Model is a slice that knows what group zero of a storage must hold.
type Model struct {
	State persistence.Recovered
}

// Clone returns a copy that later steps do not change.
func (m *Model) Clone() Model {
	c := *m
	c.State.Entries = append([]engine.Entry(nil), m.State.Entries...)
	return c
}

// Step adds a random legal record to the batch and to the model: entries, with or without replacing some that are
// not committed; a hard state; a commit index.
func (m *Model) Step(random *rand.Rand, batch *persistence.Batch) {
	switch random.IntN(6) {
	case 0:
		m.hardState(random, batch)
	case 1:
		m.commit(random, batch)
	case 2:
		m.hardState(random, batch)
		m.entries(random, batch, m.State.Commit+1+engine.Index(random.IntN(1+len(m.State.Entries)-int(m.State.Commit))))
	default:
		m.entries(random, batch, engine.Index(len(m.State.Entries))+1)
	}
}

func (m *Model) hardState(random *rand.Rand, batch *persistence.Batch) {
	state := engine.HardState{Term: m.State.HardState.Term + 1, Vote: engine.NodeID(random.IntN(4))}
	if state.Vote != 0 {
		state.VoteIncarnation = engine.Incarnation(random.Uint64())
	}
	batch.SetHardState(0, state)
	m.State.HardState = state
}

func (m *Model) commit(random *rand.Rand, batch *persistence.Batch) {
	last := engine.Index(len(m.State.Entries))
	commit := m.State.Commit + engine.Index(random.IntN(int(last-m.State.Commit)+1))
	batch.SetCommit(0, commit)
	m.State.Commit = commit
}

// entries replaces the log from first on. All new entries have the current term, which is at least that of those
// they replace.
func (m *Model) entries(random *rand.Rand, batch *persistence.Batch, first engine.Index) {
	entries := make([]engine.Entry, 1+random.IntN(5))
	for i := range entries {
		data := make([]byte, random.IntN(1+[]int{10, 200, 6000}[random.IntN(3)]))
		for j := range data {
			data[j] = byte(random.Uint32())
		}
		entries[i] = engine.Entry{
			Term: m.State.HardState.Term, Index: first + engine.Index(i), Kind: engine.EntryCommand, Data: data,
		}
	}
	batch.Append(0, entries)
	m.State.Entries = append(m.State.Entries[:first-1:first-1], entries...)
}
