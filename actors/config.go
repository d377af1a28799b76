package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// Config is what a node is started with. [DefaultConfig] gives every default; the fields without one are
// ID, Cluster, Bootstrap, Storage and Network.
type Config struct {
	ID        engine.NodeID
	Cluster   string    // the cluster's name, the same on every node
	Bootstrap Bootstrap // [NewCluster], [Join] or [Recover]

	Storage persistence.Opener // where the log lives
	Network remote.Network     // how peers are reached
	Logger  hclog.Logger       // nil: silent

	TickInterval            time.Duration // 50 ms
	ElectionTimeoutMinTicks int           // 10; timeouts are uniform in [min, max)
	ElectionTimeoutMaxTicks int           // 20; at least ElectionTimeoutMinTicks + 2
	HeartbeatIntervalTicks  int           // 3
	PreVote                 bool          // true; without it a node that cannot win may end term after term of those that can
	// LeaseDurationTicks lets the leader serve linearizable reads without asking anybody for so long after a majority
	// answered it; 0, the default, is off. It must be below ElectionTimeoutMinTicks - HeartbeatIntervalTicks and needs
	// PreVote. Leases rest on clocks: keep them off where a clock may drift by more than 5 %, or stop, as those of
	// virtual machines do that are moved or restored from an image. Before ElectionTimeoutMinTicks or TickInterval of a
	// running cluster is made shorter, turn leases off on every node.
	LeaseDurationTicks int

	// MaxBatchDelayTicks holds proposals for up to this many ticks, or until MaxBatchEntries commands are held, so that
	// they are appended together. 0 (the default): not at all. Whatever queues while the disk is busy is one batch in any
	// case, so this only pays where syncs are dear and latency is not.
	MaxBatchDelayTicks int
	MaxBatchEntries    int // 64

	// ForwardProposals has a follower that knows its leader send commands on to it and relay the answers, where it would
	// answer [NotLeaderError]; false, the default, is off. It costs a round trip more and hides where the leader is. The codec
	// must be a statemachine.ResponseCodec. Each command is sent once; when the leader's term ends, or four of the longest
	// election timeouts pass without a word, the outcome is unknown. Reads, changes and transfers still go to the leader, and
	// so does a batch of more than 12 MiB or 65,536 commands. Nodes that do not forward take what others send on, if
	// their codec can answer it.
	ForwardProposals bool

	MaxPendingProposals int // 4,096 commands accepted and not yet answered; beyond it ErrBusy
	MaxPendingReads     int // 4,096 reads accepted and not yet answered; beyond it ErrBusy
	MaxPendingApplies   int // 4,096 entries handed to the state machine and not yet applied
	MaxApplyBytes       int // 8 MiB of entries handed to the state machine and not yet applied
	MaxUnappliedBytes   int // 256 MiB of log above what is applied; beyond it a leader answers ErrBusy
	MaxCommandBytes     int // 8 MiB, one encoded command; at most 12 MiB, so that it fits into a transport's frame

	MaxAppendEntries   int // 1,024 entries in one message to a follower
	MaxAppendBytes     int // 1 MiB of entries in one message to a follower, at most 12 MiB; one entry always fits
	MaxInflightAppends int // 64 messages with entries on their way to one follower
	MaxInflightBytes   int // 16 MiB of entries on their way to one follower

	// When a snapshot is taken: at the first of these that is reached, and again when as much has come on top, in case it
	// could not be. The log is in memory as well as on disk, so they bound both. A machine that is no
	// statemachine.Snapshotter takes none, and its log grows for ever.
	SnapshotHintEntries int // 65,536 entries applied since the last snapshot; 0: not by entries
	SnapshotHintBytes   int // 64 MiB of log above the last snapshot; 0: not by bytes
	MaxLogEntries       int // 0: off; entries above the last snapshot, applied or not
	// TrailingLogEntries stay below a snapshot, up to 64 MiB of them, so that a follower slightly behind needs no snapshot:
	// 10,240.
	TrailingLogEntries int
	SnapshotChunkBytes int // 64 KiB in one message of a transfer; at most 12 MiB

	ShutdownTimeout time.Duration // 5 s: how long Shutdown waits for accepted commands, and a leader for its successor

	Runtime *Runtime // nil: the real world
}

// Bootstrap says how a node comes up. It is [NewCluster], [Join] or [Recover].
//
//sumtype:decl
type Bootstrap interface{ bootstrap() }

// NewCluster founds a cluster: every founder starts with the same members, itself among them. The node's
// storage must be empty.
type NewCluster struct {
	Members []engine.Member
}

// Join starts a node that waits to be added to a running cluster. Its storage must be empty.
type Join struct{}

// Recover starts a node from what its storage holds, which must not be empty.
type Recover struct{}

func (NewCluster) bootstrap() {}
func (Join) bootstrap()       {}
func (Recover) bootstrap()    {}

