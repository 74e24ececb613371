//go:build unix && !solaris && !aix

package boltstore

import (
	"os"
	"syscall"
)

// unlock takes off the lock that bbolt has put on an open file.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
