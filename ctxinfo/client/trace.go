package client

import (
	"strings"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/internal/syntax"
)

// Trace is a position in a distributed trace (W3C Trace Context). The zero value
// means that there is none.
type Trace struct {
	TraceID string // 32 lower-case hexadecimal digits; empty: there is no trace
	SpanID  string // of the caller, 16 such digits
	Sampled bool   // the caller records the trace
	State   string // tracestate, as sent
}

// maxTracestate bounds tracestate, which counts only along with traceparent.
const maxTracestate = 512

const traceparentLen = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")

// parseTraceparent follows the rules of W3C Trace Context, level 2: version 00
// has exactly its length, a later version may add fields after another dash.
func parseTraceparent(s string) (Trace, bool) {
	if len(s) < traceparentLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return Trace{}, false
	}
	version, trace, span, flags := s[:2], s[3:35], s[36:52], s[53:55]
	if !isLowerHex(version) || version == "ff" || !isLowerHex(trace) || !isLowerHex(span) || !isLowerHex(flags) {
		return Trace{}, false
	}
	if rest := s[traceparentLen:]; rest != "" && (version == "00" || rest[0] != '-') {
		return Trace{}, false
	}
	if strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return Trace{}, false
	}
	return Trace{TraceID: trace, SpanID: span, Sampled: strings.IndexByte(syntax.HexDigits, flags[1])&1 == 1}, true
}

func isLowerHex(s string) bool {
	return syntax.Span(s, func(c byte) bool { return strings.IndexByte(syntax.HexDigits, c) >= 0 }) == len(s)
}

// TraceOf returns the trace in the request's traceparent header, which any client
// can send. It is the zero Trace if the header is missing or malformed.
func TraceOf(in *ctxinfo.Info) Trace {
	t, ok := parseTraceparent(value(in, "Traceparent"))
	if !ok {
		return Trace{}
	}
	if state, complete := syntax.JoinLines(in.Headers().GetAll("Tracestate"), maxTracestate); complete {
		t.State = state
	}
	return t
}
