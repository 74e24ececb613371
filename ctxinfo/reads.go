package ctxinfo

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// reads are the facts that callers saw, by what they rest on.
type reads struct {
	fields atomic.Uint64

	mu    sync.Mutex
	names []string // headers read by name, canonical
}

// maxNames bounds the names of Headers.Get that go into Vary one by one.
const maxNames = 32

func (r *reads) add(f fields) { r.fields.Or(uint64(f)) }

func (r *reads) addName(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(r.names, name) {
		return
	}
	if len(r.names) >= maxNames {
		name = "*"
	}
	r.names = append(r.names, name)
}

// merge adds to read and names what r holds.
func (r *reads) merge(read *fields, names *[]string) {
	*read |= fields(r.fields.Load())
	r.mu.Lock()
	defer r.mu.Unlock()
	*names = append(*names, r.names...)
}

// note counts fields whose facts a caller sees.
func (in *Info) note(read fields) {
	if in.unseen || in.shaping.fields.Load()&uint64(read) == uint64(read) {
		return
	}
	in.counter().add(read)
}

// noteHeader counts a header that a caller asks for by name, or all for "*".
func (in *Info) noteHeader(name string) {
	if in.unseen || !isToken(name) { // nobody can send it, and it must not get into Vary
		return
	}
	to := in.counter()
	switch name {
	case "*", headerNames[fieldCookie]:
		to.add(1 << fieldCookie)
	case in.plugin.header:
		to.add(1 << fieldPeer)
	}
	to.addName(name)
}

// counter is where a read counts now.
func (in *Info) counter() *reads {
	if by := in.failed.Load(); by != nil && !by.running() {
		return &in.outside
	}
	return &in.shaping
}

// read is what the response that leaves now depends on. If the handler has
// failed and its error's handler writes, middlewares have not: they read what
// they did for a log. If one of them writes, it read for that.
func (in *Info) read() (read fields, names []string) {
	in.shaping.merge(&read, &names)
	if by := in.failed.Load(); by != nil && !by.running() {
		in.outside.merge(&read, &names)
	}
	return read, names
}

// failure stands in the plugin's place in a request whose handler has failed
// without having asked for an Info.
type failure struct {
	plugin *Plugin
	answerer
}

// answerer names the function that answers when a handler has failed.
type answerer struct{ function string }

// running reports whether the caller is called by the answerer. It takes some
// microseconds, and is asked only after a handler has failed.
func (a *answerer) running() bool {
	pcs := make([]uintptr, 64)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); f.Function == a.function {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// functionName is the name of the function at pc as frames of the stack have
// it: that of a method, not of the wrapper that its method value is.
func functionName(pc uintptr) string {
	if f := runtime.FuncForPC(pc); f != nil {
		return strings.TrimSuffix(f.Name(), "-fm")
	}
	return ""
}
