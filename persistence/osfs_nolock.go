//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly && !windows

package persistence

import (
	"errors"
	"io"
	"os"
)

// lockFile refuses: without a lock that ends with the process, two processes could write to one directory.
func lockFile(path string) (io.Closer, error) {
	return nil, &os.PathError{Op: "lock", Path: path, Err: errors.ErrUnsupported}
}
