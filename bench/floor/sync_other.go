//go:build !linux

package floor

import "os"

// datasync makes the file's content durable; here there is nothing lighter than a full sync.
func datasync(f *os.File) error { return f.Sync() }
