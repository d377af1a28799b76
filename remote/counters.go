package remote

import "sync/atomic"

// counters is [Metrics] while it is being counted.
type counters struct {
	sent, sentBytes, writes, received, dropped, refused, malformed, unknown, dials, dialErrors atomic.Uint64

	chunksSent, chunkBytes, chunksReceived atomic.Uint64
}

func (c *counters) metrics() Metrics {
	return Metrics{
		Sent:       c.sent.Load(),
		SentBytes:  c.sentBytes.Load(),
		Writes:     c.writes.Load(),
		Received:   c.received.Load(),
		Dropped:    c.dropped.Load(),
		Refused:    c.refused.Load(),
		Malformed:  c.malformed.Load(),
		Unknown:    c.unknown.Load(),
		Dials:      c.dials.Load(),
		DialErrors: c.dialErrors.Load(),

		ChunksSent:     c.chunksSent.Load(),
		ChunkBytes:     c.chunkBytes.Load(),
		ChunksReceived: c.chunksReceived.Load(),
	}
}
