//go:build !linux

package disk

// Check cannot tell here whether a file system is in memory.
func Check(string) error { return nil }
