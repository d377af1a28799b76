package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

type node = actors.Node[Command, Result]

// startNode starts the Raft node that the options describe.
func startNode(ctx context.Context, o options, dir *directory, logger hclog.Logger) (*node, error) {
	storage := persistence.NewDir(persistence.OS(), o.dataDir, persistence.Options{})
	bootstrap, err := o.chooseBootstrap(storage, logger)
	if err != nil {
		return nil, err
	}
	cfg := actors.DefaultConfig(o.id)
	cfg.Cluster = o.cluster
	cfg.Bootstrap = bootstrap
	cfg.Storage = storage
	cfg.Network = remote.NewTCP(remote.TCPConfig{
		Listen:    o.peerAddress,
		Advertise: o.advertisedPeerAddress(),
		Logger:    logger.Named("peers"),
	})
	cfg.Logger = logger
	if o.snapshotEntries > 0 {
		cfg.SnapshotHintEntries = o.snapshotEntries
	}
	if o.trailingEntries >= 0 {
		cfg.TrailingLogEntries = o.trailingEntries
	}
	cfg.ForwardProposals = o.forward
	if o.lease {
		cfg.LeaseDurationTicks = cfg.ElectionTimeoutMinTicks - cfg.HeartbeatIntervalTicks - 1 // the longest that is safe
	}
	system := actor.NewActorSystem(actor.WithLoggerFactory(actors.LoggerFactory(logger)))
	return actors.Start(ctx, system, definition(dir), cfg)
}

// chooseBootstrap turns --bootstrap into what the library wants to be told: it never guesses.
func (o *options) chooseBootstrap(storage persistence.Opener, logger hclog.Logger) (actors.Bootstrap, error) {
	mode := o.bootstrap
	if mode == bootstrapAuto {
		exists, err := storage.Exists()
		if err != nil {
			return nil, err
		}
		mode = bootstrapNew
		if exists {
			mode = bootstrapRecover
		} else {
			logger.Info("no state here: founding a new node", "directory", o.dataDir)
		}
	}
	switch mode {
	case bootstrapJoin:
		return actors.Join{}, nil
	case bootstrapRecover:
		return actors.Recover{}, nil
	}
	return actors.NewCluster{Members: o.members()}, nil
}

// advertisedPeerAddress is where --peer says that this node is reached; empty if it says nothing.
func (o *options) advertisedPeerAddress() string {
	for _, member := range o.peers {
		if member.ID == o.id {
			return member.Address
		}
	}
	return ""
}

// explain adds what the user of this program can do.
func explain(err error, o options) error {
	advice := ""
	switch {
	case errors.Is(err, persistence.ErrNotEmpty):
		advice = "it holds a node already; use --bootstrap recover, or another directory"
	case errors.Is(err, persistence.ErrNoState):
		advice = "there is nothing to recover; use --bootstrap new or join, or check the path"
	case errors.Is(err, persistence.ErrForeign):
		advice = "it belongs to another node or cluster; check --node-id and --cluster"
	case errors.Is(err, persistence.ErrNewerFormat):
		advice = "a newer version of this program wrote it"
	case errors.Is(err, persistence.ErrLocked):
		advice = "another process is using it"
	case errors.Is(err, persistence.ErrCorrupt):
		advice = "its data is damaged; nothing was changed"
	default:
		return fmt.Errorf("node %d does not start: %w", o.id, err)
	}
	return fmt.Errorf("data directory %s: %s: %w", o.dataDir, advice, err)
}

// peerAddress returns where peers reach the node. On the way it warns of --peer flags that say something else than the
// node's log: the log counts.
func peerAddress(ctx context.Context, n *node, o options, logger hclog.Logger) string {
	status, err := n.Status(ctx)
	if err != nil {
		return "unknown"
	}
	for _, flag := range o.peers {
		member, known := status.Membership.Lookup(flag.ID)
		if len(status.Membership.Members) > 0 && (!known || member.Address != flag.Address) {
			logger.Warn("--peer differs from the membership in the log, which counts",
				"peer", uint64(flag.ID), "flag", flag.Address, "log", member.Address)
		}
	}
	return status.Address
}
