// Package client reads further facts about a request: the visitor's browser and
// operating system ([AgentOf]), the location by a content delivery network
// ([GeoOf]), the trace ([TraceOf]), the fetch metadata ([FetchOf]) and the headers
// of htmx ([HTMXOf]). Programs that do not import it do not link its code.
//
//	in := ctxinfo.From(c)
//	if client.HTMXOf(in).Request { ... }
//
// Each function reads its headers with [ctxinfo.Info.Headers], so the response
// lists them in Vary. It parses them on each call: keep the result if you need it
// twice. All functions are safe for concurrent use. Do not use the results to
// decide about access: except for [Geo], the client can send what it likes.
package client

import "github.com/reecho-go/reecho/ctxinfo"

// value is a header that comes once; none and several are the empty string.
func value(in *ctxinfo.Info, name string) string {
	if v := in.Headers().GetAll(name); len(v) == 1 {
		return v[0]
	}
	return ""
}
