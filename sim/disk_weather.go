package sim

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// diskWeather is what the logs of a run are like, and what is written to them.
type diskWeather struct {
	resized   float64 // of lives: their segments are of another size than the run's
	reserve   int64   // room that logs keep in reserve, in bytes
	pages     float64 // of commands: they are about as large as a block
	hints     float64 // of batches: they tell the commit index
	neighbour bool    // another group shares every log
	relapse   float64 // of switches to a snapshot: the process crashes soon after
}

func drawDiskWeather(seed uint64, segmentSize int64) diskWeather {
	c := stream(seed, ofWeather, 4)
	return diskWeather{
		resized:   pick(&c, []float64{0, 0.1, 0.3}),
		reserve:   segmentSize * int64(2+c.intN(4)),
		pages:     pick(&c, []float64{0, 0, 0.1, 0.3}),
		hints:     pick(&c, []float64{1, 1, 0.5, 0.1}),
		neighbour: c.happens(0.15),
		relapse:   pick(&c, []float64{0, 0.02, 0.05}),
	}
}

// pageSize draws the size of a command that fills a block, just so or just not, together with what a log writes around it.
func pageSize(c *chance) int { return 3800 + c.intN(240) }

// resize draws the size that segments have in a life of a node.
func (w *world) resize(n *node) {
	c := stream(w.options.Seed, ofSegments, uint64(n.id), uint64(n.life), 1)
	n.segmentSize = w.weather.segmentSize
	if c.happens(w.weather.disks.resized) {
		n.segmentSize = pick(&c, []int64{16 << 10, 20 << 10, 32 << 10, 64 << 10})
	}
}

// ride adds to a batch what is written along with the cluster's records.
func (w *world) ride(n *node, batch *persistence.Batch, commit engine.Index) {
	c := stream(w.options.Seed, ofDisk, uint64(n.id), uint64(n.life), n.disk.writes, 1)
	if c.happens(w.weather.disks.hints) {
		batch.SetCommit(0, commit)
	}
	if w.weather.disks.neighbour {
		n.neighbour.writeAlong(batch, &c)
	}
}

// lookAfter holds a log that was opened to what does not concern the cluster: the name of it that was recorded, and the
// neighbour's state.
func (w *world) lookAfter(n *node) {
	if n.recorded && !n.pinned {
		w.failf("recovery", "%v had recorded the id of its cluster, and its disk does not know it", n.id)
	}
	n.recorded = n.pinned
	found := n.storage.Recovered(neighbours)
	if !n.neighbour.returns(found) {
		w.failf("recovery", "%v does not find what another group had in its log: a log of %d entries after %v, committed up to %d",
			n.id, len(found.Entries), found.Base, found.Commit)
	}
	n.kept = kept{writing: n.kept.writing, size: n.kept.size, oldest: w.takeInventory(n).oldest, untidy: tidyTicks}
	n.kept.began(neighbours, &found)
}

// idles reports whether a node's log gets a tick without batches: after each write, and for a few ticks more, as long as it
// may have something to tidy up.
func (n *node) idles() bool {
	k := &n.kept
	switch {
	case n.written:
		n.written, k.untidy = false, tidyTicks
	case n.full || n.storage.NearlyFull():
	case k.untidy > 0:
		k.untidy--
	default:
		return false
	}
	return true
}
