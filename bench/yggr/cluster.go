package yggr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// Bounds of starting and stopping; nothing is measured by them.
const (
	leaderPatience = 30 * time.Second
	stopPatience   = 30 * time.Second
	pollInterval   = 2 * time.Millisecond
)

// Wrap changes what one node is built on, to watch it from outside. A nil function changes nothing.
type Wrap struct {
	FS      func(node engine.NodeID, fsys persistence.FS) persistence.FS
	Network func(node engine.NodeID, network remote.Network) remote.Network
	Applied func(node engine.NodeID) // called right after each command
	Config  func(cfg *actors.Config)
}

// Start starts three nodes below dir.
func Start(ctx context.Context, dir string) (workload.Cluster, error) {
	return StartWrapped(ctx, dir, Wrap{})
}

// StartWrapped is Start with something between the nodes and the world.
func StartWrapped(ctx context.Context, dir string, wrap Wrap) (*Cluster, error) {
	addresses, err := workload.FreeAddresses(workload.Replicas)
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	for i, address := range addresses {
		c.members = append(c.members, engine.Member{ID: engine.NodeID(i + 1), Role: engine.Voter, Address: address})
	}
	for i := range c.replicas {
		if err := c.replicas[i].start(ctx, c.members, i, dir, wrap); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	if err := c.awaitLeader(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

type node = actors.Node[workload.Command, uint64]

// Cluster is three nodes of this library.
type Cluster struct {
	members  []engine.Member
	replicas [workload.Replicas]replica
	leader   int // position in replicas, once there is one
}

// replica is one node, with an actor system of its own as if it were alone in its process.
type replica struct {
	system  *actor.ActorSystem
	node    *node
	counter workload.Counter
}

func (r *replica) start(ctx context.Context, members []engine.Member, i int, dir string, wrap Wrap) error {
	self := members[i]
	fsys, network := persistence.OS(), remote.Network(remote.NewTCP(remote.TCPConfig{Listen: self.Address}))
	if wrap.FS != nil {
		fsys = wrap.FS(self.ID, fsys)
	}
	if wrap.Network != nil {
		network = wrap.Network(self.ID, network)
	}
	cfg := actors.DefaultConfig(self.ID)
	cfg.Cluster = "bench"
	cfg.Bootstrap = actors.NewCluster{Members: members}
	cfg.Storage = persistence.NewDir(fsys, filepath.Join(dir, fmt.Sprintf("n%d", self.ID)), persistence.Options{})
	cfg.Network = network
	if wrap.Config != nil {
		wrap.Config(&cfg)
	}
	r.system = actor.NewActorSystem(actor.WithLoggerFactory(silence))
	var err error
	r.node, err = actors.Start(ctx, r.system, r.definition(self.ID, wrap), cfg)
	return err
}

func silence(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }

// awaitLeader waits until a node leads, has committed all it holds, which includes an entry of its term, and is
// followed by the others.
func (c *Cluster) awaitLeader(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, leaderPatience, errors.New("no leader"))
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		for i := range c.replicas {
			if c.leads(ctx, i) {
				c.leader = i
				return nil
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *Cluster) leads(ctx context.Context, i int) bool {
	status, err := c.replicas[i].node.Status(ctx)
	if err != nil || status.Role != engine.Leader || status.Last.Term != status.Term || status.Applied != status.Last.Index {
		return false
	}
	for j := range c.replicas {
		if leader, known := c.replicas[j].node.CurrentLeader(); !known || leader.ID != status.ID {
			return false
		}
	}
	return true
}

// Write implements [workload.Cluster].
func (c *Cluster) Write(ctx context.Context, command workload.Command) (uint64, error) {
	return c.replicas[c.leader].node.Write(ctx, command)
}

// Read returns the counter's value by a linearizable read at the leader.
func (c *Cluster) Read(ctx context.Context) (uint64, error) {
	return actors.Query(ctx, c.replicas[c.leader].node, func(m *machine) uint64 { return m.counter.State().Value })
}

// Leader returns the id of the leader.
func (c *Cluster) Leader() engine.NodeID { return c.members[c.leader].ID }

// Counters implements [workload.Cluster].
func (c *Cluster) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = &c.replicas[(c.leader+i)%workload.Replicas].counter
	}
	return counters
}

// Syncs implements [workload.Cluster].
func (c *Cluster) Syncs() (count uint64, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	for i := range c.replicas {
		m, err := c.replicas[i].node.NodeMetrics(ctx)
		if err != nil {
			return 0, false
		}
		count += m.Persistence.Syncs
	}
	return count, true
}

// Stop implements [workload.Cluster].
func (c *Cluster) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	var problems error
	for i := range c.replicas {
		problems = errors.Join(problems, c.replicas[i].stop(ctx))
	}
	return problems
}

func (r *replica) stop(ctx context.Context) error {
	if r.system == nil {
		return nil
	}
	defer r.system.Shutdown()
	if r.node == nil {
		return nil
	}
	return errors.Join(r.node.Shutdown(ctx), r.node.Err())
}
