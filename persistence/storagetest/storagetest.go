package storagetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Run holds the places that newPlace returns to the contract. Each call must return a new, empty place, which is
// cleaned up with the test it is given.
func Run(t *testing.T, newPlace func(t testing.TB) persistence.Opener) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.run(&place{TB: t, Opener: newPlace(t), id: testIdentity()})
		})
	}
}

var cases = []struct {
	name string
	run  func(*place)
}{
	{"an empty place holds no state", emptyPlace},
	{"create keeps identity, hard state and entries", create},
	{"a joiner is created without entries", createWithoutEntries},
	{"create refuses a place with state", createTwice},
	{"create refuses an identity that could not be checked", createInvalid},
	{"a place is open once", openTwice},
	{"open refuses another node and another cluster", openForeign},
	{"a cluster id is pinned once and for ever", pin},
	{"entries survive, in order and with their kinds", entriesSurvive},
	{"entries replace the log from their first index on", replaceSuffix},
	{"records of one batch count in order", orderInBatch},
	{"the newest hard state counts", hardState},
	{"the commit index survives", commit},
	{"a snapshot keeps the log above its base", switchKeeping},
	{"a snapshot replaces the log", switchReplacing},
	{"a snapshot and its base only go forward", switchForward},
	{"switches that contradict the log are refused", switchRefused},
	{"batches that contradict the log are refused whole", contradicting},
	{"groups do not mix", groups},
	{"recovered entries are given away", givenAway},
	{"an entry of eight mebibytes survives", largeEntry},
	{"a batch of many entries survives", largeBatch},
	{"an empty batch changes nothing", emptyBatch},
	{"a batch may be used again", reusedBatch},
	{"a closed storage refuses", closed},
	{"metrics rise", metrics},
	{"gauges may be looked at by anybody", gauges},
	{"random histories survive reopening", randomHistories},
}

// place is an Opener under test with shorthands that fail the test.
type place struct {
	testing.TB
	persistence.Opener
	id persistence.Identity
}

func testIdentity() persistence.Identity {
	return persistence.Identity{
		Cluster:     engine.ClusterID{Name: "suite", Founders: [16]byte{1, 2, 3}},
		Node:        7,
		Incarnation: 0xc0ffee,
	}
}

func (p *place) create(state engine.HardState, first ...engine.Entry) persistence.Storage {
	p.Helper()
	s, err := p.Create(p.id, state, first)
	require.NoError(p, err)
	return s
}

func (p *place) open() persistence.Storage {
	p.Helper()
	s, err := p.Open(p.id)
	require.NoError(p, err)
	return s
}

func (p *place) reopen(s persistence.Storage) persistence.Storage {
	p.Helper()
	p.close(s)
	return p.open()
}

func (p *place) close(s persistence.Storage) {
	p.Helper()
	require.NoError(p, s.Close())
}

// write writes one batch that fill puts records into.
func (p *place) write(s persistence.Storage, fill func(*persistence.Batch)) {
	p.Helper()
	var batch persistence.Batch
	fill(&batch)
	require.NoError(p, s.Write(&batch))
}

func (p *place) append(s persistence.Storage, entries ...engine.Entry) {
	p.Helper()
	p.write(s, func(b *persistence.Batch) { b.Append(0, entries) })
}

// requireState compares a group with what it must be. Data of no bytes may be nil or not.
func (p *place) requireState(s persistence.Storage, group persistence.Group, want persistence.Recovered) {
	p.Helper()
	got := s.Recovered(group)
	require.Equal(p, want.HardState, got.HardState, "hard state")
	require.Equal(p, want.Base, got.Base, "base")
	require.Equal(p, want.Commit, got.Commit, "commit")
	require.Equal(p, want.Snapshot, got.Snapshot, "snapshot")
	require.Len(p, got.Entries, len(want.Entries), "entries")
	for i, e := range want.Entries {
		require.Equal(p, e.Position(), got.Entries[i].Position())
		require.Equal(p, e.Kind, got.Entries[i].Kind, "kind of %v", e.Position())
		require.Equal(p, string(e.Data), string(got.Entries[i].Data), "data of %v", e.Position())
	}
}

// command returns a command entry.
func command(term engine.Term, index engine.Index, data string) engine.Entry {
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: []byte(data)}
}

// commands returns count command entries from the index on.
func commands(term engine.Term, first engine.Index, count int) []engine.Entry {
	entries := make([]engine.Entry, count)
	for i := range entries {
		index := first + engine.Index(i)
		entries[i] = command(term, index, engine.Position{Term: term, Index: index}.String())
	}
	return entries
}
