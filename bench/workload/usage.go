package workload

import (
	"runtime/metrics"
	"time"
)

// usage is what the process and its replicas had used up at a moment.
type usage struct {
	at         time.Time
	cpu        time.Duration
	allocs     uint64
	syncs      uint64
	syncsKnown bool
}

const (
	allocsMetric     = "/gc/heap/allocs:objects"
	tinyAllocsMetric = "/gc/heap/tiny/allocs:objects"
)

// begin takes what was used up so far, the clock last: counting is not part of what is measured.
func begin(cluster Cluster) usage {
	var u usage
	u.syncs, u.syncsKnown = cluster.Syncs()
	u.allocs, u.cpu, u.at = heapAllocs(), processCPU(), time.Now()
	return u
}

// end is begin for the other side: the clock first.
func end(cluster Cluster) usage {
	u := usage{at: time.Now(), cpu: processCPU(), allocs: heapAllocs()}
	u.syncs, u.syncsKnown = cluster.Syncs()
	return u
}

func (u usage) since(before usage) Result {
	return Result{
		Elapsed:    u.at.Sub(before.at),
		CPU:        u.cpu - before.cpu,
		Allocs:     u.allocs - before.allocs,
		Syncs:      u.syncs - before.syncs,
		SyncsKnown: u.syncsKnown && before.syncsKnown,
	}
}

// heapAllocs returns the objects allocated so far, those included that share a block.
func heapAllocs() uint64 {
	samples := []metrics.Sample{{Name: allocsMetric}, {Name: tinyAllocsMetric}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}
