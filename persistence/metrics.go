package persistence

import "sync/atomic"

// counters is what Metrics is read from. Any goroutine may read it.
type counters struct {
	batches, records, bytes, syncs, freed, recycled atomic.Uint64
	room                                            atomic.Int64
	nearlyFull                                      atomic.Bool
}

// batch counts a caller's batch of that many records.
func (c *counters) batch(records int) {
	c.batches.Add(1)
	c.records.Add(uint64(records))
}

// synced counts a sync, and the bytes that were written before it.
func (c *counters) synced(size int64) {
	c.bytes.Add(uint64(size))
	c.syncs.Add(1)
}

func (c *counters) metrics() Metrics {
	return Metrics{
		Batches: c.batches.Load(), Records: c.records.Load(), Bytes: c.bytes.Load(), Syncs: c.syncs.Load(),
		Freed: c.freed.Load(), Recycled: c.recycled.Load(), Room: c.room.Load(),
	}
}
