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
var buildInfo = sync.OnceValue(func() *debug.BuildInfo {
	info, _ := debug.ReadBuildInfo()
	return info
})

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
// Its own are those of its main module and of the modules of its workspace, and
// whatever is in no module. Those of modules that have a version are foreign,
// also if a replace directive takes them from a directory.
//
// Without build information, or with none of modules (Bazel, GOPATH), packages
// whose path begins with the name of a domain are foreign.
func originIn(info *debug.BuildInfo, pkg string) origin {
	if pkg == "" || pkg == "main" || pkg == "command-line-arguments" {
		return own
	}
	pkg = strings.TrimSuffix(pkg, "_test") // external tests
	if info == nil || info.Main.Path == "" && len(info.Deps) == 0 {
		first, _, _ := strings.Cut(pkg, "/")
		switch {
		case isStandard(pkg):
			return standard
		case strings.Contains(first, "."):
			return foreign
		}
		return own
	}
	module, found := "", own
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
	if module == "" && isStandard(pkg) {
		return standard
	}
	return found
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
