package yggr

import (
	"context"
	"errors"
	"time"

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
	for i, member := range c.members {
		replica, err := StartReplica(ctx, ReplicaConfig{ID: member.ID, Members: c.members, Dir: dir, Wrap: wrap})
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.replicas[i] = replica
	}
	if err := c.awaitLeader(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Cluster is three nodes of this library.
type Cluster struct {
	members  []engine.Member
	replicas [workload.Replicas]*Replica
	leader   int // position in replicas, once there is one
}

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
	status, err := c.replicas[i].Status(ctx)
	if err != nil || status.Role != engine.Leader || status.Last.Term != status.Term || status.Applied != status.Last.Index {
		return false
	}
	for j := range c.replicas {
		if leader, known := c.replicas[j].CurrentLeader(); !known || leader.ID != status.ID {
			return false
		}
	}
	return true
}

// Write implements [workload.Cluster].
func (c *Cluster) Write(ctx context.Context, command workload.Command) (uint64, error) {
	return c.replicas[c.leader].Write(ctx, command)
}

// Read returns the counter's value by a linearizable read at the leader.
func (c *Cluster) Read(ctx context.Context) (uint64, error) {
	return actors.Query(ctx, c.replicas[c.leader].Node, func(m *machine) uint64 { return m.counter.State().Value })
}

// Leader returns the id of the leader that the cluster started with.
func (c *Cluster) Leader() engine.NodeID { return c.members[c.leader].ID }

// Follower returns the id of one of its followers.
func (c *Cluster) Follower() engine.NodeID { return c.members[(c.leader+1)%workload.Replicas].ID }

// Statuses asks all nodes, by ascending id.
func (c *Cluster) Statuses(ctx context.Context) (statuses [workload.Replicas]engine.Status, err error) {
	for i, r := range c.replicas {
		status, statusErr := r.Status(ctx)
		statuses[i], err = status.Status, errors.Join(err, statusErr, status.Err)
	}
	return statuses, err
}

// Counters implements [workload.Cluster].
func (c *Cluster) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = c.replicas[(c.leader+i)%workload.Replicas].Counter()
	}
	return counters
}

// Syncs implements [workload.Cluster].
func (c *Cluster) Syncs() (count uint64, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	for i := range c.replicas {
		m, err := c.replicas[i].NodeMetrics(ctx)
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
		if c.replicas[i] != nil {
			problems = errors.Join(problems, c.replicas[i].Stop(ctx))
		}
	}
	return problems
}
