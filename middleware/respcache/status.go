package respcache

import (
	"strconv"
	"strings"
	"time"
)

// The values of Cache-Status (RFC 9211).

// hitStatus returns the value for a replayed response, with the seconds for which it is
// fresh.
func hitStatus(left int64) string { return "reecho; hit; ttl=" + strconv.FormatInt(left, 10) }

// freshStatus returns the value for a page that a 304 of the handler has validated.
func freshStatus(fwd string, p *page) string {
	return "reecho; fwd=" + fwd + "; fwd-status=304; ttl=" + strconv.FormatInt(int64(p.remaining()/time.Second), 10)
}

// missed returns the value for a response that a handler makes. why says why the response
// cannot be stored, or "" if that is not known yet.
func missed(why reason) forward { return forward{"uri-miss", why} }

// bypassed returns the value for a response for which the cache was not used.
func bypassed(why reason) forward { return forward{"bypass", why} }

// forward says that a handler answers, and why.
type forward struct {
	fwd string // the parameter fwd
	why reason // empty: it is not known yet whether the response can be stored
}

// String returns the value of Cache-Status.
func (f forward) String() string {
	s := "reecho; fwd=" + f.fwd
	if f.why != "" {
		s += "; detail=" + quoted(string(f.why))
	}
	return s
}

// quoted returns s as a string of RFC 8941, section 3.3.3.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c >= 0x7f:
			b.WriteByte('?')
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
