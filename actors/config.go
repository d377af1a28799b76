package actors

import (
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
	ElectionTimeoutMaxTicks int           // 20
	HeartbeatIntervalTicks  int           // 3
	PreVote                 bool          // true

	MaxPendingProposals int // 4,096 commands accepted and not yet answered; beyond it ErrBusy
	MaxPendingApplies   int // 4,096 entries handed to the state machine and not yet applied
	MaxCommandBytes     int // 8 MiB, one encoded command

	ShutdownTimeout time.Duration // 5 s: how long Shutdown waits for accepted commands

	Runtime *Runtime // nil: the real world
}

// Bootstrap says how a node comes up. It is [NewCluster], [Join] or [Recover].
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
	return Config{
		ID:                      id,
		TickInterval:            50 * time.Millisecond,
		ElectionTimeoutMinTicks: 10,
		ElectionTimeoutMaxTicks: 20,
		HeartbeatIntervalTicks:  3,
		PreVote:                 true,
		MaxPendingProposals:     4096,
		MaxPendingApplies:       4096,
		MaxCommandBytes:         8 << 20,
		ShutdownTimeout:         5 * time.Second,
	}
}
