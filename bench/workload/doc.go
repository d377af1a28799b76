// Package workload is the one workload that every system is measured with: C clients in a closed loop at the
// leader of three replicas, each waiting for its write to be applied before it sends the next.
//
// The replicated machine is a counter. Each command carries an addend and an id of its own, so a run can be
// verified: what the replicas hold at the end must be exactly what was acknowledged, once each, and in the same
// order everywhere. A system that is fast because it is wrong fails its run.
//
//	clients ── Write ──► Cluster (leader, two followers) ──► Counter × 3
//	   │                                                          │
//	   └── latencies, acknowledged ids ──► Result ◄── verify ─────┘
package workload
