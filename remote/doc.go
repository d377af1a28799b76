// Package remote carries messages between nodes.
package remote
