package ctxinfo

import (
	"encoding/hex"
	"strings"
)

// Trace is a position in a distributed trace (W3C Trace Context). The zero
// value is none.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte // of the caller
	Flags   byte
	State   string // tracestate, as sent
}

// maxTracestate bounds tracestate, which counts only along with traceparent.
const maxTracestate = 512

// IsValid reports whether there is a trace.
func (t Trace) IsValid() bool { return t.TraceID != [16]byte{} }

// Sampled reports whether the caller records the trace.
func (t Trace) Sampled() bool { return t.Flags&1 != 0 }

// String is t as a traceparent header of version 00; empty if there is none.
func (t Trace) String() string {
	if !t.IsValid() {
		return ""
	}
	b := make([]byte, 0, traceparentLen)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, t.TraceID[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, t.SpanID[:])
	b = append(b, '-')
	return string(hex.AppendEncode(b, []byte{t.Flags}))
}

const traceparentLen = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-00")

// parseTraceparent follows the rules of W3C Trace Context, level 2: version 00
// has exactly its length, a later version may add fields after another dash.
func parseTraceparent(s string) (Trace, bool) {
	var t Trace
	if len(s) < traceparentLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return t, false
	}
	var version, flags [1]byte
	if !lowerHex(version[:], s[:2]) || version[0] == 0xff {
		return t, false
	}
	if rest := s[traceparentLen:]; rest != "" && (version[0] == 0 || rest[0] != '-') {
		return t, false
	}
	if !lowerHex(t.TraceID[:], s[3:35]) || !lowerHex(t.SpanID[:], s[36:52]) || !lowerHex(flags[:], s[53:55]) {
		return Trace{}, false
	}
	if t.TraceID == [16]byte{} || t.SpanID == [8]byte{} {
		return Trace{}, false
	}
	t.Flags = flags[0]
	return t, true
}

func lowerHex(dst []byte, s string) bool {
	for i := range dst {
		hi, lo := strings.IndexByte(hexDigits, s[2*i]), strings.IndexByte(hexDigits, s[2*i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		dst[i] = byte(hi<<4 | lo)
	}
	return true
}

const hexDigits = "0123456789abcdef"

func buildTrace(in *Info, f *facts) Trace {
	t, ok := parseTraceparent(in.value(f, fieldTraceparent))
	if !ok {
		return t
	}
	f.source = Source{
		Kind: SourceHeader, Name: headerNames[fieldTraceparent],
		Trusted: in.trust.load(in, buildTrust).vouched.has(fieldTraceparent),
	}
	if state, whole := joinLines(in.values(f, fieldTracestate), maxTracestate); whole {
		t.State = state
	}
	return t
}

// Trace is the trace that the request belongs to, by its traceparent header,
// whoever sent it; see the Source of [FacetTrace] for whether a trusted proxy
// did.
func (in *Info) Trace() Trace { return *in.trace.see(in, buildTrace) }
