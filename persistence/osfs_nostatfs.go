//go:build !linux && !darwin && !freebsd && !dragonfly && !windows

package persistence

import (
	"errors"
	"os"
)

func freeBytes(dir string) (int64, error) {
	return 0, &os.PathError{Op: "statfs", Path: dir, Err: errors.ErrUnsupported}
}
