package actors

import (
	"time"

	"github.com/yggr-go/yggr/engine"
)

// Events that a node publishes on its actor system's event stream. Subscribers run on the raft actor's own turn, as
// protoactor's do: they must be quick and must not wait for the node. A subscriber that panics harms nobody but those
// that subscribed after it.
//
// An event tells what is true when it is published. What changes twice within one step of the node is told once.
type (
	// RoleChanged says that the node plays another part, or its part in another term.
	RoleChanged struct {
		ID      engine.NodeID
		Cluster string
		Role    engine.Role
		Term    engine.Term
	}
	// LeaderChanged says that the node follows another leader, which may be itself. The zero Leader is none.
	LeaderChanged struct {
		ID      engine.NodeID
		Cluster string
		Leader  Leader
	}
	// MembershipChanged says that another membership is in force at the node. It may not be committed yet, and another
	// leader may take it back.
	MembershipChanged struct {
		ID         engine.NodeID
		Cluster    string
		Membership engine.Membership
	}
	// SnapshotTaken says that the node has taken a snapshot of its machine and would start from it.
	SnapshotTaken struct {
		ID       engine.NodeID
		Cluster  string
		Snapshot engine.SnapshotMeta
		Took     time.Duration // from capture to complete file
	}
	// SnapshotFailed says that a snapshot was not captured or not written. The node goes on and keeps its log.
	SnapshotFailed struct {
		ID      engine.NodeID
		Cluster string
		Err     error // a *SnapshotFailedError
	}
	// SnapshotRestored says that the machine's state was replaced by a snapshot: the node's own at a start, or the leader's.
	SnapshotRestored struct {
		ID       engine.NodeID
		Cluster  string
		Snapshot engine.SnapshotMeta
	}
	// Fatal says that the node has failed for good: its children are stopped and its storage is closed.
	Fatal struct {
		ID      engine.NodeID
		Cluster string
		Err     error // a *FatalError
	}
)
