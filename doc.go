// Package yggr is the map of a Raft library whose runtime is protoactor-go actors. Users import
// github.com/yggr-go/yggr/actors.
package yggr
