package engine

import (
	"errors"
	"fmt"
)

// Random is the engine's only source of chance; a *rand.PCG of math/rand/v2 is one.
type Random interface {
	Uint64() uint64
}

// Tracer hears every decision as one readable sentence: who, what, why, with positions as term/index. The
// sentence is only built when a Tracer is present.
type Tracer interface {
	Trace(sentence string)
}

// Config is what an engine is told at birth. [DefaultConfig] gives every default.
type Config struct {
	ID          NodeID
	Incarnation Incarnation

	TickInterval            Duration // length of a tick, for stickiness and leases
	ElectionTimeoutMinTicks int      // ticks; election timeouts are uniform in [min, max)
	ElectionTimeoutMaxTicks int      // ticks; at least ElectionTimeoutMinTicks + 2, so that there is something to draw
	HeartbeatIntervalTicks  int      // ticks; below ElectionTimeoutMinTicks
	PreVote                 bool     // dissertation §9.6; without it a node that cannot win may end term after term
	LeaseDurationTicks      int      // ticks; zero: no leases. Below ElectionTimeoutMinTicks - HeartbeatIntervalTicks; needs PreVote. See lease.go

	MaxBatchDelayTicks int // proposals wait up to this many ticks for others to join them; 0: not at all
	MaxBatchEntries    int // commands with which a batch that waits is full

	MaxAppendEntries   int // entries in one AppendEntries
	MaxAppendBytes     int // bytes of entries ([Entry.Size]) in one AppendEntries; one entry always fits
	MaxInflightAppends int // AppendEntries on their way to one follower
	MaxInflightBytes   int // bytes of entries on their way to one follower
	MaxApplyEntries    int // entries handed to the state machine and not yet applied
	MaxApplyBytes      int // bytes handed to the state machine and not yet applied
	MaxUnappliedBytes  int // bytes of log above the applied index; beyond it a leader refuses proposals
	MaxCommandBytes    int // bytes of one command

	SnapshotHintEntries int // a snapshot is hinted each time so many entries were applied since the last one; 0: never
	SnapshotHintBytes   int // and each time the log above the last one has so many bytes ([Entry.Size]); 0: never
	MaxLogEntries       int // and each time it has more entries, applied or not; 0: never
	TrailingLogEntries  int // entries that stay in the log below a snapshot of this node, for followers slightly behind
	TrailingLogBytes    int // bytes of them at most
	MaxPinnedBytes      int // bytes of log above a snapshot that is on its way to a follower, or was; beyond it the transfer is given up

	Random Random
	Tracer Tracer // nil: silent, and free
}

// DefaultConfig returns the defaults for the node id: ticks of 50 ms, elections after 10 to 20 ticks, a
// heartbeat every 3, pre-vote on. Incarnation and Random are left for the caller.
func DefaultConfig(id NodeID) Config {
	return Config{
		ID:                      id,
		TickInterval:            50_000_000,
		ElectionTimeoutMinTicks: 10,
		ElectionTimeoutMaxTicks: 20,
		HeartbeatIntervalTicks:  3,
		PreVote:                 true,
		MaxBatchEntries:         64,
		MaxAppendEntries:        1024,
		MaxAppendBytes:          1 << 20,
		MaxInflightAppends:      64,
		MaxInflightBytes:        16 << 20,
		MaxApplyEntries:         4096,
		MaxApplyBytes:           8 << 20,
		MaxUnappliedBytes:       256 << 20,
		MaxCommandBytes:         8 << 20,
		SnapshotHintEntries:     65_536,
		SnapshotHintBytes:       64 << 20,
		TrailingLogEntries:      10_240,
		TrailingLogBytes:        64 << 20,
		MaxPinnedBytes:          512 << 20,
	}
}

// ErrInvalidConfig is wrapped by what [Config.Validate] returns.
var ErrInvalidConfig = errors.New("engine: invalid config")

// Validate names every problem at once, each wrapping [ErrInvalidConfig].
func (c Config) Validate() error {
	var problems []error
	for _, problem := range c.Problems() {
		problems = append(problems, fmt.Errorf("%w: %s", ErrInvalidConfig, problem))
	}
	return errors.Join(problems...)
}

