package ctxinfo

import (
	"encoding/binary"
	"net/http"
	"net/netip"

	"github.com/reecho-go/reecho/internal/syntax"
)

// This file finds the client's address, and decides which proxy is trusted for
// the other facts:
//
//  1. It checks the peer of the connection first. If Config.Proxies does not
//     contain it, the peer is the client, and no header is read.
//  2. It reads the header that Config.Header names from right to left, because
//     each proxy appends the address that it saw. An element is trusted if the
//     hop to its right is a trusted proxy; the first address that is not one of
//     our proxies is the client. Elements further left are not read, because
//     any client can write them.
//  3. An element that is malformed, hidden or too long ends the walk at the last
//     verified hop, and is reported as an anomaly.
//
// trusted.go decides who is trusted, presets.go lists the headers that providers
// write themselves, forwarded.go parses elements of Forwarded and addr.go
// addresses.

// origin says where a walk's address came from.
type origin uint8

const (
	fromPeer     origin = iota // the connection
	fromHeader                 // an element of the configured header
	fromInternal               // the same, but every hop was a proxy of ours
)

// trust is the result of a walk. The address, scheme, host, prefix, place and
// request id are all derived from it.
type trust struct {
	peer        netip.AddrPort // zero for a unix socket
	ip          netip.Addr     // zero if even the peer has none
	edge        netip.Addr     // the hop that reported ip
	origin      origin
	peerTrusted bool   // the peer is a trusted proxy
	vouched     fields // the headers for which it is trusted
	// depth counts the elements of the header, from the right, that led to ip.
	depth     int
	anomalies anomalies
	// from the element of Forwarded about the outermost verified hop
	proto, host string
}

// located returns the provider whose location headers are trusted: the one whose
// proxy is the outermost verified hop. A client can forge these headers if its
// request reaches another proxy first.
func (t *trusted) located(way *trust) *provider {
	for i := range t.presets {
		if s := &t.presets[i]; way.peerTrusted && s.located && s.speaksFor(way.edge) {
			return s.provider
		}
	}
	return nil
}

// walk verifies the peer, then follows the configured header from right to
// left for as long as each hop is trusted. It allocates nothing
// unless hops is given.
func (p *Plugin) walk(by *trusted, remote string, h http.Header, read *fields, hops *[]netip.Addr) trust {
	var t trust
	var unix bool
	if t.peer, unix = parsePeer(remote); t.peer.IsValid() {
		t.ip = t.peer.Addr().WithZone("")
	}
	switch {
	case unix:
		t.peerTrusted = p.cfg.TrustUnixSocket
	case t.ip.IsValid():
		t.peerTrusted = by.anyPeer || by.contains(t.ip)
	}
	if hops != nil && t.ip.IsValid() {
		*hops = append(*hops, t.ip)
	}
	if !t.peerTrusted {
		return t
	}
	t.edge = t.ip
	lines := p.values(h, fieldForward, read)
	if len(lines) == 0 {
		return t
	}
	w := walker{p: p, trusted: by, t: &t, hops: hops}
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
		return len(h[headerForwarded]) > 0
	case forwarded:
		return len(h[headerXForwardedFor]) > 0
	}
	return false
}

type walker struct {
	p       *Plugin
	trusted *trusted
	t       *trust
	hops    *[]netip.Addr
}

// accept takes a as the next hop.
func (w *walker) accept(a netip.Addr, trusted bool) {
	w.t.edge, w.t.ip, w.t.origin = w.t.ip, a, fromHeader
	if trusted {
		w.t.origin = fromInternal
	}
	if w.hops != nil {
		*w.hops = append(*w.hops, a)
	}
}

func (w *walker) single(lines []string) {
	if len(lines) > 1 {
		w.t.anomalies.add(anomalyRepeated)
		return
	}
	a, ok := netip.Addr{}, false
	if len(lines[0]) <= maxAddr { // also before white space is cut off
		a, ok = w.p.parseSingle(syntax.TrimOWS(lines[0]))
	}
	if !ok {
		w.t.anomalies.add(anomalyMalformed)
		return
	}
	w.accept(a, w.trusted.contains(a))
	w.t.depth = 1
}

// list walks until the first hop that is not ours.
func (w *walker) list(lines []string) {
	e := elements{lines: lines, forwarded: w.p.kind == forwarded}
	for n := 0; ; n++ {
		if e.tooLong(n) {
			w.t.anomalies.add(anomalyTooLong)
			return
		}
		a, ok := e.next4()
		if ok && !connectable(a) {
			w.t.anomalies.add(anomalyMalformed)
			return
		}
		if !ok {
			raw, found, bad := e.next()
			if !found {
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
		trusted := w.trusted.contains(a)
		w.t.depth++
		w.accept(a, trusted)
		if !trusted {
			return
		}
	}
}

// count accepts the HopCount-th element from the right, whatever the addresses are.
func (w *walker) count(lines []string) {
	e := elements{lines: lines, forwarded: w.p.kind == forwarded}
	before, hops := *w.t, 0
	if w.hops != nil {
		hops = len(*w.hops)
	}
	for n, taken := 0, 0; taken < w.p.cfg.HopCount; n++ {
		long := e.tooLong(n)
		raw, found, bad := e.next()
		switch {
		case !found:
			bad = anomalyTooShort
		case long:
			bad = anomalyTooLong
		case bad == 0 && raw == "":
			continue
		}
		var a netip.Addr
		if bad == 0 {
			a, bad = w.parse(raw)
		}
		if bad != 0 {
			// Fewer hops than HopCount: no element of the list is verified.
			before.anomalies = w.t.anomalies
			before.anomalies.add(bad)
			*w.t = before
			if w.hops != nil {
				*w.hops = (*w.hops)[:hops]
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
	// The hop that wrote the element is verified, whatever it says of the one
	// before it.
	if e.proto != "" {
		w.t.proto = e.proto
	}
	if e.host != "" {
		w.t.host = e.host
	}
	a, ok := parseForwardedNode(e.node)
	switch {
	case ok:
		return a, 0
	case e.node == "" || obfuscated(e.node):
		return a, anomalyHidden
	}
	return a, anomalyMalformed
}

// elements yields the elements of a list header from right to left, the last
// line first, with bounded work for each.
type elements struct {
	lines     []string
	rest      string
	open      bool // rest is a line that still has an element
	forwarded bool
	used      int // bytes of the elements that next returned
}

// tooLong reports whether the list is longer than the limits allow, after n elements.
func (e *elements) tooLong(n int) bool {
	return (n >= maxHops || e.used > maxList) && e.advance()
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
func (e *elements) next() (raw string, found bool, bad anomaly) {
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
	e.used += len(e.rest) - comma
	raw = syntax.TrimOWS(e.rest[comma+1:])
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
