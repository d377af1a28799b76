package yggr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// clusterName is the same everywhere here; the founders' addresses tell clusters apart.
const clusterName = "bench"

// ReplicaConfig is what one node is started with. The rest are the library's defaults.
type ReplicaConfig struct {
	ID      engine.NodeID
	Members []engine.Member // the founders, ID among them
	Dir     string          // the node's own directory is made below it
	Recover bool            // from what the directory holds; else it founds the cluster with the others
	Wrap    Wrap
}

// Replica is one node, with an actor system of its own as if it were alone in its process.
type Replica struct {
	*actors.Node[workload.Command, uint64]
	system  *actor.ActorSystem
	counter workload.Counter
}

// StartReplica starts a node; it returns before there is a leader.
func StartReplica(ctx context.Context, cfg ReplicaConfig) (*Replica, error) {
	nodeConfig, err := cfg.nodeConfig()
	if err != nil {
		return nil, err
	}
	r := &Replica{system: actor.NewActorSystem(actor.WithLoggerFactory(silence))}
	var applied func()
	if cfg.Wrap.Applied != nil {
		applied = func() { cfg.Wrap.Applied(cfg.ID) }
	}
	if r.Node, err = actors.Start(ctx, r.system, r.definition(applied), nodeConfig); err != nil {
		r.system.Shutdown()
		return nil, err
	}
	return r, nil
}

func (c ReplicaConfig) nodeConfig() (actors.Config, error) {
	fsys := persistence.OS()
	if c.Wrap.FS != nil {
		fsys = c.Wrap.FS(c.ID, fsys)
	}
	network, err := c.network()
	cfg := actors.DefaultConfig(c.ID)
	cfg.Cluster = clusterName
	cfg.Bootstrap = actors.NewCluster{Members: c.Members}
	if c.Recover {
		cfg.Bootstrap = actors.Recover{}
	}
	cfg.Storage = persistence.NewDir(fsys, filepath.Join(c.Dir, fmt.Sprintf("n%d", c.ID)), persistence.Options{})
	cfg.Network = network
	if c.Wrap.Config != nil {
		c.Wrap.Config(&cfg)
	}
	return cfg, err
}

func (c ReplicaConfig) network() (remote.Network, error) {
	for _, member := range c.Members {
		if member.ID != c.ID {
			continue
		}
		network := remote.Network(remote.NewTCP(remote.TCPConfig{Listen: member.Address}))
		if c.Wrap.Network != nil {
			network = c.Wrap.Network(c.ID, network)
		}
		return network, nil
	}
	return nil, fmt.Errorf("yggr: %v is not among the members", c.ID)
}

func silence(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }

// Counter returns the node's machine.
func (r *Replica) Counter() *workload.Counter { return &r.counter }

// Stop shuts the node down, waits for all that it started, and returns why it had failed, if it had.
func (r *Replica) Stop(ctx context.Context) error {
	defer r.system.Shutdown()
	return errors.Join(r.Shutdown(ctx), r.Err())
}
