// Package persistence keeps the log and hard state of a node on disk.
package persistence
