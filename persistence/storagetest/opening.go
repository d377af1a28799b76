package storagetest

import (
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

func (p *place) requireExists(want bool) {
	p.Helper()
	exists, err := p.Exists()
	require.NoError(p, err)
	require.Equal(p, want, exists)
}

func emptyPlace(p *place) {
	require.NotEmpty(p, p.String())
	p.requireExists(false)
	_, err := p.Open(p.id)
	require.ErrorIs(p, err, persistence.ErrNoState)
	p.requireExists(false)
}

func create(p *place) {
	state := engine.HardState{Term: 1}
	founders := engine.Entry{Term: 1, Index: 1, Kind: engine.EntryConfiguration, Data: []byte("founders")}
	want := persistence.Recovered{HardState: state, Entries: []engine.Entry{founders}}

	s := p.create(state, founders)
	require.Equal(p, p.id, s.Identity())
	p.requireState(s, 0, want)
	p.requireExists(true)

	s = p.reopen(s)
	require.Equal(p, p.id, s.Identity())
	p.requireState(s, 0, want)
	p.close(s)
	p.requireExists(true)
}

func createWithoutEntries(p *place) {
	s := p.create(engine.HardState{})
	p.requireState(s, 0, persistence.Recovered{})
	s = p.reopen(s)
	p.requireState(s, 0, persistence.Recovered{})
	p.close(s)
}

func createTwice(p *place) {
	p.close(p.create(engine.HardState{Term: 3}))
	_, err := p.Create(p.id, engine.HardState{}, nil)
	require.ErrorIs(p, err, persistence.ErrNotEmpty)

	s := p.open()
	p.requireState(s, 0, persistence.Recovered{HardState: engine.HardState{Term: 3}})
	p.close(s)
}

func createInvalid(p *place) {
	for _, spoil := range []func(*persistence.Identity){
		func(id *persistence.Identity) { id.Node = 0 },
		func(id *persistence.Identity) { id.Incarnation = 0 },
		func(id *persistence.Identity) { id.Cluster.Name = "" },
	} {
		id := p.id
		spoil(&id)
		_, err := p.Create(id, engine.HardState{}, nil)
		require.Error(p, err)
		p.requireExists(false)
	}
	p.close(p.create(engine.HardState{}))
}

func openTwice(p *place) {
	s := p.create(engine.HardState{})
	_, err := p.Open(p.id)
	require.ErrorIs(p, err, persistence.ErrLocked)
	s = p.reopen(s)
	_, err = p.Open(p.id)
	require.ErrorIs(p, err, persistence.ErrLocked)
	p.append(p.raiseTerm(s, 1), commands(1, 1, 1)...)
	p.close(s)
	p.close(p.open())
}

// raiseTerm makes entries of the term legal.
func (p *place) raiseTerm(s persistence.Storage, term engine.Term) persistence.Storage {
	p.Helper()
	p.write(s, func(b *persistence.Batch) { b.SetHardState(0, engine.HardState{Term: term}) })
	return s
}

func openForeign(p *place) {
	p.close(p.create(engine.HardState{}))
	for _, other := range []func(*persistence.Identity){
		func(id *persistence.Identity) { id.Node = 8 },
		func(id *persistence.Identity) { id.Cluster.Name = "elsewhere" },
		func(id *persistence.Identity) { id.Cluster.Founders[0] = 99 },
	} {
		want := p.id
		other(&want)
		_, err := p.Open(want)
		require.ErrorIs(p, err, persistence.ErrForeign)
		for _, fact := range []string{p.id.Node.String(), p.id.Cluster.String(), want.Node.String(), want.Cluster.String()} {
			require.ErrorContains(p, err, fact, "both sides are named")
		}
	}

	unpinned := p.id
	unpinned.Cluster.Founders = [16]byte{}
	unpinned.Incarnation = 0 // not compared: nobody but the place knows it
	s, err := p.Open(unpinned)
	require.NoError(p, err)
	require.Equal(p, p.id, s.Identity())
	p.close(s)
}

func pin(p *place) {
	full := p.id
	p.id.Cluster.Founders = [16]byte{}
	s := p.create(engine.HardState{})
	require.False(p, s.Identity().Cluster.Pinned())

	other := full.Cluster
	other.Name = "elsewhere"
	require.ErrorIs(p, s.PinCluster(other), persistence.ErrForeign)
	require.NoError(p, s.PinCluster(full.Cluster))
	require.Equal(p, full, s.Identity())
	require.NoError(p, s.PinCluster(full.Cluster), "the same again")
	p.append(p.raiseTerm(s, 1), commands(1, 1, 1)...)

	s = p.reopen(s)
	require.Equal(p, full, s.Identity())
	other = full.Cluster
	other.Founders[0] = 99
	require.ErrorIs(p, s.PinCluster(other), persistence.ErrForeign)
	require.Equal(p, full, s.Identity())
	p.close(s)
}
