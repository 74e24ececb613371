// Package memory finds out how much memory the process may use.
package memory

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// Unknown is what [Limit] assumes where nothing says how much there is.
const Unknown = 2 << 30

// Limit returns how many bytes of memory the process may use: the least of
// GOMEMLIMIT (or debug.SetMemoryLimit), the limits of its cgroup and of those
// around it, in version 1 or 2, and the memory of the machine. The last two are
// known on Linux only. Where nothing is known it is [Unknown]. It reads a few
// small files.
func Limit() int64 {
	return least(debug.SetMemoryLimit(-1), os.DirFS("/"))
}

// least is Limit with what the runtime says and the file system.
func least(runtime int64, root fs.FS) int64 {
	most := int64(math.MaxInt64)
	for _, n := range append(cgroups(root), machine(root), runtime) {
		if n > 0 {
			most = min(most, n)
		}
	}
	if most == math.MaxInt64 {
		return Unknown
	}
	return most
}

// machine returns the memory of the machine, or 0.
func machine(root fs.FS) int64 {
	for line := range lines(root, "proc/meminfo") {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil || n > math.MaxInt64>>10 {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// cgroups returns the limits of the process's cgroups. In a container the names
// may be those outside, which are not to be seen: then the limits of what is to
// be seen as the root hold.
func cgroups(root fs.FS) (limits []int64) {
	for line := range lines(root, "proc/self/cgroup") {
		part := strings.SplitN(line, ":", 3) // number, controllers, name
		if len(part) < 3 {
			continue
		}
		switch {
		case part[0] == "0" && part[1] == "":
			for _, mount := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
				limits = append(limits, above(root, mount, part[2], "memory.max", "memory.high")...)
			}
		case strings.Contains(","+part[1]+",", ",memory,"):
			limits = append(limits, above(root, "sys/fs/cgroup/memory", part[2], "memory.limit_in_bytes")...)
		}
	}
	return limits
}

// above returns what files say of the cgroup name under mount and of those
// around it.
func above(root fs.FS, mount, name string, files ...string) (limits []int64) {
	for dir := path.Join("/", name); ; dir = path.Dir(dir) {
		for _, file := range files {
			for line := range lines(root, path.Join(mount, dir, file)) {
				if n, err := strconv.ParseInt(line, 10, 64); err == nil { // else it is "max"
					limits = append(limits, n)
				}
			}
		}
		if dir == "/" {
			return limits
		}
	}
}

// lines iterates over the lines of a file, if it can be read.
func lines(root fs.FS, name string) func(func(string) bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		text = nil
	}
	return strings.SplitSeq(strings.TrimSpace(string(text)), "\n")
}
