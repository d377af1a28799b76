package workload

import "context"

// Replicas is the size of every cluster here.
const Replicas = 3

// System is something that can be measured.
type System struct {
	Name  string
	Start Starter
}

// Starter starts three replicas of a Counter in this process, with real files below dir, which exists and is
// empty, and TCP over the loopback interface between them. It returns when one of them leads and accepts writes.
type Starter func(ctx context.Context, dir string) (Cluster, error)

// Cluster is three running replicas.
type Cluster interface {
	// Write hands a command to the leader and returns the counter's value right after it was applied there, which
	// is after it was durable on a majority. It is called by many goroutines at once. After an error the run is
	// worth nothing: the cluster lost its leader, or worse.
	Write(ctx context.Context, command Command) (uint64, error)
	// Counters returns the replicas' machines, the leader's first.
	Counters() [Replicas]*Counter
	// Syncs returns how many file syncs all replicas made since they were started; false where nobody counts.
	Syncs() (count uint64, known bool)
	// Stop ends the replicas and waits for everything they started.
	Stop() error
}
