//go:build !unix

package sessionstate

import "io/fs"

// ownerOf says that files have no owner in the way of Unix.
func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }
