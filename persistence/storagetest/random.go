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

// Model is a slice that knows what one group of a storage must hold.
type Model struct {
	Group persistence.Group
	State persistence.Recovered
}

// Clone returns a copy that later steps do not change.
func (m *Model) Clone() Model {
	c := *m
	c.State.Entries = append([]engine.Entry(nil), m.State.Entries...)
	return c
}

// Last returns the index of the last entry, or of the base where there is none.
func (m *Model) Last() engine.Index { return m.State.Base.Index + engine.Index(len(m.State.Entries)) }

// Step adds a random legal record to the batch and to the model: entries, with or without replacing some that are
// not committed; a hard state; a commit index; a snapshot, of what the log holds or of what it does not have yet.
func (m *Model) Step(random *rand.Rand, batch *persistence.Batch) {
	switch random.IntN(16) {
	case 0, 1, 2:
		m.hardState(random, batch)
	case 3, 4:
		m.commit(random, batch)
	case 5, 6, 7:
		m.hardState(random, batch)
		m.entries(random, batch, m.State.Commit+upTo(random, m.Last()-m.State.Commit)+1)
	case 8:
		m.taken(random, batch)
	case 9:
		if random.IntN(4) == 0 {
			m.installed(random, batch)
		}
		m.entries(random, batch, m.Last()+1)
	default:
		m.entries(random, batch, m.Last()+1)
	}
}

// upTo draws from 0 to n.
func upTo(random *rand.Rand, n engine.Index) engine.Index {
	return engine.Index(random.IntN(int(n) + 1))
}

func (m *Model) hardState(random *rand.Rand, batch *persistence.Batch) {
	state := engine.HardState{Term: m.State.HardState.Term + 1, Vote: engine.NodeID(random.IntN(4))}
	if state.Vote != 0 {
		state.VoteIncarnation = engine.Incarnation(random.Uint64())
	}
	batch.SetHardState(m.Group, state)
	m.State.HardState = state
}

func (m *Model) commit(random *rand.Rand, batch *persistence.Batch) {
	commit := m.State.Commit + upTo(random, m.Last()-m.State.Commit)
	batch.SetCommit(m.Group, commit)
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
	batch.Append(m.Group, entries)
	kept := first - 1 - m.State.Base.Index
	m.State.Entries = append(m.State.Entries[:kept:kept], entries...)
}

// taken switches to a snapshot of entries that the log holds, and keeps some below it.
func (m *Model) taken(random *rand.Rand, batch *persistence.Batch) {
	oldest := max(m.State.Snapshot.Position.Index, 1)
	if m.Last() < oldest {
		return
	}
	at := oldest + upTo(random, m.Last()-oldest)
	base := m.State.Base.Index + upTo(random, at-m.State.Base.Index)
	m.switchTo(batch, persistence.SnapshotSwitch{
		ID: m.State.Snapshot.ID + 1, Position: m.position(at), Base: m.position(base), Keep: true,
	})
}

// installed switches to a snapshot from elsewhere, of more than is known to be committed here.
func (m *Model) installed(random *rand.Rand, batch *persistence.Batch) {
	at := engine.Position{Term: m.State.HardState.Term, Index: m.State.Commit + 1 + upTo(random, 20)}
	m.switchTo(batch, persistence.SnapshotSwitch{ID: m.State.Snapshot.ID + 1, Position: at, Base: at})
}

// position returns the position of an entry of the log, or of its base.
func (m *Model) position(index engine.Index) engine.Position {
	if index == m.State.Base.Index {
		return m.State.Base
	}
	return m.State.Entries[index-m.State.Base.Index-1].Position()
}

func (m *Model) switchTo(batch *persistence.Batch, to persistence.SnapshotSwitch) {
	batch.SetSnapshot(m.Group, to)
	if to.Keep {
		m.State.Entries = m.State.Entries[to.Base.Index-m.State.Base.Index:]
	} else {
		m.State.Entries = nil
	}
	m.State.Base, m.State.Commit = to.Base, max(m.State.Commit, to.Position.Index)
	m.State.Snapshot = persistence.SnapshotName{ID: to.ID, Position: to.Position}
}
