package actors

import "github.com/asynkron/protoactor-go/actor"

// snapshotActor is where snapshots are built, stored, sent and received, off every hot path. A log is not
// compacted yet, so it takes no orders; it stands in the tree so that start, supervision and shutdown know it.
type snapshotActor struct{}

// Receive implements actor.Actor.
func (*snapshotActor) Receive(actor.Context) {}
