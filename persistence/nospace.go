//go:build !plan9

package persistence

import "syscall"

// errNoSpace is what a full file system in memory says.
const errNoSpace = syscall.ENOSPC
