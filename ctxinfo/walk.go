package ctxinfo

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"strings"
)

const (
	// maxHops bounds the list elements that a walk looks at, empty ones included.
	maxHops = 32
	// maxAddr bounds one element of X-Forwarded-For: a bracketed IPv6 address
	// with zone and port is shorter.
	maxAddr = 128
	// maxElement bounds one element of Forwarded.
	maxElement = 1 << 10
)

// A Hop is one station of the request's way, as far as it was verified.
type Hop struct {
	Addr    netip.Addr `json:"addr"`
	Trusted bool       `json:"trusted"` // it is one of Config.Proxies
}

// origin says where a walk's address came from.
type origin uint8

const (
	fromPeer     origin = iota // the connection
	fromHeader                 // an element of the configured header
	fromInternal               // the same, but every hop was a proxy of ours
)

// trust is the one decision that address, scheme, host, prefix, geo and
// request id rest on.
type trust struct {
	peer     netip.AddrPort // zero for a unix socket
	ip       netip.Addr     // zero if even the peer has none
	edge     netip.Addr     // the hop that told of ip
	origin   origin
	believed bool // the peer is a proxy of ours
	// depth counts the elements of the header, from the right, that led to ip.
	depth     int
	anomalies anomalies
	// what Forwarded says of the outermost verified hop
	proto, host string
}

// walk verifies the peer, then follows the configured header from right to
// left for as long as each hop is a proxy of ours. It allocates nothing unless
// hops is given.
func (p *Plugin) walk(remote string, h http.Header, read *fields, hops *[]Hop) trust {
	var t trust
	unix := false
	if t.peer, unix = parsePeer(remote); t.peer.IsValid() {
		t.ip = t.peer.Addr().WithZone("")
	}
	switch {
	case unix:
		t.believed = p.cfg.TrustUnixSocket
	case t.ip.IsValid():
		t.believed = p.trusted.anyPeer || p.trusted.contains(t.ip)
	}
	if hops != nil && t.ip.IsValid() {
		*hops = append(*hops, Hop{Addr: t.ip, Trusted: t.believed})
	}
	if !t.believed {
		return t
	}
	t.edge = t.ip
	lines := p.values(h, fieldForward, read)
	if len(lines) == 0 {
		return t
	}
	w := walker{p: p, t: &t, hops: hops}
	switch {
	case p.kind == single:
		w.single(lines)
	case p.cfg.HopCount > 0:
		w.count(lines)
	default:
		w.list(lines)
	}
	return t
}

// conflicting reports whether the other of the two list headers came with the
// configured one. It is not read, so it is no reason for a Vary.
func (p *Plugin) conflicting(h http.Header) bool {
	switch p.kind {
	case xForwardedFor:
		return len(h[string(Forwarded)]) > 0
	case forwarded:
		return len(h[string(XForwardedFor)]) > 0
	}
	return false
}

type walker struct {
	p    *Plugin
	t    *trust
	hops *[]Hop
}

// accept takes a as the next hop.
func (w *walker) accept(a netip.Addr, trusted bool) {
	w.t.edge, w.t.ip, w.t.origin = w.t.ip, a, fromHeader
	if trusted {
		w.t.origin = fromInternal
	}
	if w.hops != nil {
		*w.hops = append(*w.hops, Hop{Addr: a, Trusted: trusted})
	}
}

func (w *walker) single(lines []string) {
	if len(lines) > 1 {
		w.t.anomalies.add(anomalyRepeated)
		return
	}
	a, ok := w.p.parseSingle(trimOWS(lines[0]))
	if !ok {
		w.t.anomalies.add(anomalyMalformed)
		return
	}
	w.accept(a, w.p.trusted.contains(a))
	w.t.depth = 1
}

// list walks until the first hop that is not ours.
func (w *walker) list(lines []string) {
	e := elements{lines: lines, forwarded: w.p.kind == forwarded}
	for n := 0; ; n++ {
		if n == maxHops && e.advance() {
			w.t.anomalies.add(anomalyTooLong)
			return
		}
		a, ok := e.next4()
		if ok && !connectable(a) {
			w.t.anomalies.add(anomalyMalformed)
			return
		}
		if !ok {
			raw, more, bad := e.next()
			if !more {
				return
			}
			if bad == 0 && raw == "" { // RFC 9110, section 5.6.1: empty elements do not count
				continue
			}
			if bad == 0 {
				a, bad = w.parse(raw)
			}
			if bad != 0 {
				w.t.anomalies.add(bad)
				return
			}
		}
		trusted := w.p.trusted.contains(a)
		w.t.depth++
		w.accept(a, trusted)
		if !trusted {
			return
		}
	}
}

