package persistence

import (
	"errors"
	"os"
	"syscall"
)

// syncContent is fdatasync: content, and the size where it changed, but not the times, which would cost a second
// write in the file system's journal.
func syncContent(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = raw.Control(func(fd uintptr) {
		for {
			if syncErr = syscall.Fdatasync(int(fd)); !errors.Is(syncErr, syscall.EINTR) {
				return
			}
		}
	})
	if err == nil {
		err = os.NewSyscallError("fdatasync", syncErr)
	}
	return err
}
