package actors

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// start is a bootstrap mode made concrete: what to do with the storage at start. Which of the two it is was
// decided by the user; nothing here guesses.
type start struct {
	storage persistence.Opener
	want    persistence.Identity // Incarnation is drawn, for a new state
	create  bool
	state   engine.HardState
	first   []engine.Entry
}

// newStart returns what cfg.Bootstrap asks for. The config is valid.
func newStart(cfg *Config, random engine.Random) (start, error) {
	s := start{
		storage: cfg.Storage,
		want: persistence.Identity{
			Cluster:     engine.ClusterID{Name: cfg.Cluster},
			Node:        cfg.ID,
			Incarnation: engine.Incarnation(nonZero(random)),
		},
	}
	switch mode := cfg.Bootstrap.(type) {
	case NewCluster:
		return s.found(mode)
	case Join:
		s.create = true
		return s, nil
	case Recover:
		return s, nil
	}
	return start{}, fmt.Errorf("%w: unknown bootstrap mode %T", ErrInvalidConfig, cfg.Bootstrap)
}

// found makes the first entry, the same bytes on every founder, with hard state term 1 and no vote.
func (s start) found(mode NewCluster) (start, error) {
	members, err := engine.NewMembership(mode.Members...)
	if err != nil {
		return start{}, fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	founders, err := engine.FoundersEntry(members)
	if err != nil {
		return start{}, fmt.Errorf("%w: %w", ErrInvalidConfig, err)
	}
	s.create = true
	s.want.Cluster = engine.NewClusterID(s.want.Cluster.Name, founders)
	s.state = engine.HardState{Term: founders.Term}
	s.first = []engine.Entry{founders}
	return s, nil
}

// open opens or creates the storage.
func (s start) open() (persistence.Storage, error) {
	if s.create {
		storage, err := s.storage.Create(s.want, s.state, s.first)
		if errors.Is(err, persistence.ErrNotEmpty) {
			err = fmt.Errorf("%w (a node that has state starts with Recover)", err)
		}
		return storage, err
	}
	storage, err := s.storage.Open(s.want)
	if errors.Is(err, persistence.ErrNoState) {
		err = fmt.Errorf("%w (a node without state starts with NewCluster or Join)", err)
	}
	return storage, err
}
