package disk

import (
	"fmt"
	"syscall"
)

const tmpfsMagic = 0x01021994

// Check refuses a directory on a file system in memory: syncs cost nothing there, and the figures would mean nothing.
func Check(dir string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if s.Type == tmpfsMagic {
		return fmt.Errorf("%s is in memory (tmpfs): choose a directory on a disk with -dir", dir)
	}
	return nil
}
