package actors

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// Node is the handle of a running node for callers that think in calls. It may be used by many goroutines.
type Node[C, R any] struct{}

// Start spawns a raft actor as a root actor of the system and waits until it serves or has failed to start.
func Start[C, R any](ctx context.Context, system *actor.ActorSystem, def statemachine.Definition[C, R], cfg Config) (*Node[C, R], error) {
	panic("contract only")
}

// Write appends a command and returns its response once it is committed and applied here. Errors:
// [NotLeaderError], [ErrNoLeader], [ErrBusy], [ErrShutdown], [ErrTooLarge] (not applied); [OutcomeUnknownError],
// [ErrDriverDead], [FatalError] (unknown).
func (n *Node[C, R]) Write(ctx context.Context, command C) (R, error) { panic("contract only") }

// Propose is Write under the name of the dissertation.
func (n *Node[C, R]) Propose(ctx context.Context, command C) (R, error) { return n.Write(ctx, command) }

// WriteBatch appends several commands as consecutive entries, all or none, and returns their responses in
// order. Its errors are those of Write, for the batch as a whole.
func (n *Node[C, R]) WriteBatch(ctx context.Context, commands []C) ([]R, error) {
	panic("contract only")
}

// Status is a point-in-time view of a node.
type Status struct {
	engine.Status
	Cluster engine.ClusterID
	Address string // where peers dial this node
	Err     error  // why the node has failed; nil while it serves
}

// Status asks the driver. It is answered also by a failed node.
func (n *Node[C, R]) Status(ctx context.Context) (Status, error) { panic("contract only") }

// Metrics gathers the counters of a node's parts.
type Metrics struct {
	Status
	Engine      engine.Metrics
	Persistence persistence.Metrics
	Transport   remote.Metrics
}

// NodeMetrics asks the driver.
func (n *Node[C, R]) NodeMetrics(ctx context.Context) (Metrics, error) { panic("contract only") }

// Leader names the leader that a node follows.
type Leader struct {
	ID      engine.NodeID
	Address string
	Term    engine.Term
}

// CurrentLeader returns the current leader hint without asking the driver; false when none is known.
func (n *Node[C, R]) CurrentLeader() (Leader, bool) { panic("contract only") }

// Shutdown stops the node gracefully and returns when everything has stopped and the storage is unlocked.
func (n *Node[C, R]) Shutdown(ctx context.Context) error { panic("contract only") }

// Done is closed when the node has ended, by Shutdown, by a stop of its actor, or by a fatal error.
func (n *Node[C, R]) Done() <-chan struct{} { panic("contract only") }

// Err tells why the node ended: nil while it runs and after a clean stop, a [FatalError] after a failure.
func (n *Node[C, R]) Err() error { panic("contract only") }

// PID returns the raft actor.
func (n *Node[C, R]) PID() *actor.PID { panic("contract only") }
