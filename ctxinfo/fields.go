package ctxinfo

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The headers that hold a list of addresses.
const (
	headerXForwardedFor = "X-Forwarded-For"
	headerForwarded     = "Forwarded" // RFC 7239
)

// The cookies and the header by which visitors and pages state preferences. Never
// use them to decide about access.
const (
	// ThemeCookie overrides the theme: "light" or "dark".
	ThemeCookie = "ctx_theme"
	// MotionCookie overrides reduced motion: "reduce" or "no-preference".
	MotionCookie = "ctx_motion"
	// ContrastCookie overrides the contrast: "more", "less", "custom" or
	// "no-preference".
	ContrastCookie = "ctx_contrast"
	// LocaleCookie overrides the locale: a BCP 47 tag.
	LocaleCookie = "ctx_locale"
	// TimezoneCookie overrides the time zone: an IANA name, or +hh:mm.
	TimezoneCookie = "ctx_tz"
	// EmbeddedHeader is a request header that a page's script may add to what
	// it fetches: "?1" if the page is in a frame, "?0" if it is not.
	EmbeddedHeader = "X-Ctx-Embedded"
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

func (s *fields) add(f field) { *s |= 1 << f }

func (s fields) has(f field) bool { return s&(1<<f) != 0 }

// personalFields are the fields whose facets make a response private to its visitor.
const personalFields fields = 1<<fieldPeer | 1<<fieldCookie

// reads are the sources of the facts that callers have read.
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

// answerer is the name of the function that answers after a handler has failed.
type answerer struct{ function string }

// running reports whether the answerer is on the stack of this goroutine. It takes
// some microseconds, and is called only after a handler has failed.
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

// functionName returns the name of the function at pc as it appears in stack
// frames. For a method value that is the method, not the wrapper.
func functionName(pc uintptr) string {
	if f := runtime.FuncForPC(pc); f != nil {
		return strings.TrimSuffix(f.Name(), "-fm")
	}
	return ""
}
