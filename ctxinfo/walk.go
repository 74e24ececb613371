package ctxinfo

import (
	"net/http"
	"net/netip"
)

const (
	// maxHops bounds the list elements that a walk looks at, empty ones included.
	maxHops = 32
	// maxAddr bounds one element of X-Forwarded-For: a bracketed IPv6 address
	// with zone and port is shorter.
	maxAddr = 128
	// maxElement bounds one element of Forwarded.
	maxElement = 1 << 10
	// maxList bounds the elements that a walk looks at together.
	maxList = maxHops * (maxAddr + 1)
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
	believed bool   // the peer is a proxy of ours
	vouched  fields // and believed for these
	// depth counts the elements of the header, from the right, that led to ip.
	depth     int
	anomalies anomalies
	// what Forwarded says of the outermost verified hop
	proto, host string
}

// walk verifies the peer, then follows the configured header from right to
// left for as long as each hop is one of those trusted. It allocates nothing
// unless hops is given.
func (p *Plugin) walk(by *trusted, remote string, h http.Header, read *fields, hops *[]Hop) trust {
	var t trust
	var unix bool
	if t.peer, unix = parsePeer(remote); t.peer.IsValid() {
		t.ip = t.peer.Addr().WithZone("")
	}
	switch {
	case unix:
		t.believed = p.cfg.TrustUnixSocket
	case t.ip.IsValid():
		t.believed = by.anyPeer || by.contains(t.ip)
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
		return len(h[string(Forwarded)]) > 0
	case forwarded:
		return len(h[string(XForwardedFor)]) > 0
	}
	return false
}

type walker struct {
	p       *Plugin
	trusted *trusted
	t       *trust
	hops    *[]Hop
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
	a, ok := netip.Addr{}, false
	if len(lines[0]) <= maxAddr { // also before white space is cut off
		a, ok = w.p.parseSingle(trimOWS(lines[0]))
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
		trusted := w.trusted.contains(a)
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
	before, hops := *w.t, 0
	if w.hops != nil {
		hops = len(*w.hops)
	}
	for n, taken := 0, 0; taken < w.p.cfg.HopCount; n++ {
		long := e.tooLong(n)
		raw, more, bad := e.next()
		switch {
		case !more:
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
			// Fewer hops than promised: nothing in the list is vouched for.
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
