package storagetest

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Each of these storages breaks one promise and keeps the others. The suite has to notice.
func TestBrokenStoragesAreCaught(t *testing.T) {
	for name, fault := range map[string]broken{
		"loses a batch now and then":       {write: func(n int) bool { return n%7 != 6 }},
		"keeps only the first record":      {recorder: func(b *persistence.Batch) persistence.Recorder { return &firstOnly{Batch: b} }},
		"reorders a batch":                 {recorder: func(b *persistence.Batch) persistence.Recorder { return &backwards{Batch: b} }},
		"mixes groups":                     {recorder: func(b *persistence.Batch) persistence.Recorder { return oneGroup{b} }},
		"cuts long entries":                {recorder: func(b *persistence.Batch) persistence.Recorder { return cutting{b} }},
		"lets a bad batch pass":            {swallow: true},
		"forgets who was voted for":        {read: func(r *persistence.Recovered) { r.HardState.Vote = 0 }},
		"forgets which life was voted for": {read: func(r *persistence.Recovered) { r.HardState.VoteIncarnation = 0 }},
		"forgets what is committed":        {read: func(r *persistence.Recovered) { r.Commit = r.Snapshot.Position.Index }},
		"forgets which snapshot counts":    {read: func(r *persistence.Recovered) { r.Snapshot = persistence.SnapshotName{} }},
		"keeps nothing below a snapshot":   {recorder: func(b *persistence.Batch) persistence.Recorder { return noTrail{b} }},
		"forgets the kinds of entries":     {read: func(r *persistence.Recovered) { eachEntry(r, func(e *engine.Entry) { e.Kind = engine.EntryCommand }) }},
		"gives its entries away twice":     {twice: true},
		"opens for two at once":            {unlocked: true},
		"opens for anybody":                {anybody: true},
		"creates over what is there":       {overwrites: true},
		"pins for as long as it is open":   {pins: true},
		"writes when it is closed":         {open: true},
		"counts nothing":                   {uncounted: true},
		"has state before it was made":     {exists: true},
	} {
		t.Run(name, func(t *testing.T) {
			caught := ""
			for _, c := range cases {
				if failsWith(t, func() *brokenPlace { f := fault; return &brokenPlace{Memory: persistence.NewMemory(), broken: f} }, c.run) {
					caught = c.name
					break
				}
			}
			require.NotEmpty(t, caught, "it passed the whole suite")
			t.Logf("caught by: %s", caught)
		})
	}
}

// And a storage that breaks nothing passes through the same doubles.
func TestWholeDoublePasses(t *testing.T) {
	Run(t, func(testing.TB) persistence.Opener { return &brokenPlace{Memory: persistence.NewMemory()} })
}

// failsWith runs one case on a place of its own and reports whether it failed.
func failsWith(t *testing.T, newPlace func() *brokenPlace, run func(*place)) bool {
	fake := &judge{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				fake.failed = true // a storage that makes its user panic is caught as well
			}
		}()
		run(&place{TB: fake, Opener: newPlace(), id: testIdentity()})
	}()
	<-done
	return fake.failed
}

// judge is a test that may fail without failing the one that it runs in.
type judge struct {
	testing.TB
	failed bool
}

func (j *judge) Errorf(string, ...any) { j.failed = true }
func (j *judge) FailNow()              { j.failed = true; runtime.Goexit() }

// broken says what is wrong; the zero value is right.
type broken struct {
	write    func(n int) bool                                 // whether the n-th batch is written
	recorder func(to *persistence.Batch) persistence.Recorder // through which every batch goes
	read     func(*persistence.Recovered)                     // what comes of a state that is read

	swallow, twice, unlocked, anybody, overwrites, pins, open, uncounted, exists bool
}

type brokenPlace struct {
	*persistence.Memory
	broken
	batches int
	first   persistence.Identity
	now     persistence.Storage
}

func (p *brokenPlace) Exists() (bool, error) {
	if p.exists {
		return true, nil
	}
	return p.Memory.Exists()
}

func (p *brokenPlace) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	if exists, _ := p.Memory.Exists(); exists && p.overwrites {
		p.Memory = persistence.NewMemory()
	}
	p.first = id
	return p.opened(p.Memory.Create(id, state, first))
}

