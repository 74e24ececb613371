package known

import (
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// origin is whose a package is.
type origin uint8

const (
	own origin = iota
	standard
	foreign
)

// buildInfo is that of the running program, or nil.
func buildInfo() *debug.BuildInfo {
	readInfo.Do(func() { info, _ = debug.ReadBuildInfo() })
	return info
}

var (
	readInfo sync.Once
	info     *debug.BuildInfo
)

// origins remembers what originIn found for the running program.
var origins sync.Map // string -> origin

func originOf(pkg string) origin {
	if o, ok := origins.Load(pkg); ok {
		return o.(origin)
	}
	o := originIn(buildInfo(), pkg)
	origins.Store(pkg, o)
	return o
}

// originIn tells whose a package is by the build information of the program.
// Its own are those of its main module and of the modules of its workspace.
// Those of modules that have a version are foreign, also if a replace directive
// takes them from a directory.
//
// What is in none of these modules is judged by its path: it is foreign if that
// begins with the name of a domain. So is everything without build information
// (Bazel, GOPATH), and what only the tests of a package import, since the build
// information of a test lacks it.
func originIn(info *debug.BuildInfo, pkg string) origin {
	if pkg == "" || pkg == "main" || pkg == "command-line-arguments" {
		return own
	}
	pkg = strings.TrimSuffix(pkg, "_test") // external tests
	module, found := "", own
	if info != nil {
		if within(pkg, info.Main.Path) {
			module = info.Main.Path
		}
		for _, d := range info.Deps {
			if len(d.Path) <= len(module) || !within(pkg, d.Path) {
				continue
			}
			module, found = d.Path, foreign
			if d.Version == "(devel)" && d.Replace == nil {
				found = own // of the workspace
			}
		}
	}
	switch first, _, _ := strings.Cut(pkg, "/"); {
	case module != "":
		return found
	case isStandard(pkg):
		return standard
	case strings.Contains(first, "."):
		return foreign
	}
	return own
}

// within reports whether a package is in the module, or is its external test.
func within(pkg, module string) bool {
	return module != "" && (pkg == module || strings.HasPrefix(pkg, module+"/"))
}

// isStandard reports whether the first element of a path is one of the
// standard library's.
func isStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	_, ok := slices.BinarySearch(standardRoots, first)
	return ok
}
