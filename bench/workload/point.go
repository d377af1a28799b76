package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Point is one cell of a table: a load.
type Point struct {
	Clients int // in the closed loop
	Size    int // of a command, in bytes
}

// Options say how long a point is measured. With Writes set, each client makes that many writes and no time plays a
// part; that is for tests.
type Options struct {
	WarmUp  time.Duration // not measured
	Measure time.Duration
	Writes  int
	// Around is called where measuring begins; what it returns, where it ends. It may be nil.
	Around func() (finish func() error, err error)
	// Verified is called when the replicas have been found right, before they stop. It may be nil; its error makes the
	// run worthless.
	Verified func(ctx context.Context) error
}

// Result is what a point gave.
type Result struct {
	Writes     uint64        // acknowledged while measuring
	Elapsed    time.Duration // of measuring
	P50, P99   time.Duration
	Max        time.Duration
	CPU        time.Duration // of the process, user and system, while measuring
	Allocs     uint64        // heap objects, while measuring
	Syncs      uint64        // of all replicas, while measuring
	SyncsKnown bool
}

// PerSecond returns the writes per second.
func (r Result) PerSecond() float64 { return float64(r.Writes) / r.Elapsed.Seconds() }

// PerWrite divides a quantity by the number of writes.
func (r Result) PerWrite(quantity float64) float64 { return quantity / float64(max(r.Writes, 1)) }

// ErrWrong is wrapped when the replicas do not hold what was acknowledged.
var ErrWrong = errors.New("workload: wrong result")

// convergePatience bounds the wait for the followers, which learn the last commit from a heartbeat at the latest.
const convergePatience = 20 * time.Second

// Run starts the system below dir, measures the point, verifies the replicas and stops them. An error means that
// there is no result: the system failed, its leader was lost, or it is wrong.
func Run(ctx context.Context, system System, dir string, p Point, o Options) (Result, error) {
	cluster, err := system.Start(ctx, dir)
	if err != nil {
		return Result{}, fmt.Errorf("%s: start: %w", system.Name, err)
	}
	result, err := measure(ctx, cluster, p, o)
	if err = errors.Join(err, cluster.Stop()); err != nil {
		return Result{}, fmt.Errorf("%s, C=%d, %d B: %w", system.Name, p.Clients, p.Size, err)
	}
	return result, nil
}

func measure(ctx context.Context, cluster Cluster, p Point, o Options) (Result, error) {
	if p.Clients < 1 || p.Size < MinSize || p.Size > MaxSize() {
		return Result{}, fmt.Errorf("workload: %d clients with %d bytes: not a load", p.Clients, p.Size)
	}
	clients := newClients(p)
	result, err := drive(ctx, cluster, clients, o)
	if err != nil {
		return Result{}, err
	}
	if err := verify(ctx, cluster, clients); err != nil {
		return Result{}, err
	}
	if o.Verified != nil {
		if err := o.Verified(ctx); err != nil {
			return Result{}, err
		}
	}
	result.addLatencies(clients)
	return result, nil
}

// drive runs the clients through the phases.
func drive(ctx context.Context, cluster Cluster, clients []*client, o Options) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &load{cluster: cluster, clients: clients, limit: o.Writes}
	if o.Writes > 0 {
		l.phase.Store(measuring)
	}
	before := begin(cluster)
	l.start(ctx, cancel)
	if o.Writes == 0 {
		sleep(ctx, o.WarmUp)
	}
	finish, err := around(o)
	if o.Writes == 0 {
		before = begin(cluster)
		l.phase.Store(measuring)
		sleep(ctx, o.Measure)
	} else {
		l.running.Wait()
	}
	l.phase.Store(over)
	after := end(cluster)
	err = errors.Join(err, finish())
	l.running.Wait()
	return after.since(before), errors.Join(err, context.Cause(ctx))
}

func around(o Options) (finish func() error, err error) {
	none := func() error { return nil }
	if o.Around == nil {
		return none, nil
	}
	if finish, err = o.Around(); err != nil {
		return none, err
	}
	return finish, nil
}

// sleep lets the clients work. It is the one place where time passes by itself.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// addLatencies merges what the clients recorded.
func (r *Result) addLatencies(clients []*client) {
	all := newHistogram()
	for _, c := range clients {
		all.Merge(c.latencies)
	}
	r.Writes = uint64(all.TotalCount())
	r.P50, r.P99, r.Max = quantile(all, 50), quantile(all, 99), time.Duration(all.Max())*time.Microsecond
}

func quantile(h *hdrhistogram.Histogram, q float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond
}
