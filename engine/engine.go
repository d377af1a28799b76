package engine

// Engine is the Raft protocol of one node. It is not safe for concurrent use.
type Engine struct{}

// New builds the engine of a node from what its storage recovered.
func New(cfg Config, recovered Recovered) (*Engine, error) { return nil, cfg.Validate() }

// Step is the only way forward: it takes one event and returns what the host must do, in order. The returned
// slice is reused by the next Step.
func (e *Engine) Step(ev Event) []Action { return nil }

// Status returns a copy of the engine's state.
func (e *Engine) Status() Status { return Status{} }

// Metrics returns the counters.
func (e *Engine) Metrics() Metrics { return Metrics{} }

// Role returns the current role.
func (e *Engine) Role() Role { return Follower }

// Term returns the current term.
func (e *Engine) Term() Term { return 0 }

// Leader returns whom this node follows, itself included; zero when unknown.
func (e *Engine) Leader() NodeID { return 0 }

// Membership returns the active membership: that of the newest configuration entry in the log.
func (e *Engine) Membership() Membership { return Membership{} }

// CheckInvariants panics with the state that shows it when an invariant is broken. Tests call it after every
// Step.
func (e *Engine) CheckInvariants() {}
