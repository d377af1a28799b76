// Package statemachine is the application's side of yggr: the machine that is replicated, the codec of its commands, and
// the snapshots of its state.
package statemachine