// count takes the HopCount-th element from the right, whatever the addresses.
func (w *walker) count(lines []string) {
	e := elements{lines: lines, forwarded: w.p.kind == forwarded}
	before := *w.t
	for n, taken := 0, 0; taken < w.p.cfg.HopCount; n++ {
		raw, more, bad := e.next()
		switch {
		case !more:
			bad = anomalyTooShort
		case n == maxHops:
			bad = anomalyTooLong
		case bad == 0 && raw == "":
			continue
		}
		var a netip.Addr
		if bad == 0 {
			a, bad = w.parse(raw)
		}
		if bad != 0 {
			// Fewer hops than promised: nothing in the list is vouched for.
			before.anomalies = w.t.anomalies
			before.anomalies.add(bad)
			*w.t = before
			if w.hops != nil {
				*w.hops = (*w.hops)[:min(1, len(*w.hops))]
			}
			return
		}
		taken++
		w.t.depth++
		w.accept(a, taken < w.p.cfg.HopCount)
	}
	w.t.origin = fromHeader
}

// parse reads the address of one element and, of Forwarded, what else we use.
func (w *walker) parse(raw string) (netip.Addr, anomaly) {
	if w.p.kind != forwarded {
		a, ok := parseNode(raw)
		if !ok {
			return a, anomalyMalformed
		}
		return a, 0
	}
	var e element
	if !e.parse(raw) {
		return netip.Addr{}, anomalyMalformed
	}
	a, ok := parseNode(e.node)
	if !ok {
		if obfuscated(e.node) {
			return a, anomalyHidden
		}
		return a, anomalyMalformed
	}
	if e.proto != "" {
		w.t.proto = e.proto
	}
	if e.host != "" {
		w.t.host = e.host
	}
	return a, 0
}

// elements yields the elements of a list header from right to left, the last
// line first, with bounded work for each.
type elements struct {
	lines     []string
	rest      string
	open      bool // rest is a line that still has an element
	forwarded bool
}

// next4 returns the next element if it is a plain IPv4 address, the usual case,
// in one pass over it; otherwise it leaves e as it was, for next.
func (e *elements) next4() (netip.Addr, bool) {
	if e.forwarded || !e.advance() {
		return netip.Addr{}, false
	}
	s := e.rest
	i := len(s) - 1
	for i >= 0 && s[i] == ' ' && len(s)-i < maxAddr {
		i--
	}
	// From the right: digits of growing unit, a dot after every octet.
	var bits, octet, unit, digit uint32 = 0, 0, 1, 0
	shift := 0
	for ; i >= 0; i-- {
		if c := uint32(s[i]) - '0'; c <= 9 && unit <= 100 {
			digit = c
			octet += c * unit
			unit *= 10
			continue
		}
		if s[i] != '.' || shift == 24 || octet > 255 || unit == 1 || unit > 10 && digit == 0 {
			break
		}
		bits |= octet << shift
		shift += 8
		octet, unit = 0, 1
	}
	if shift != 24 || octet > 255 || unit == 1 || unit > 10 && digit == 0 {
		return netip.Addr{}, false
	}
	for i >= 0 && s[i] == ' ' && len(s)-i < maxAddr {
		i--
	}
	if i >= 0 && s[i] != ',' || len(s)-1-i > maxAddr {
		return netip.Addr{}, false
	}
	e.cut(i)
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], bits|octet<<24)
	return netip.AddrFrom4(b), true
}

// cut ends the part of the line that is still to be read before its comma.
func (e *elements) cut(comma int) {
	if comma < 0 {
		e.open = false
		return
	}
	e.rest = e.rest[:comma]
}

// advance opens the next line if none is open, and reports whether there is one.
func (e *elements) advance() bool {
	if !e.open && len(e.lines) > 0 {
		last := len(e.lines) - 1
		e.rest, e.lines, e.open = e.lines[last], e.lines[:last], true
	}
	return e.open
}

