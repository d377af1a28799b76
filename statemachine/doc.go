// Package statemachine is the application's side of yggr: the machine that is replicated and the codec of its
// commands.
package statemachine
