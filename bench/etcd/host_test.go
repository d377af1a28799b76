package etcd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/bench/workload"
)

// patience ends a test that waits for what never comes; nothing is measured by it.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startCluster(t *testing.T, starter workload.Starter) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := starter(ctx, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() }) // a test that stops a host looks at its error itself
	return c.(*cluster)
}

func command(id uint64) workload.Command {
	return workload.Command{Add: 1, ID: id, Size: workload.MinSize}
}

var starters = map[string]workload.Starter{"async": Async, "sync": Sync}

// A follower does not take commands, and says so at once.
func TestFollowerRefuses(t *testing.T) {
	for name, starter := range starters {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, starter)
			_, err := c.hosts[(c.leader+1)%workload.Replicas].write(t.Context(), command(1))
			require.ErrorIs(t, err, errNotLeader)
		})
	}
}

// Without a majority nothing is acknowledged, and everybody who waits is answered when the leader steps down: check-quorum
// is on.
func TestLostMajorityIsNotAcknowledged(t *testing.T) {
	for name, starter := range starters {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for the leader to step down
			c := startCluster(t, starter)
			for i := 1; i < workload.Replicas; i++ {
				require.NoError(t, c.hosts[(c.leader+i)%workload.Replicas].close())
			}
			_, err := c.Write(t.Context(), command(1))
			require.ErrorIs(t, err, errLostLeadership)
			require.Zero(t, c.Counters()[0].State().Commands)
		})
	}
}

// A log that fails ends the host, and its clients learn of it.
func TestFailedLogEndsTheHost(t *testing.T) {
	for name, starter := range starters {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, starter)
			leader := c.hosts[c.leader]
			require.NoError(t, leader.log.wal.Close())
			_, err := c.Write(t.Context(), command(1))
			require.ErrorIs(t, err, errStopped)
			require.ErrorIs(t, err, leader.failure())
			require.ErrorContains(t, leader.failure(), "etcd: wal")
		})
	}
}

// Whoever waits when a host stops is answered.
func TestStopAnswersEverybody(t *testing.T) {
	for name, starter := range starters {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, starter)
			for i := 1; i < workload.Replicas; i++ {
				require.NoError(t, c.hosts[(c.leader+i)%workload.Replicas].close())
			}
			answered := make(chan error, 1)
			begun := make(chan struct{})
			go func() {
				close(begun)
				_, err := c.Write(t.Context(), command(1))
				answered <- err
			}()
			<-begun
			require.NoError(t, c.hosts[c.leader].close())
			err := <-answered
			require.True(t, errors.Is(err, errStopped) || errors.Is(err, errLostLeadership), "%v", err)
			_, err = c.Write(t.Context(), command(2))
			require.ErrorIs(t, err, errStopped)
		})
	}
}

// More entries than the in-memory log keeps are compacted away, on every host.
func TestCompaction(t *testing.T) {
	const clients, writes = 64, (compactEvery + compactRemaining) / 64 * 2
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var c *cluster
	starter := func(ctx context.Context, dir string) (workload.Cluster, error) {
		started, err := Async(ctx, dir)
		if err == nil {
			c = started.(*cluster)
		}
		return started, err
	}
	_, err := workload.Run(ctx, workload.System{Name: "etcd", Start: starter}, t.TempDir(),
		workload.Point{Clients: clients, Size: workload.MinSize}, workload.Options{Writes: writes})
	require.NoError(t, err)
	for _, h := range c.hosts {
		first, err := h.memory.FirstIndex()
		require.NoError(t, err)
		require.Greater(t, first, uint64(compactRemaining))
	}
}

func TestFrames(t *testing.T) {
	messages := []raftpb.Message{
		{Type: raftpb.MsgHeartbeat, To: 2, From: 1, Term: 3},
		{Type: raftpb.MsgApp, To: 2, From: 1, Term: 3, Entries: []raftpb.Entry{{Term: 3, Index: 4, Data: make([]byte, 2<<20)}}},
		{Type: raftpb.MsgApp, To: 2, From: 1, Term: 3, Entries: []raftpb.Entry{{Term: 3, Index: 5, Data: []byte("five")}}},
	}
	var wire bytes.Buffer
	_, err := writeAll(&wire, messages, nil)
	require.NoError(t, err)
	r := bufio.NewReaderSize(&wire, readSize)
	var body []byte
	for i := range messages {
		var m raftpb.Message
		body, err = readFrame(r, body, &m)
		require.NoError(t, err)
		require.Equal(t, messages[i], m)
	}
	require.False(t, frameBuffered(r))
	_, err = readFrame(bufio.NewReader(bytes.NewReader([]byte{0xff, 0, 0, 0})), nil, new(raftpb.Message))
	require.ErrorContains(t, err, "frame of")
}

func TestFifo(t *testing.T) {
	var f fifo
	var want []*proposal
	for round := range 50 {
		batch := []*proposal{{}, {}, {}}
		f.push(batch)
		want = append(want, batch...)
		require.Equal(t, len(want), f.len())
		for _, p := range f.pop(round % 5) {
			require.Same(t, want[0], p)
			want = want[1:]
		}
	}
	require.Len(t, f.pop(1000), len(want))
	require.Nil(t, f.pop(1))
}
