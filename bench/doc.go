// Package bench holds the measurements of yggr beside its peers; it has no code of its own.
//
//   - workload: the closed loop, what it measures and how a run is verified
//   - yggr, etcd, floor: the systems, each three replicas of one counter
//   - hops: where the time of a single write goes
//   - report: medians over rounds, as text and CSV
//   - cmd/benchpeers: the program
//
// It is a module of its own, so that users of the library never download a peer.
package bench