// Problems returns what [Config.Validate] finds, one sentence a problem, each beginning with the field's name.
func (c Config) Problems() (problems []string) {
	require := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	require(c.ID != 0, "ID is zero")
	require(c.Incarnation != 0, "Incarnation is zero")
	require(c.TickInterval > 0, "TickInterval %d is not positive", c.TickInterval)
	require(c.HeartbeatIntervalTicks > 0, "HeartbeatIntervalTicks %d is not positive", c.HeartbeatIntervalTicks)
	require(c.ElectionTimeoutMinTicks > c.HeartbeatIntervalTicks,
		"ElectionTimeoutMinTicks %d is not above HeartbeatIntervalTicks %d", c.ElectionTimeoutMinTicks, c.HeartbeatIntervalTicks)
	require(c.ElectionTimeoutMaxTicks >= c.ElectionTimeoutMinTicks+2, // one timeout for all would split every vote alike
		"ElectionTimeoutMaxTicks %d is not above ElectionTimeoutMinTicks %d by two", c.ElectionTimeoutMaxTicks, c.ElectionTimeoutMinTicks)
	require(c.LeaseDurationTicks >= 0, "LeaseDurationTicks %d is negative", c.LeaseDurationTicks)
	require(c.LeaseDurationTicks == 0 || c.LeaseDurationTicks < c.ElectionTimeoutMinTicks-c.HeartbeatIntervalTicks,
		"LeaseDurationTicks %d is not below ElectionTimeoutMinTicks %d less HeartbeatIntervalTicks %d",
		c.LeaseDurationTicks, c.ElectionTimeoutMinTicks, c.HeartbeatIntervalTicks)
	require(c.LeaseDurationTicks == 0 || c.PreVote, "LeaseDurationTicks %d needs PreVote", c.LeaseDurationTicks)
	require(c.MaxBatchDelayTicks >= 0, "MaxBatchDelayTicks %d is negative", c.MaxBatchDelayTicks)
	for _, bound := range c.bounds() {
		require(bound.value > 0, "%s %d is not positive", bound.name, bound.value)
	}
	for _, bound := range c.switches() {
		require(bound.value >= 0, "%s %d is negative", bound.name, bound.value)
	}
	require(c.Random != nil, "Random is nil")
	return problems
}

// bound is a limit of the configuration.
type bound struct {
	name  string
	value int
}

func (c Config) bounds() []bound {
	return []bound{
		{"MaxBatchEntries", c.MaxBatchEntries},
		{"MaxAppendEntries", c.MaxAppendEntries},
		{"MaxAppendBytes", c.MaxAppendBytes},
		{"MaxInflightAppends", c.MaxInflightAppends},
		{"MaxInflightBytes", c.MaxInflightBytes},
		{"MaxApplyEntries", c.MaxApplyEntries},
		{"MaxApplyBytes", c.MaxApplyBytes},
		{"MaxUnappliedBytes", c.MaxUnappliedBytes},
		{"MaxCommandBytes", c.MaxCommandBytes},
	}
}

// switches returns the limits that zero turns off.
func (c Config) switches() []bound {
	return []bound{
		{"SnapshotHintEntries", c.SnapshotHintEntries},
		{"SnapshotHintBytes", c.SnapshotHintBytes},
		{"MaxLogEntries", c.MaxLogEntries},
		{"TrailingLogEntries", c.TrailingLogEntries},
		{"TrailingLogBytes", c.TrailingLogBytes},
		{"MaxPinnedBytes", c.MaxPinnedBytes},
	}
}

// Recovered is what a node starts from. Everything in it is durable: recovery has synced it again before the
// engine is built, because what was read may only have been in the page cache of a killed process.
type Recovered struct {
	Now       Instant
	HardState HardState
	Snapshot  SnapshotMeta // that the state machine was restored from; zero without one
	Base      Position     // the log begins right after it; at most the snapshot's position, and zero without one
	Entries   []Entry      // consecutive from Base.Index+1
	Commit    Index        // known committed; may lag behind the truth, even behind the snapshot
}
