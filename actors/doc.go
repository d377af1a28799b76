// Package actors runs a Raft node as a tree of actors.
package actors
