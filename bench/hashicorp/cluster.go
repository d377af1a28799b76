package hashicorp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/raft"

	"github.com/yggr-go/yggr/bench/workload"
)

const (
	leaderPatience = 30 * time.Second
	pollInterval   = 2 * time.Millisecond
	appendsMetric  = "log_appends"
)

// cluster is three servers.
type cluster struct {
	nodes  [workload.Replicas]node
	leader int // position in nodes
}

// Start implements [workload.Starter].
func Start(ctx context.Context, dir string) (workload.Cluster, error) {
	addresses, err := workload.FreeAddresses(workload.Replicas)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	for i := range c.nodes {
		if err := c.nodes[i].start(i, addresses, dir); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	if err := c.awaitLeader(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func makeDir(path string) error { return os.Mkdir(path, 0o755) }

// awaitLeader waits until all follow one server, and it has applied all it holds.
func (c *cluster) awaitLeader(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, leaderPatience, errors.New("hashicorp: no leader"))
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		for i := range c.nodes {
			if c.leads(i) {
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

func (c *cluster) leads(i int) bool {
	r := c.nodes[i].raft
	if r.State() != raft.Leader || r.CommitIndex() == 0 || r.AppliedIndex() != r.LastIndex() {
		return false
	}
	for j := range c.nodes {
		if _, id := c.nodes[j].raft.LeaderWithID(); id != serverID(i) {
			return false
		}
	}
	return true
}

// Write implements [workload.Cluster]. The library takes no context: a shutdown ends the wait.
func (c *cluster) Write(_ context.Context, command workload.Command) (uint64, error) {
	future := c.nodes[c.leader].raft.Apply(command.Bytes(), 0)
	if err := future.Error(); err != nil {
		return 0, err
	}
	switch answer := future.Response().(type) {
	case uint64:
		return answer, nil
	case error:
		return 0, answer
	default:
		return 0, fmt.Errorf("hashicorp: an answer of type %T", answer)
	}
}

// Counters implements [workload.Cluster].
func (c *cluster) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = &c.nodes[(c.leader+i)%workload.Replicas].counter
	}
	return counters
}

// Syncs implements [workload.Cluster].
func (c *cluster) Syncs() (count uint64, known bool) {
	for i := range c.nodes {
		count += c.nodes[i].metrics.Summary().Counters[appendsMetric]
	}
	return count, true
}

// Stop implements [workload.Cluster].
func (c *cluster) Stop() error {
	var problems error
	for i := range c.nodes {
		problems = errors.Join(problems, c.nodes[i].stop())
	}
	return problems
}
