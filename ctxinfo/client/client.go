// Package client tells more of who is asking than most programs want to know:
// the visitor's software, the place that a content delivery network takes the
// address to be at, the trace that the request belongs to, how the browser says
// that it came about, and what htmx says.
// It is apart from package ctxinfo so that programs which do not ask for these
// do not carry the code.
//
//	in := ctxinfo.From(c)
//	if client.HTMXOf(in).Request { ... }
//
// Each function reads the headers that it needs by [ctxinfo.Info.Headers], so
// they go into the Vary of the response, and works its answer out anew: keep it
// if you need it twice. All are safe for concurrent use. None of the answers is
// a ground for access: all but [Geo] are the client's own word.
package client

import "github.com/reecho-go/reecho/ctxinfo"

// value is a header that comes once; none and several are the empty string.
func value(in *ctxinfo.Info, name string) string {
	if v := in.Headers().GetAll(name); len(v) == 1 {
		return v[0]
	}
	return ""
}
