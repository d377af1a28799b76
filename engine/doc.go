// Package engine is the Raft protocol of one node as a pure state machine.
package engine
