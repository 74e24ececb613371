package panics

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Bounds of a trace.
const (
	deepest   = 1024 // frames that are looked at
	mostLines = 16   // frames that are shown
)

// locate looks at the stack of a panic or Goexit, in the deferred function that
// recovers it. It returns the line in the function that the toolkit has called,
// and the frames from there to the panic, the innermost first.
func locate() (line, trace string) {
	own := programs(frames())
	if len(own) == 0 {
		return "", ""
	}
	outermost := own[len(own)-1]
	var b strings.Builder
	for i, f := range own {
		if left := len(own) - mostLines; left > 0 && i == mostLines-1 { // the outermost is shown in any case
			fmt.Fprintf(&b, "\n\t... %d more", left)
			f = outermost
		}
		fmt.Fprintf(&b, "\n\tat %s (%s:%d)", f.Function, f.File, f.Line)
		if i == mostLines-1 {
			break
		}
	}
	return fmt.Sprintf("%s:%d", outermost.File, outermost.Line), b.String()
}

func frames() (all []runtime.Frame) {
	pcs := make([]uintptr, deepest)
	walk := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for {
		f, more := walk.Next()
		if f.Function != "" {
			all = append(all, f)
		}
		if !more {
			return all
		}
	}
}

// programs returns the frames of the program's own: those between the panic and
// the toolkit, which has called the outermost of them.
func programs(all []runtime.Frame) []runtime.Frame {
	start := slices.IndexFunc(all, func(f runtime.Frame) bool {
		return f.Function == "runtime.gopanic" || f.Function == "runtime.Goexit"
	})
	all = all[start+1:]
	for len(all) > 0 && (isRuntime(all[0]) || isToolkit(all[0])) {
		all = all[1:]
	}
	if end := slices.IndexFunc(all, isToolkit); end >= 0 {
		all = all[:end]
	}
	return all
}

func isRuntime(f runtime.Frame) bool { return strings.HasPrefix(f.Function, "runtime.") }

// isToolkit reports whether f is of a package of the toolkit that calls users'
// functions.
func isToolkit(f runtime.Frame) bool {
	rest, ok := strings.CutPrefix(f.Function, "github.com/reecho-go/reecho/")
	if !ok {
		return false
	}
	name, _, _ := strings.Cut(rest[strings.LastIndexByte(before(rest, '['), '/')+1:], ".")
	return !strings.HasSuffix(name, "_test") && !strings.HasPrefix(rest, "examples/") && !strings.HasPrefix(rest, "benchmarks/")
}

// before returns s up to b: type arguments may have slashes of their own.
func before(s string, b byte) string {
	s, _, _ = strings.Cut(s, string(b))
	return s
}
