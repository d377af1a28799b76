package engine_test

import (
	"github.com/yggr-go/yggr/engine"
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
	often := 0.02 * float64(c.random.IntN(3))
	return snapshotFaults{
		hinted: c.random.Float64(), capture: c.random.Float64() * often, report: 0.1 + 0.9*c.random.Float64(),
		move: 0.2 + 0.8*c.random.Float64(), interrupt: c.sometimes(0.1), damage: c.sometimes(0.05), lost: c.sometimes(0.03),
		fill: c.sometimes(0.02), trailing: c.random.IntN(3) * c.random.IntN(20), hint: 5 + c.random.IntN(60),
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

// countInstalled counts the snapshots of others in which the machines stand, as far as a round shows it.
func (c *chaos) countInstalled(id engine.NodeID) {
	status := c.cluster.Status(id)
	if status.Snapshot.Index > 0 && status.Snapshot == status.Base && c.bases[id] != status.Base {
		c.tally.installed++
	}
	c.bases[id] = status.Base
}