func (p *brokenPlace) Open(want persistence.Identity) (persistence.Storage, error) {
	if p.now != nil && p.unlocked {
		return p.now, nil
	}
	if p.anybody {
		want = p.first
	}
	return p.opened(p.Memory.Open(want))
}

func (p *brokenPlace) opened(s persistence.Storage, err error) (persistence.Storage, error) {
	if err != nil {
		return nil, err
	}
	p.now = &brokenStorage{Storage: s, place: p, pinned: s.Identity().Cluster}
	return p.now, nil
}

type brokenStorage struct {
	persistence.Storage
	place  *brokenPlace
	given  persistence.Recovered
	pinned engine.ClusterID
	closed bool
}

func (s *brokenStorage) Identity() persistence.Identity {
	id := s.Storage.Identity()
	if s.place.pins {
		id.Cluster = s.pinned
	}
	return id
}

func (s *brokenStorage) PinCluster(id engine.ClusterID) error {
	if s.place.pins && s.pinned.Same(id) {
		s.pinned = id
		return nil
	}
	return s.Storage.PinCluster(id)
}

func (s *brokenStorage) Recovered(group persistence.Group) persistence.Recovered {
	r := s.Storage.Recovered(group)
	if s.place.read != nil {
		s.place.read(&r)
	}
	if s.place.twice && len(r.Entries) == 0 {
		return s.given
	}
	s.given = r
	return r
}

func (s *brokenStorage) Write(batch *persistence.Batch) error {
	b := &persistence.Batch{}
	if s.place.recorder == nil {
		batch.Replay(b)
	} else {
		r := s.place.recorder(b)
		batch.Replay(r)
		if last, ok := r.(interface{ flush() }); ok {
			last.flush()
		}
	}
	s.place.batches++
	switch {
	case s.closed && s.place.open:
		return nil
	case s.place.write != nil && !s.place.write(s.place.batches):
		return nil
	}
	err := s.Storage.Write(b)
	if s.place.swallow {
		return nil
	}
	return err
}

func (s *brokenStorage) Close() error {
	s.closed, s.place.now = true, nil
	return s.Storage.Close()
}

func (s *brokenStorage) Metrics() persistence.Metrics {
	if s.place.uncounted {
		return persistence.Metrics{}
	}
	return s.Storage.Metrics()
}

// firstOnly passes one record on.
type firstOnly struct{ *persistence.Batch }

func (r *firstOnly) Append(g persistence.Group, entries []engine.Entry) {
	if r.Len() == 0 {
		r.Batch.Append(g, entries)
	}
}

func (r *firstOnly) SetHardState(g persistence.Group, state engine.HardState) {
	if r.Len() == 0 {
		r.Batch.SetHardState(g, state)
	}
}

// backwards writes the entries of a batch in the wrong order, behind everything else.
type backwards struct {
	*persistence.Batch
	held []func()
}

func (r *backwards) Append(g persistence.Group, entries []engine.Entry) {
	r.held = append(r.held, func() { r.Batch.Append(g, entries) })
}

func (r *backwards) flush() {
	for _, do := range slices.Backward(r.held) {
		do()
	}
}

// oneGroup takes every group for the first.
type oneGroup struct{ *persistence.Batch }

func (r oneGroup) SetCommit(_ persistence.Group, commit engine.Index) { r.Batch.SetCommit(0, commit) }

func (r oneGroup) Append(_ persistence.Group, entries []engine.Entry) { r.Batch.Append(0, entries) }

func (r oneGroup) SetHardState(_ persistence.Group, state engine.HardState) {
	r.Batch.SetHardState(0, state)
}

// cutting keeps a mebibyte of an entry.
type cutting struct{ *persistence.Batch }

func (r cutting) Append(g persistence.Group, entries []engine.Entry) {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Data = entries[i].Data[:min(1<<20, len(entries[i].Data))]
	}
	r.Batch.Append(g, entries)
}

// noTrail keeps no entries that a snapshot covers.
type noTrail struct{ *persistence.Batch }

func (r noTrail) SetSnapshot(g persistence.Group, to persistence.SnapshotSwitch) {
	to.Base = to.Position
	r.Batch.SetSnapshot(g, to)
}

func eachEntry(r *persistence.Recovered, do func(*engine.Entry)) {
	for i := range r.Entries {
		do(&r.Entries[i])
	}
}
