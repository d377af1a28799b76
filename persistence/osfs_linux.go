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

// startWriting has the disk begin with a part of a file, so that a sync later finds most of its work done. It promises
// nothing: what goes wrong with it, the sync tells.
func startWriting(file *os.File, offset, size int64) {
	const begin = 2 // SYNC_FILE_RANGE_WRITE, which package syscall does not have
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), offset, size, begin) })
	}
}
