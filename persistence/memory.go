package persistence

import (
	"fmt"
	"slices"
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// Memory is an [Opener] whose state lives in this process's memory: it survives Close and Open, not the process.
// It is for tests and for clusters that may forget. It answers with the same errors as a directory does. Its
// methods may be called by several goroutines.
type Memory struct {
	mu       sync.Mutex
	open     bool
	identity *Identity // nil before Create
	groups   map[Group]*groupLog
	files    *MemFS // snapshots
}

var _ Opener = (*Memory)(nil)

// NewMemory returns an empty place.
func NewMemory() *Memory { return &Memory{groups: map[Group]*groupLog{}, files: NewMemFS()} }

// String names the place.
func (m *Memory) String() string { return "memory" }

// Exists implements [Opener].
func (m *Memory) Exists() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.identity != nil, nil
}

// Create implements [Opener].
func (m *Memory) Create(id Identity, state engine.HardState, first []engine.Entry) (Storage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := id.validate(); err != nil {
		return nil, err
	}
	switch {
	case m.open:
		return nil, fmt.Errorf("%w: %s", ErrLocked, m)
	case m.identity != nil:
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, m)
	}
	batch := foundingBatch(state, first)
	groups := map[Group]*groupLog{0: newGroupLog(groupState{})}
	if err := applyBatch(groups, batch); err != nil {
		return nil, err
	}
	m.identity, m.groups = &id, groups
	return m.opened()
}

// Open implements [Opener].
func (m *Memory) Open(want Identity) (Storage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.identity == nil:
		return nil, fmt.Errorf("%w: %s", ErrNoState, m)
	case m.open:
		return nil, fmt.Errorf("%w: %s", ErrLocked, m)
	}
	if err := m.identity.checkWanted(want); err != nil {
		return nil, err
	}
	return m.opened()
}

func (m *Memory) opened() (Storage, error) {
	recovered := make(map[Group]Recovered, len(m.groups))
	for group, g := range m.groups {
		r, err := g.recovered()
		if err != nil {
			return nil, fmt.Errorf("%w: group %d: %w", ErrCorrupt, group, err)
		}
		r.Entries = slices.Clone(r.Entries) // the log below is cut and written over, what was given away is not
		recovered[group] = r
	}
	m.open = true
	return &memoryStorage{memory: m, recovered: recovered}, nil
}

// applyBatch applies a batch to logs in memory, all of it or nothing.
func applyBatch(groups map[Group]*groupLog, batch *Batch) error {
	trial := groupStates{}
	for i := range batch.records {
		if g, ok := groups[batch.records[i].group]; ok {
			state := g.groupState
			state.runs, state.extents = slices.Clone(state.runs), slices.Clone(state.extents)
			trial[batch.records[i].group] = &state
		}
	}
	if err := trial.apply(batch, 0); err != nil {
		return err
	}
	for i := range batch.records {
		r := &batch.records[i]
		g, ok := groups[r.group]
		if !ok {
			g = newGroupLog(groupState{})
			groups[r.group] = g
		}
		if err := g.apply(r); err != nil {
			return fmt.Errorf("%w: group %d: %w", ErrInvalidBatch, r.group, err)
		}
	}
	return nil
}

// memoryStorage is a Memory while it is open.
type memoryStorage struct {
	memory    *Memory
	recovered map[Group]Recovered
	count     counters
	dead      error
	closed    bool
}

func (s *memoryStorage) Identity() Identity {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return *s.memory.identity
}

func (s *memoryStorage) PinCluster(id engine.ClusterID) error {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.dead != nil {
		return s.dead
	}
	change, err := s.memory.identity.checkPin(id)
	if err == nil && change {
		s.memory.identity.Cluster = id
	}
	return err
}

func (s *memoryStorage) Recovered(group Group) Recovered {
	r := s.recovered[group]
	delete(s.recovered, group)
	return r
}

func (s *memoryStorage) Write(batch *Batch) error {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.dead != nil || batch.Len() == 0 {
		return s.dead
	}
	if err := applyBatch(s.memory.groups, batch); err != nil {
		s.dead = err
		return err
	}
	s.count.batch(batch.Len())
	s.count.synced(batch.payloadSize())
	return nil
}

// Snapshots implements [SnapshotKeeper].
func (s *memoryStorage) Snapshots() (*Snapshots, error) {
	return OpenSnapshots(s.memory.files, snapshotsName, 0)
}

func (s *memoryStorage) Metrics() Metrics { return s.count.metrics() }

func (s *memoryStorage) NearlyFull() bool { return false }

func (s *memoryStorage) Close() error {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed, s.memory.open = true, false
	if s.dead == nil {
		s.dead = ErrClosed
	}
	return nil
}
