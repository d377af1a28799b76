package workload

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The phases of a run, in order.
const (
	warming int32 = iota
	measuring
	over
)

// Latencies are recorded in microseconds, to two digits: their error is below one per cent.
const (
	lowestLatency  = 1
	highestLatency = 60_000_000
	latencyDigits  = 2
)

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestLatency, highestLatency, latencyDigits)
}

// client is one writer in a closed loop.
type client struct {
	number    int
	size      int
	latencies *hdrhistogram.Histogram // of the writes that ended while measuring
	sent      State                   // all acknowledged writes, also those of the warm-up; Order is unused
}

// newClients makes the clients of a point.
func newClients(p Point) []*client {
	clients := make([]*client, p.Clients)
	for i := range clients {
		clients[i] = &client{number: i, size: p.Size, latencies: newHistogram()}
	}
	return clients
}

// record keeps a latency within the histogram's range, where recording cannot fail.
func (c *client) record(latency time.Duration) {
	_ = c.latencies.RecordValue(min(max(latency.Microseconds(), lowestLatency), highestLatency))
}

// load is the clients at work.
type load struct {
	cluster Cluster
	clients []*client
	phase   atomic.Int32
	limit   int // writes of each client; zero: until the phase is over
	running sync.WaitGroup
}

// start lets every client write. The first that fails calls fail, which should end the context of all.
func (l *load) start(ctx context.Context, fail context.CancelCauseFunc) {
	for _, c := range l.clients {
		l.running.Go(func() {
			if err := c.run(ctx, l); err != nil {
				fail(err)
			}
		})
	}
}

// run writes in a closed loop. It has a context of its own, as requests have: a channel that all clients select on
// would be a lock that all of them share.
func (c *client) run(ctx context.Context, l *load) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var last uint64
	for i := 0; l.phase.Load() != over && (l.limit == 0 || i < l.limit); i++ {
		command := Command{Add: 1, ID: uint64(c.number)<<40 | uint64(i), Size: c.size}
		begin := time.Now()
		value, err := l.cluster.Write(ctx, command)
		if err != nil {
			return fmt.Errorf("client %d, write %d: %w", c.number, i, err)
		}
		if l.phase.Load() == measuring {
			c.record(time.Since(begin))
		}
		if value <= last {
			return fmt.Errorf("%w: client %d read %d after %d", ErrWrong, c.number, value, last)
		}
		last = value
		c.sent.apply(command)
	}
	return nil
}
