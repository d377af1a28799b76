package main

import (
	"context"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// store is what the client port needs of a node. Its errors are those of the node.
type store interface {
	Write(ctx context.Context, command Command) (Result, error)
	WriteBatch(ctx context.Context, commands []Command) ([]Result, error)
	// ReadBatch answers commands that change nothing, all at one point of the history.
	ReadBatch(ctx context.Context, commands []Command) ([]Result, error)
	Status(ctx context.Context) (actors.Status, error)
	Admin() administration
	TransferLeadership(ctx context.Context, target engine.NodeID) error
	TriggerSnapshot(ctx context.Context) (engine.Index, error)
	NodeMetrics(ctx context.Context) (actors.NodeMetrics, error)
	CurrentLeader() (actors.Leader, bool)
}

// nodeStore is a node as the client port sees it.
type nodeStore struct{ *node }

var _ store = nodeStore{}

// Admin implements store.
func (n nodeStore) Admin() administration { return n.node.Admin() }

// ReadBatch implements store with a linearizable read: nothing is written for it.
func (n nodeStore) ReadBatch(ctx context.Context, commands []Command) ([]Result, error) {
	return actors.Query(ctx, n.node, func(m *machine) []Result { return m.lookAll(commands) })
}
