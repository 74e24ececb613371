package client

import (
	"encoding/hex"
	"strings"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/internal/syntax"
)

// Trace is a position in a distributed trace (W3C Trace Context). The zero value
// means that there is none.
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
		hi, lo := strings.IndexByte(syntax.HexDigits, s[2*i]), strings.IndexByte(syntax.HexDigits, s[2*i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		dst[i] = byte(hi<<4 | lo)
	}
	return true
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
