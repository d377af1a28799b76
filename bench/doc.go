// Package bench holds the measurements of yggr, beside its peers and under faults; it has no code of its own.
//
//   - workload: the closed loop, what it measures and how a run is verified
//   - yggr, etcd, floor: the systems, each three replicas of one counter
//   - hops: where the time of a single write goes
//   - links: connections that can go silent, without any privilege
//   - report: medians over rounds, as text and CSV
//   - process, disk: what the programs run in
//   - cmd/benchpeers: yggr beside its peers
//   - cmd/benchfaults: yggr with a follower that is silent, or killed
//
// It is a module of its own, so that users of the library never download a peer.
package bench
