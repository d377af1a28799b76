package etcd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"github.com/yggr-go/yggr/bench/workload"
)

const (
	leaderPatience = 30 * time.Second
	pollInterval   = 2 * time.Millisecond
	syncsMetric    = "etcd_disk_wal_fsync_duration_seconds"
)

// founding is where every log begins: the membership, as if it came from a snapshot.
func founding() raftpb.SnapshotMetadata {
	return raftpb.SnapshotMetadata{Index: 1, Term: 1, ConfState: raftpb.ConfState{Voters: []uint64{1, 2, 3}}}
}

// Async starts three hosts with AsyncStorageWrites.
func Async(ctx context.Context, dir string) (workload.Cluster, error) { return start(ctx, dir, true) }

// Sync starts three hosts that write their log before they go on.
func Sync(ctx context.Context, dir string) (workload.Cluster, error) { return start(ctx, dir, false) }

func start(ctx context.Context, dir string, async bool) (workload.Cluster, error) {
	addresses, err := workload.FreeAddresses(workload.Replicas)
	if err != nil {
		return nil, err
	}
	c := &cluster{}
	for i := range c.hosts {
		h, err := newHost(i, addresses, dir, async)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.hosts[i] = h
	}
	for _, h := range c.hosts {
		h.start()
	}
	c.hosts[0].inbox.add(func(w *work) { w.campaign = true })
	if err := c.awaitLeader(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// newHost makes a host with an empty log. It does not run yet.
func newHost(i int, addresses []string, dir string, async bool) (*host, error) {
	h := &host{
		id: uint64(i + 1), async: async, memory: raft.NewMemoryStorage(), inbox: newInbox(), compacted: founding().Index,
		machine: &applyThread{queue: newQueue[application]()}, stopping: make(chan struct{}),
	}
	if err := h.memory.ApplySnapshot(raftpb.Snapshot{Metadata: founding()}); err != nil {
		return nil, err
	}
	var err error
	if h.raft, err = raft.NewRawNode(newConfig(h.id, h.memory, async)); err != nil {
		return nil, err
	}
	if h.network, err = newNetwork(addresses[i]); err != nil {
		return nil, err
	}
	for j, address := range addresses {
		if j != i {
			h.network.links[uint64(j+1)] = newLink(uint64(j+1), address)
		}
	}
	if h.log, err = createLog(filepath.Join(dir, fmt.Sprintf("n%d", h.id))); err != nil {
		h.network.close()
		return nil, err
	}
	return h, nil
}

func createLog(dir string) (*appendThread, error) {
	w, err := wal.Create(zap.NewNop(), dir, nil)
	if err != nil {
		return nil, err
	}
	metadata := founding()
	err = w.SaveSnapshot(walpb.Snapshot{Index: metadata.Index, Term: metadata.Term, ConfState: &metadata.ConfState})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &appendThread{wal: w, queue: newQueue[raftpb.Message]()}, nil
}

func (h *host) start() {
	h.answering.Go(h.run)
	h.answering.Go(h.applyLoop)
	h.running.Go(h.dismiss)
	h.running.Go(h.ticks)
	h.running.Go(h.accept)
	if h.async {
		h.running.Go(h.appendLoop)
	}
	for _, l := range h.network.links {
		h.running.Go(func() { h.transmit(l) })
	}
}

// cluster is three hosts.
type cluster struct {
	hosts  [workload.Replicas]*host
	leader int // position in hosts
}

// awaitLeader waits until all follow one host and it has applied the first entry of its term.
func (c *cluster) awaitLeader(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, leaderPatience, errors.New("etcd: no leader"))
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if c.settled() {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *cluster) settled() bool {
	leader := c.hosts[0].leaderHint.Load()
	for _, h := range c.hosts {
		if hint := h.leaderHint.Load(); hint == 0 || hint != leader || !h.machine.begun.Load() {
			return false
		}
	}
	c.leader = int(leader - 1)
	return true
}

// Write implements [workload.Cluster].
func (c *cluster) Write(ctx context.Context, command workload.Command) (uint64, error) {
	return c.hosts[c.leader].write(ctx, command)
}

// Counters implements [workload.Cluster].
func (c *cluster) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = &c.hosts[(c.leader+i)%workload.Replicas].counter
	}
	return counters
}

// Syncs implements [workload.Cluster]. The WAL counts for the whole process, so this holds for one cluster at a time.
func (c *cluster) Syncs() (count uint64, known bool) {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		return 0, false
	}
	for _, family := range families {
		if family.GetName() == syncsMetric {
			return family.GetMetric()[0].GetHistogram().GetSampleCount(), true
		}
	}
	return 0, false
}

// Stop implements [workload.Cluster].
func (c *cluster) Stop() error {
	var problems error
	for _, h := range c.hosts {
		if h != nil {
			problems = errors.Join(problems, h.close())
		}
	}
	return problems
}
