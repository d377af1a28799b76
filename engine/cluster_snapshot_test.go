package engine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
	"github.com/yggr-go/yggr/sim/check"
)

// snapshotFaults are the probabilities of what happens with snapshots, for each node, transfer and round.
type snapshotFaults struct {
	hinted, capture, report            float64 // a host that does as hinted, or what it likes; and how long that takes
	move, interrupt, damage, lost      float64 // of each transfer
	fill                               float64 // a disk without room, for a while
	trailing, hint, pinned, chunkBytes int
}

// drawSnapshots makes snapshots rare in a third of all seeds and frequent in the others, with logs so short that
// followers are left behind.
func (c *chaos) drawSnapshots() snapshotFaults {
	often := 0.05 * float64(c.random.IntN(3))
	return snapshotFaults{
		hinted: 0.3 + 0.7*c.random.Float64(), capture: c.random.Float64() * often, report: 0.1 + 0.9*c.random.Float64(),
		move: 0.2 + 0.8*c.random.Float64(), interrupt: c.sometimes(0.1), damage: c.sometimes(0.05), lost: c.sometimes(0.03),
		fill: c.sometimes(0.02), trailing: c.random.IntN(3) / 2 * c.random.IntN(20), hint: 2 + c.random.IntN(25),
		pinned: []int{0, 500, 1 << 20, 1 << 20}[c.random.IntN(4)], chunkBytes: 1 + c.random.IntN(1000),
	}
}

// configure sets the limits that snapshots depend on.
func (f *snapshotFaults) configure(cfg *engine.Config) {
	cfg.SnapshotHintEntries, cfg.MaxLogEntries, cfg.SnapshotHintBytes = f.hint, 2*f.hint, 50*f.hint
	cfg.TrailingLogEntries, cfg.MaxPinnedBytes = f.trailing, f.pinned
}

// snapshots lets the host of a node take snapshots, complete them some time later, and run out of room.
func (c *chaos) snapshots(id engine.NodeID) {
	f := &c.snap
	if c.cluster.Hinted(id) && c.happens(f.hinted) || c.happens(f.capture) {
		if len(c.cluster.Applied(id)) > 0 && c.cluster.Capture(id) == nil {
			c.tally.captures++
		}
	}
	if c.cluster.Captures(id) > 0 && c.happens(f.report) {
		c.cluster.Report(id)
	}
	c.full[id] = c.happens(f.fill) || c.full[id] && !c.happens(0.1)
	c.cluster.FillDisk(id, c.full[id])
}

// moveSnapshots lets every transfer make some progress, or fail.
func (c *chaos) moveSnapshots() {
	f := &c.snap
	for _, t := range c.cluster.Transfers() {
		switch {
		case c.happens(f.lost):
			c.cluster.Interrupt(t, true)
		case c.happens(f.interrupt):
			c.cluster.Interrupt(t, false)
		case c.happens(f.damage):
			c.cluster.Damage(t)
		case c.happens(f.move):
			c.tally.chunks++
			c.cluster.MoveChunk(t, uint64(1+c.random.IntN(f.chunkBytes)))
		}
	}
}

// TestATransferSlowerThanTheLogGrowsConverges: while a snapshot is under way the leader takes fifteen times as much log
// as it keeps otherwise, and several snapshots more. One transfer brings the follower up all the same.
func TestATransferSlowerThanTheLogGrowsConverges(t *testing.T) {
	c := scenario.New(scenario.Options{Seed: 1, Observer: check.New(), Configure: func(cfg *engine.Config) {
		cfg.TrailingLogEntries, cfg.SnapshotHintEntries = 10, 20
	}})
	require.NoError(t, c.Found(1, 2, 3))
	c.MeetAll()
	load := loaded{t: t, cluster: c}
	for c.Status(1).Role != engine.Leader {
		require.NoError(t, c.Tick(1))
		c.Advance(tick)
		load.deliver()
	}
	require.NoError(t, c.Crash(3, 0))
	for range 70 {
		load.round(0)
	}
	require.NoError(t, c.Restart(3))
	bases, taken := map[engine.Position]bool{}, load.taken
	for round := 0; c.Status(3).Applied+10 < c.Status(1).Applied; round++ {
		require.Less(t, round, 300, "%+v", c.Status(1))
		load.round(20)
		if base := c.Status(3).Base; base.Index != 0 {
			bases[base] = true
		}
	}
	require.Len(t, bases, 1, "one transfer")
	require.Greater(t, load.taken, taken+5, "the leader took others meanwhile")
	for range 20 {
		load.round(20)
	}
	require.Less(t, c.Status(1).Last.Index-c.Status(1).Base.Index, engine.Index(60), "nothing is kept for it any more")
}

// loaded is a cluster whose first node leads under a steady load.
type loaded struct {
	t       *testing.T
	cluster *scenario.Cluster
	number  int
	taken   int
}

// round takes three commands through the cluster, and moves so many bytes of each transfer.
func (l *loaded) round(bytes uint64) {
	l.t.Helper()
	c := l.cluster
	for range 3 {
		l.number++
		_, err := c.Propose(1, fmt.Appendf(nil, "c%d", l.number))
		require.NoError(l.t, err)
	}
	c.Advance(tick)
	require.NoError(l.t, c.Tick(1))
	l.deliver()
	if c.Hinted(1) {
		l.taken++
		require.NoError(l.t, c.Capture(1))
		c.Report(1)
	}
	for _, transfer := range c.Transfers() {
		c.MoveChunk(transfer, bytes)
	}
	require.NoError(l.t, c.Err())
}

func (l *loaded) deliver() {
	for l.cluster.InFlight() > 0 {
		l.cluster.DeliverAt(0)
	}
}
