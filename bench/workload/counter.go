package workload

import "sync"

// Counter is the machine that every system replicates. One goroutine applies; any may ask for the State.
type Counter struct {
	mu    sync.Mutex
	state State
}

// State is what a replica holds, and enough about its past to compare it with others.
type State struct {
	Value    uint64 // the counter: the sum of all addends
	Commands uint64 // how many were applied
	IDs      uint64 // the sum of their ids, modulo 2^64
	Order    uint64 // a digest of the ids in the order in which they were applied
}

// Apply applies a command and returns the counter's new value.
func (c *Counter) Apply(command Command) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.apply(command)
	return c.state.Value
}

// State returns a copy.
func (c *Counter) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (s *State) apply(command Command) {
	const prime = 1099511628211 // of FNV-1a
	s.Value += command.Add
	s.Commands++
	s.IDs += command.ID
	s.Order = (s.Order ^ command.ID) * prime
}
