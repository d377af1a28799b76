//go:build linux || darwin || freebsd || dragonfly

package persistence

import (
	"os"
	"syscall"
)

// freeBytes counts what is left for processes without privileges: what is set aside for the superuser is not ours.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return max(0, int64(s.Bavail)) * int64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