// DefaultConfig returns the defaults for the node id.
func DefaultConfig(id engine.NodeID) Config {
	limits := engine.DefaultConfig(id)
	return Config{
		ID:                      id,
		TickInterval:            50 * time.Millisecond,
		ElectionTimeoutMinTicks: 10,
		ElectionTimeoutMaxTicks: 20,
		HeartbeatIntervalTicks:  3,
		PreVote:                 true,
		MaxBatchEntries:         64,
		MaxPendingProposals:     4096,
		MaxPendingReads:         4096,
		MaxPendingApplies:       4096,
		MaxApplyBytes:           limits.MaxApplyBytes,
		MaxUnappliedBytes:       limits.MaxUnappliedBytes,
		MaxCommandBytes:         limits.MaxCommandBytes,
		MaxAppendEntries:        limits.MaxAppendEntries,
		MaxAppendBytes:          limits.MaxAppendBytes,
		MaxInflightAppends:      limits.MaxInflightAppends,
		MaxInflightBytes:        limits.MaxInflightBytes,
		SnapshotHintEntries:     limits.SnapshotHintEntries,
		SnapshotHintBytes:       limits.SnapshotHintBytes,
		MaxLogEntries:           limits.MaxLogEntries,
		TrailingLogEntries:      limits.TrailingLogEntries,
		SnapshotChunkBytes:      64 << 10,
		ShutdownTimeout:         5 * time.Second,
	}
}

// maxCommandBytes keeps what one message carries below the frames of transports, which are 16 MiB.
const maxCommandBytes = 12 << 20

// Validate names every problem at once. Each wraps [ErrInvalidConfig].
func (c *Config) Validate() error {
	var problems []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("%w: "+format, append([]any{ErrInvalidConfig}, args...)...))
		}
	}
	require(len(c.Cluster) > 0, "Cluster has no name")
	require(len(c.Cluster) <= engine.MaxClusterName, "Cluster is %d bytes long, more than %d", len(c.Cluster), engine.MaxClusterName)
	require(c.Storage != nil, "Storage is nil")
	require(c.Network != nil, "Network is nil")
	require(c.MaxCommandBytes <= maxCommandBytes, "MaxCommandBytes %d is above %d", c.MaxCommandBytes, maxCommandBytes)
	require(c.MaxAppendBytes <= maxCommandBytes, "MaxAppendBytes %d is above %d", c.MaxAppendBytes, maxCommandBytes)
	require(c.MaxPendingProposals > 0, "MaxPendingProposals %d is not positive", c.MaxPendingProposals)
	require(c.MaxPendingReads > 0, "MaxPendingReads %d is not positive", c.MaxPendingReads)
	require(c.ShutdownTimeout >= 0, "ShutdownTimeout %v is negative", c.ShutdownTimeout)
	require(c.Bootstrap != nil, "Bootstrap is nil: choose NewCluster, Join or Recover")
	if mode, ok := c.Bootstrap.(NewCluster); ok {
		problems = append(problems, c.validateFounders(mode)...)
	}
	require(c.SnapshotChunkBytes > 0 && c.SnapshotChunkBytes <= maxCommandBytes,
		"SnapshotChunkBytes %d is not between 1 and %d", c.SnapshotChunkBytes, maxCommandBytes)
	require(c.MaxPendingApplies > 0, "MaxPendingApplies %d is not positive", c.MaxPendingApplies)
	decides := c.engineConfig(1, zeroRandom{}, nil)
	decides.MaxApplyEntries = 1 // which is MaxPendingApplies here
	for _, problem := range decides.Problems() {
		require(false, "%s", problem)
	}
	return errors.Join(problems...)
}

// validateFounders holds what is only wrong for a founder: a cluster of which this node is no part, or that its
// peers could not reach.
func (c *Config) validateFounders(mode NewCluster) (problems []error) {
	members, err := engine.NewMembership(mode.Members...)
	if err != nil {
		return []error{fmt.Errorf("%w: %w", ErrInvalidConfig, err)}
	}
	self, ok := members.Lookup(c.ID)
	if !ok || self.Role != engine.Voter {
		problems = append(problems, fmt.Errorf("%w: %v is not among the founding voters %v", ErrInvalidConfig, c.ID, members))
	}
	for _, m := range members.Members {
		if m.Address == "" && len(members.Members) > 1 {
			problems = append(problems, fmt.Errorf("%w: founder %v has no address", ErrInvalidConfig, m.ID))
		}
	}
	return problems
}

// zeroRandom stands in where a config is only looked at.
type zeroRandom struct{}

func (zeroRandom) Uint64() uint64 { return 0 }

// engineConfig is the part of the config that the engine acts on.
func (c *Config) engineConfig(incarnation engine.Incarnation, random engine.Random, tracer engine.Tracer) engine.Config {
	e := engine.DefaultConfig(c.ID)
	e.Incarnation = incarnation
	e.TickInterval = engine.Duration(c.TickInterval)
	e.ElectionTimeoutMinTicks = c.ElectionTimeoutMinTicks
	e.ElectionTimeoutMaxTicks = c.ElectionTimeoutMaxTicks
	e.HeartbeatIntervalTicks = c.HeartbeatIntervalTicks
	e.PreVote = c.PreVote
	e.MaxBatchDelayTicks = c.MaxBatchDelayTicks
	e.MaxBatchEntries = c.MaxBatchEntries
	e.LeaseDurationTicks = c.LeaseDurationTicks
	e.MaxApplyEntries = c.MaxPendingApplies
	e.MaxApplyBytes = c.MaxApplyBytes
	e.MaxUnappliedBytes = c.MaxUnappliedBytes
	e.MaxCommandBytes = c.MaxCommandBytes
	e.MaxAppendEntries = c.MaxAppendEntries
	e.MaxAppendBytes = c.MaxAppendBytes
	e.MaxInflightAppends = c.MaxInflightAppends
	e.MaxInflightBytes = c.MaxInflightBytes
	e.SnapshotHintEntries, e.SnapshotHintBytes = c.SnapshotHintEntries, c.SnapshotHintBytes
	e.MaxLogEntries, e.TrailingLogEntries = c.MaxLogEntries, c.TrailingLogEntries
	e.Random = random
	e.Tracer = tracer
	return e
}
