//go:build !linux

package persistence

import "os"

// syncContent is the strongest sync that the system has; on macOS that reaches the medium (F_FULLFSYNC).
func syncContent(file *os.File) error { return file.Sync() }

// startWriting is a hint that other systems do without.
func startWriting(*os.File, int64, int64) {}
