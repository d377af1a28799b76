package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/yggr-go/yggr/sim"
)

// failure is a seed that failed, and why.
type failure struct {
	seed uint64
	err  error
}

func (f failure) tell(w io.Writer) {
	line, _, _ := strings.Cut(f.err.Error(), "\n")
	fmt.Fprintf(w, "seed %d: %s\n", f.seed, line)
}

// total is what came of a sweep.
type total struct {
	mu       sync.Mutex
	counters sim.Counters
	steps    int
	hash     uint64 // of all hashes, in any order
	failed   []failure
}

func (t *total) add(seed uint64, r *sim.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counters.Add(&r.Counters)
	t.steps += r.Steps
	t.hash ^= r.Hash
	if r.Err != nil {
		t.failed = append(t.failed, failure{seed, r.Err})
	}
}

// sweep runs many seeds and reports whether any failed. The first of those that failed is explained.
func sweep(a arguments, stdout, stderr io.Writer) bool {
	var t total
	timer := begin()
	var next atomic.Uint64
	var running sync.WaitGroup
	for range a.processes {
		running.Go(func() {
			for i := next.Add(1) - 1; i < uint64(a.seeds) && (!a.first || !t.hasFailed()); i = next.Add(1) - 1 {
				if i%1000 == 999 {
					fmt.Fprintf(stderr, "seed %d\n", a.seed+i)
				}
				result := sim.Run(a.options(a.seed + i))
				t.add(a.seed+i, &result)
				if result.Err != nil {
					failure{a.seed + i, result.Err}.tell(stderr)
				}
			}
		})
	}
	running.Wait()
	timer.report(stderr, t.steps)
	return conclude(a, &t, stdout)
}

func (t *total) hasFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.failed) > 0
}

func conclude(a arguments, t *total, stdout io.Writer) bool {
	slices.SortFunc(t.failed, func(x, y failure) int { return cmp.Compare(x.seed, y.seed) })
	if a.first && len(t.failed) > 0 {
		t.failed[0].tell(stdout)
		return true
	}
	fmt.Fprint(stdout, t.counters.String())
	fmt.Fprintf(stdout, "%d seeds from %d on: %d steps, hash %016x\n", a.seeds, a.seed, t.steps, t.hash)
	fmt.Fprintf(stdout, "%.1f %% of them committed commands through a membership change, an installed snapshot and a change of leader\n",
		100*float64(t.counters.Combined)/float64(a.seeds))
	if len(t.failed) == 0 {
		return false
	}
	fmt.Fprintf(stdout, "%d seeds failed\n", len(t.failed))
	for _, f := range t.failed[:min(len(t.failed), 20)] {
		f.tell(stdout)
	}
	options := a.options(t.failed[0].seed)
	explain(stdout, options, sim.Run(options))
	return true
}
