package ctxinfo

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/ctxinfo/internal/syntax"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// field is a source of facts: a request header that facets read, or the
// connection.
type field uint8

const (
	fieldPeer    field = iota // the connection's address; no header
	fieldForward              // Config.Header
	fieldForwardedProto
	fieldForwardedHost
	fieldForwardedPort
	fieldForwardedPrefix
	fieldZone      // the header about time zones of the provider in front
	fieldRequestID // Config.RequestIDHeader
	fieldHost
	fieldCookie
	fieldAcceptLanguage
	fieldFetchDest
	fieldEmbedded
	fieldHXCurrentURL
	fieldColorScheme
	fieldReducedMotion
	fieldContrast
	fieldCount
)

// headerNames are the canonical names of the fields that have a fixed one.
var headerNames = [fieldCount]string{
	fieldForwardedProto:  "X-Forwarded-Proto",
	fieldForwardedHost:   "X-Forwarded-Host",
	fieldForwardedPort:   "X-Forwarded-Port",
	fieldForwardedPrefix: "X-Forwarded-Prefix",
	fieldHost:            "Host",
	fieldCookie:          "Cookie",
	fieldAcceptLanguage:  "Accept-Language",
	fieldFetchDest:       "Sec-Fetch-Dest",
	fieldEmbedded:        EmbeddedHeader,
	fieldHXCurrentURL:    "Hx-Current-Url",
	fieldColorScheme:     "Sec-Ch-Prefers-Color-Scheme",
	fieldReducedMotion:   "Sec-Ch-Prefers-Reduced-Motion",
	fieldContrast:        "Sec-Ch-Prefers-Contrast",
}

// fields is a set of fields.
type fields uint64

func (s *fields) add(f field)     { *s |= 1 << f }
func (s fields) has(f field) bool { return s&(1<<f) != 0 }

// personalFields are the fields whose facets make a response private to its visitor.
const personalFields fields = 1<<fieldPeer | 1<<fieldCookie

// name is the canonical header name of f, empty for the connection.
func (p *Plugin) name(f field) string {
	switch f {
	case fieldForward:
		return p.header
	case fieldRequestID:
		return p.cfg.RequestIDHeader
	}
	return headerNames[f]
}

// values reads a header and remembers that it did. It is the only way from a
// facet to a header, so that Vary is exact.
func (p *Plugin) values(h http.Header, f field, read *fields) []string {
	read.add(f)
	return h[p.name(f)]
}

// value reads a header that comes once; none and several are the empty string.
func (p *Plugin) value(h http.Header, f field, read *fields) string {
	if v := p.values(h, f, read); len(v) == 1 {
		return v[0]
	}
	return ""
}

// shape returns what the response that leaves now depends on, and the headers
// that have to be in its Vary.
func (in *Info) shape() (read fields, vary []string) {
	read, names := in.read()
	if read.has(fieldZone) {
		names = append(names, in.trusted.located(in.trust.load(in, buildTrust)).zone)
	}
	return read, in.plugin.vary(read, names)
}

// Shape implements visit.Shaper, for caches of responses.
func (in *Info) Shape() (headers []string, personal bool) {
	read, headers := in.shape()
	return headers, read&personalFields != 0
}

// Carries implements visit.Carrier, for caches of responses.
func (p *Plugin) Carries(cookie string) bool {
	return cookie == scriptCookie || strings.HasPrefix(cookie, scriptCookie+"_")
}

// Carries implements visit.Carrier, for caches of responses.
func (in *Info) Carries(cookie string) bool { return in.plugin.Carries(cookie) }

// vary lists the headers among read and extra for a Vary header, sorted. Host
// is no part of it: it belongs to every cache key (RFC 9111, section 4).
func (p *Plugin) vary(read fields, others []string) []string {
	names := slices.Clone(others)
	for f := range fieldCount {
		if read.has(f) && f != fieldHost {
			names = append(names, p.name(f))
		}
	}
	if slices.Contains(names, "*") {
		return []string{"*"}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

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
	if in.unseen || !syntax.IsToken(name) { // nobody can send it, and it must not get into Vary
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
	if a.function == "" {
		return false
	}
	pcs := make([]uintptr, 64)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		frames := runtime.CallersFrames(pcs[:n])
		for found := n > 0; found; {
			var f runtime.Frame
			if f, found = frames.Next(); f.Function == a.function {
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

// CommitOnDemand implements middleware.OnDemand: a response whose handler did
// not ask for an Info is left alone.
func (p *Plugin) CommitOnDemand() {}

// BeforeHeaders implements middleware.Committer. By what the handler read it
// sets Vary, Cache-Control: private and the request id's header, and reports
// anomalies to Config.Observer.
func (p *Plugin) BeforeHeaders(ctx context.Context, _ int, h http.Header) error {
	in, ok := scope.Peek[Info](ctx, scope.Info)
	if !ok || in.plugin != p {
		return nil
	}
	read, names := in.shape()
	if v := strings.Join(names, ", "); v != "" {
		h.Set("Vary", v)
	}
	if read&personalFields != 0 && !p.cfg.SharedCaching {
		h.Set("Cache-Control", "private")
	}
	if read.has(fieldRequestID) {
		h.Set(p.cfg.RequestIDHeader, *in.requestID.load(in, buildRequestID))
	}
	if p.cfg.Observer != nil {
		for _, a := range p.list(anomalies(in.found.Load())) {
			observe.Emit(ctx, p.cfg.Observer, a)
		}
	}
	return nil
}

// themeHints are the client hints that Config.HintTheme asks for.
var themeHints = strings.Join([]string{
	headerNames[fieldColorScheme], headerNames[fieldReducedMotion], headerNames[fieldContrast],
}, ", ")

// ask sets the headers that make browsers send client hints.
func (p *Plugin) ask(h http.Header) {
	h.Add("Accept-Ch", themeHints)
	h.Add("Critical-Ch", themeHints)
}
