package main

import (
	"context"

	"github.com/yggr-go/yggr/actors"
)

// store is what the client port needs of a node. *actors.Node[Command, Result] is one.
type store interface {
	Write(ctx context.Context, command Command) (Result, error)
	WriteBatch(ctx context.Context, commands []Command) ([]Result, error)
	NodeMetrics(ctx context.Context) (actors.NodeMetrics, error)
	CurrentLeader() (actors.Leader, bool)
}

var _ store = (*actors.Node[Command, Result])(nil)
