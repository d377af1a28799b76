package actors

import "github.com/yggr-go/yggr/engine"

// Fatal is published on the actor system's event stream when a node has failed for good: its children are stopped
// and its storage is closed. Subscribers run on the raft actor's own turn, as protoactor's do: they must not wait
// for the node.
type Fatal struct {
	ID      engine.NodeID
	Cluster string
	Err     error // a *FatalError
}

func (d *driver) publishFailure() {
	d.core.system.EventStream.Publish(&Fatal{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Err: d.core.failure})
}
