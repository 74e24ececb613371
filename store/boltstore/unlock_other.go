//go:build !unix || solaris || aix

package boltstore

import "os"

// unlock has nothing to do: the lock ends with the handle.
func unlock(*os.File) {}
