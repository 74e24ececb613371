package ctxinfo

import (
	"net/netip"
	"strings"

	"github.com/reecho-go/reecho/internal/syntax"
)

// element is one forwarded-element of RFC 7239, section 4, unquoted.
type element struct {
	node  string // for=
	by    string
	host  string
	proto string
}

// parse reads s by the grammar of RFC 7239, and accepts common deviations of
// proxies: white space around semicolons, addresses and hosts
// without the quotes that their colons and brackets need, and parameters that
// are empty. It fails on anything else, on a parameter that comes twice, and
// on an element of more than 1 KB. It is called only for elements that a trusted
// proxy has written.
func (e *element) parse(s string) bool {
	if len(s) > maxElement {
		return false
	}
	pairs, known := 0, [...]struct {
		name string
		to   *string
		seen bool
	}{{"for", &e.node, false}, {"by", &e.by, false}, {"host", &e.host, false}, {"proto", &e.proto, false}}
	for {
		s = syntax.TrimOWS(s)
		if s == "" {
			return pairs > 0
		}
		if s[0] == ';' {
			s = s[1:]
			continue
		}
		eq := strings.IndexByte(s, '=')
		if eq <= 0 || !syntax.IsToken(s[:eq]) {
			return false
		}
		name := s[:eq]
		value, rest, ok := cutValue(s[eq+1:])
		if !ok {
			return false
		}
		if rest = syntax.TrimOWS(rest); rest != "" && rest[0] != ';' {
			return false
		}
		s = rest
		pairs++
		for i := range known {
			k := &known[i]
			if !strings.EqualFold(name, k.name) {
				continue
			}
			if k.seen || value == "" && k.to == &e.node {
				return false
			}
			*k.to, k.seen = value, true
		}
	}
}

// cutValue reads a token or quoted string at the start of s, or what should
// have been quoted.
func cutValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		end := syntax.Span(s, func(c byte) bool { return syntax.IsTokenChar(c) || c == ':' || c == '[' || c == ']' })
		return s[:end], s[end:], true
	}
	escaped := false
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			escaped = true
			i++
			if i == len(s) || !isQuotable(s[i]) {
				return "", "", false
			}
		case c == '"':
			value = s[1:i]
			if escaped {
				value = syntax.Unescape(value)
			}
			return value, s[i+1:], true
		case !isQuotable(c):
			return "", "", false
		}
	}
	return "", "", false
}

// lastUnquotedComma finds the comma before the last element of a Forwarded
// line, -1 if it is the only one. It reads from the right: the last element was
// written by a trusted proxy, so its quotes pair up, while what a
// client wrote further left could leave a quote open on purpose. It fails if
// the element is too long or its quotes do not pair up.
func lastUnquotedComma(s string) (int, bool) {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		if len(s)-i > maxElement {
			return 0, false
		}
		switch s[i] {
		case ',':
			if !quoted {
				return i, true
			}
		case '"':
			if quoted && oddBackslashes(s[:i]) {
				continue // part of the text
			}
			quoted = !quoted
		}
	}
	return -1, !quoted
}

// oddBackslashes reports whether what follows s in a quoted string is escaped.
func oddBackslashes(s string) bool {
	n := 0
	for n < len(s) && n < maxElement && s[len(s)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// parseForwardedNode is parseNode for a parameter of Forwarded, where some
// proxies write an IPv6 address without brackets, with or without a port. It
// fails if the end may be either: 2001:db8::1:8080 is an address, and another
// one with a port.
func parseForwardedNode(s string) (netip.Addr, bool) {
	last := strings.LastIndexByte(s, ':')
	if last < 0 || s[0] == '[' || strings.Count(s, ":") < 3 { // also ::1, which has no port
		return parseNode(s)
	}
	full, isFull := parseNode(s)
	before, hasPort := parseNode(s[:last])
	port, ok := parsePort(s[last+1:])
	hasPort = hasPort && ok
	if isFull && hasPort && port >= 1024 { // clients connect from no other
		return netip.Addr{}, false
	}
	if isFull {
		return full, true
	}
	return before, hasPort
}

// isQuotable follows RFC 9110, section 5.6.4.
func isQuotable(c byte) bool { return c == '\t' || c >= ' ' && c != 0x7f }
