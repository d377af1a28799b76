// Package hops shows where the time of a single write goes: one client writes to three nodes of this library, and
// what the nodes do is watched from outside, at the interfaces they are built on (file system, network, machine).
//
//	client ─► leader sends ─► follower receives ─► writes, syncs ─► answers ─► leader receives ─► applied ─► client
//	               └─► writes, syncs ─────────────────────────────────────────────────┘
//
// Of the two followers it follows the one that answers first: with the leader it is the majority.
package hops