// next returns the trimmed element before the ones already returned.
func (e *elements) next() (raw string, more bool, bad anomaly) {
	if !e.advance() {
		return "", false, 0
	}
	var comma int
	var ok bool
	if e.forwarded {
		comma, ok = lastUnquotedComma(e.rest)
	} else {
		comma, ok = lastComma(e.rest)
	}
	if !ok {
		return "", true, anomalyMalformed
	}
	raw = trimOWS(e.rest[comma+1:])
	e.cut(comma)
	return raw, true, 0
}

// lastComma returns the index of the last comma, -1 if there is none, and
// false if the element after it is too long to be an address.
func lastComma(s string) (int, bool) {
	last := len(s) - 1
	for i := last; i >= max(0, last-maxAddr); i-- {
		if s[i] == ',' {
			return i, true
		}
	}
	return -1, last < maxAddr
}

// parsePeer reads http.Request.RemoteAddr. unix is true for the forms that a
// unix socket has there.
func parsePeer(remote string) (peer netip.AddrPort, unix bool) {
	if remote == "" || remote[0] == '@' || remote[0] == '/' {
		return netip.AddrPort{}, true
	}
	if host, port, ok := strings.Cut(remote, ":"); ok {
		if a, ok := parse4(host); ok {
			n, ok := parsePort(port)
			if !ok {
				return netip.AddrPort{}, false
			}
			return netip.AddrPortFrom(a, uint16(n)), false
		}
	}
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		a, err := netip.ParseAddr(strings.Trim(remote, "[]"))
		if err != nil {
			return netip.AddrPort{}, false
		}
		ap = netip.AddrPortFrom(a, 0)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), false
}

// parseNode reads an address with or without brackets and port, as proxies
// write it. Addresses that nobody can connect from are refused.
func parseNode(s string) (netip.Addr, bool) {
	if len(s) < len("::") || len(s) > maxAddr {
		return netip.Addr{}, false
	}
	if a, ok := parse4(s); ok {
		return a, connectable(a)
	}
	if s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 || !portSuffix(s[end+1:]) {
			return netip.Addr{}, false
		}
		s = s[1:end]
		if strings.IndexByte(s, ':') < 0 {
			return netip.Addr{}, false // only IPv6 is written in brackets
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0 {
		if !portSuffix(s[colon:]) {
			return netip.Addr{}, false
		}
		s = s[:colon]
	}
	if zone := strings.IndexByte(s, '%'); zone >= 0 {
		// A zone means something on its own host only; cutting it off before
		// the parser keeps it from being interned.
		if zone == len(s)-1 || strings.IndexByte(s[:zone], ':') < 0 {
			return netip.Addr{}, false
		}
		s = s[:zone]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	a = a.Unmap()
	return a, connectable(a)
}

// connectable reports whether a client can have the address.
func connectable(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() }

// parse4 reads a plain dotted IPv4 address, the usual case, and leaves every
// other form to its caller.
func parse4(s string) (netip.Addr, bool) {
	if len(s) > len("255.255.255.255") {
		return netip.Addr{}, false
	}
	bits, octet, digits, dots := uint32(0), uint32(0), 0, 0
	for i := range len(s) {
		c := uint32(s[i]) - '0'
		switch {
		case c <= 9:
			octet = octet*10 + c
			digits++
			if octet > 255 || digits > 1 && octet < 10 { // a leading zero means octal to some
				return netip.Addr{}, false
			}
		case s[i] == '.' && digits > 0 && dots < 3:
			bits = bits<<8 | octet
			octet, digits = 0, 0
			dots++
		default:
			return netip.Addr{}, false
		}
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], bits<<8|octet)
	return netip.AddrFrom4(b), dots == 3 && digits > 0
}

// portSuffix reports whether s is empty or a colon and a port, by number or,
// as RFC 7239 allows, obfuscated.
func portSuffix(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) == 1 {
		return false
	}
	s = s[1:]
	if s[0] == '_' {
		return obfuscated(s)
	}
	_, ok := parsePort(s)
	return ok
}

// parsePort reads a decimal port number, 1 to 65535; 0 as well, which some
// proxies write for "unknown".
func parsePort(s string) (int, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, n <= 65535
}

func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
