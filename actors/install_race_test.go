package actors

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// Nodes on goroutines of their own: one is away, again and again, for as long as its leader needs to cut the log behind it,
// and installs a snapshot while both go on with commands and snapshots of their own. This is about races and ends; what the
// machines hold is compared in virtual time.
func TestInstallsWhileWriting(t *testing.T) {
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.SnapshotHintEntries, cfg.TrailingLogEntries, cfg.SnapshotChunkBytes = 20, 5, 64 }
	held := &atomic.Int64{}
	for _, m := range c.members {
		startTallyAs(t, c, m.ID, NewCluster{Members: c.members}, held, nil)
	}
	idOf := func(n *Node[int64, int64]) engine.NodeID {
		status, err := n.Status(t.Context())
		require.NoError(t, err)
		return status.ID
	}
	installed := uint64(0)
	for range 5 {
		away := idOf(c.follower())
		c.shutdown(away)
		for range 60 {
			c.leader() // which writes
		}
		node := startTallyAs(t, c, away, Recover{}, held, nil)
		c.eventually(func() bool {
			last, err := c.leader().Status(t.Context())
			require.NoError(t, err)
			status, err := node.Status(t.Context())
			require.NoError(t, err)
			return status.Applied+5 >= last.Applied
		})
		m, err := node.NodeMetrics(t.Context())
		require.NoError(t, err)
		installed += m.Engine.SnapshotsInstalled
	}
	require.Positive(t, installed)
	last, err := c.leader().Status(t.Context())
	require.NoError(t, err)
	for id, node := range c.nodes {
		c.eventually(func() bool {
			status, err := node.Status(t.Context())
			require.NoError(t, err)
			return status.Applied >= last.Applied
		})
		require.NoError(t, node.Err(), "node %v", id)
	}
	c.stop()
	require.Zero(t, held.Load())
}
