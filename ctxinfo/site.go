package ctxinfo

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPageURL bounds HX-Current-URL.
const maxPageURL = 2 << 10

// site is where, as the client sees it, the request went.
type site struct {
	scheme                                 string
	host                                   hostport
	prefix                                 string
	schemeSource, hostSource, prefixSource Source
	schemeRead, hostRead, prefixRead       fields
}

func buildSite(in *Info, f *facts) site {
	var s site
	t := in.trust.load(in, buildTrust)
	p := in.plugin

	s.scheme, s.schemeSource = "http", Source{Kind: SourceConnection, Trusted: true}
	if in.tls {
		s.scheme = "https"
	}
	s.host, s.hostSource = in.ownHost(f)
	s.hostRead.add(fieldHost)
	s.prefixSource = Source{Kind: SourceDefault, Trusted: true}
	if !t.believed {
		return s
	}

	raw, from, ok := t.proto, fieldForward, true
	if p.kind == forwarded {
		s.schemeRead.add(from)
	} else {
		from = fieldForwardedProto
		raw, ok = aligned(p.values(in.header, from, &s.schemeRead), t.depth)
	}
	if scheme, known := parseScheme(raw); known && ok {
		s.scheme, s.schemeSource = scheme, Source{Kind: SourceHeader, Name: p.name(from), Trusted: true}
	} else if raw != "" || !ok {
		f.anomalies.add(anomalyScheme)
	}

	raw, from, ok = t.host, fieldForward, true
	if p.kind == forwarded {
		s.hostRead.add(from)
	} else {
		from = fieldForwardedHost
		raw, ok = aligned(p.values(in.header, from, &s.hostRead), t.depth)
	}
	if raw != "" || !ok {
		if h, valid := parseHost(raw); valid && ok && p.hosts.allows(h) {
			s.host, s.hostSource = h, Source{Kind: SourceHeader, Name: p.name(from), Trusted: true}
		} else {
			f.anomalies.add(anomalyForwardedHost)
		}
	}
	in.applyPort(f, &s)
	in.applyPrefix(f, &s)
	return s
}

// ownHost is the Host of the request if it may be believed, else the first of
// the allowed ones, else nothing.
func (in *Info) ownHost(f *facts) (hostport, Source) {
	hosts := &in.plugin.hosts
	h, ok := parseHost(in.host)
	if ok && (hosts.none() || hosts.allows(h)) {
		// Only an allow list makes a host that the client sent ours.
		return h, Source{Kind: SourceHeader, Name: headerNames[fieldHost], Trusted: !hosts.none()}
	}
	if in.host != "" {
		f.anomalies.add(anomalyHost)
	}
	return hosts.first(), Source{Kind: SourceDefault, Trusted: true}
}

// applyPort takes X-Forwarded-Port if the host then is an allowed one by its
// port too.
func (in *Info) applyPort(f *facts, s *site) {
	lines := in.plugin.values(in.header, fieldForwardedPort, &s.hostRead)
	if len(lines) == 0 || s.host.name == "" || s.host.port != "" {
		return
	}
	n, ok := parsePort(lines[0])
	with := hostport{name: s.host.name, port: strconv.Itoa(n)}
	switch {
	case len(lines) == 1 && ok && with.port == defaultPort(s.scheme):
	case len(lines) == 1 && ok && in.plugin.hosts.allowsPort(with):
		s.host, s.hostSource = with, Source{Kind: SourceHeader, Name: headerNames[fieldForwardedPort], Trusted: true}
	default:
		f.anomalies.add(anomalyForwardedPort)
	}
}

func (in *Info) applyPrefix(f *facts, s *site) {
	lines := in.plugin.values(in.header, fieldForwardedPrefix, &s.prefixRead)
	if len(lines) == 0 {
		return
	}
	prefix := strings.TrimRight(lines[0], "/")
	if len(lines) > 1 || !slices.Contains(in.plugin.cfg.AllowedPrefixes, prefix) {
		f.anomalies.add(anomalyPrefix)
		return
	}
	s.prefix, s.prefixSource = prefix, Source{Kind: SourceHeader, Name: headerNames[fieldForwardedPrefix], Trusted: true}
}

// aligned picks the element of a list header that belongs to the same hop as
// the client's address: the depth-th from the right, or the only one there is.
func aligned(lines []string, depth int) (string, bool) {
	e := elements{lines: lines}
	var at string
	n := 0
	for n < 2 || n < depth {
		raw, more, bad := e.next()
		if !more {
			break
		}
		if bad != 0 {
			return "", false
		}
		if n++; n == 1 || n == depth {
			at = raw
		}
	}
	return at, n <= 1 || depth >= 1 && n >= depth
}

func parseScheme(s string) (string, bool) {
	switch {
	case strings.EqualFold(s, "https"), strings.EqualFold(s, "wss"):
		return "https", true
	case strings.EqualFold(s, "http"), strings.EqualFold(s, "ws"):
		return "http", true
	}
	return "", false
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// hostport is a validated host, lower-case, with brackets if IPv6.
type hostport struct{ name, port string }

// String is the host with its port, if it has one.
func (h hostport) String() string {
	if h.port == "" {
		return h.name
	}
	return h.name + ":" + h.port
}

// under is h in a URL of that scheme: without the port that goes without saying.
func (h hostport) under(scheme string) string {
	if h.port == defaultPort(scheme) {
		return h.name
	}
	return h.String()
}

// parseHost reads the value of a Host header: a DNS name or address with an
// optional port, and nothing that could mean anything else in a URL.
func parseHost(s string) (hostport, bool) {
	var h hostport
	if s == "" || len(s) > 255+len(":65535") {
		return h, false
	}
	name, port := s, ""
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon:], ']') < 0 {
		name, port = s[:colon], s[colon+1:]
		if n, ok := parsePort(port); port != "" && (!ok || n == 0) {
			return h, false
		}
	}
	if len(name) > 2 && name[0] == '[' {
		a, err := netip.ParseAddr(strings.TrimSuffix(name[1:], "]"))
		if err != nil || !a.Is6() || a.Zone() != "" || name[len(name)-1] != ']' {
			return h, false
		}
		return hostport{name: "[" + a.String() + "]", port: port}, true
	}
	if strings.Contains(name, "..") {
		return h, false
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || name[0] == '.' || name[0] == '-' {
		return h, false
	}
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '-' && c != '.' && c != '_' {
			return h, false
		}
	}
	return hostport{name: strings.ToLower(name), port: port}, true
}

// hostList is the compiled form of Config.AllowedHosts.
type hostList struct {
	exact    []hostport
	suffixes []hostport // with the leading dot
}

func parseHosts(names []string) (hostList, error) {
	var l hostList
	var errs []error
	for i, raw := range names {
		plain, wildcard := strings.CutPrefix(raw, "*")
		h, ok := parseHost(strings.TrimPrefix(plain, "."))
		switch {
		case !ok || wildcard != strings.HasPrefix(plain, "."):
			errs = append(errs, fmt.Errorf(`ctxinfo: Config.AllowedHosts %q: want a form such as "example.com", "example.com:8443" or "*.example.com"`, raw))
		case wildcard && i == 0:
			errs = append(errs, fmt.Errorf("ctxinfo: Config.AllowedHosts %q: the first must be a host that links can be built on, not a pattern", raw))
		case wildcard:
			h.name = "." + h.name
			l.suffixes = append(l.suffixes, h)
		default:
			l.exact = append(l.exact, h)
		}
	}
	return l, errors.Join(errs...)
}

func (l *hostList) none() bool { return len(l.exact) == 0 }

func (l *hostList) first() hostport {
	if l.none() {
		return hostport{}
	}
	return l.exact[0]
}

// allows reports whether h is on the list; an entry without a port allows any.
func (l *hostList) allows(h hostport) bool {
	return l.find(h, func(entry hostport) bool { return entry.port == "" || entry.port == h.port })
}

// allowsPort reports whether h is on the list with its port.
func (l *hostList) allowsPort(h hostport) bool {
	return l.find(h, func(entry hostport) bool { return entry.port == h.port })
}

func (l *hostList) find(h hostport, port func(hostport) bool) bool {
	return slices.ContainsFunc(l.exact, func(e hostport) bool { return e.name == h.name && port(e) }) ||
		slices.ContainsFunc(l.suffixes, func(e hostport) bool {
			return strings.HasSuffix(h.name, e.name) && len(h.name) > len(e.name) && port(e)
		})
}

// validPrefix reports whether s, without a trailing slash, is a path that can
// be put before others.
func validPrefix(s string) bool {
	if len(s) < 2 || s[0] != '/' || strings.Contains(s, "//") {
		return false
	}
	for seg := range strings.SplitSeq(s[1:], "/") {
		if seg == "." || seg == ".." {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("/-._~", c) < 0 {
			return false
		}
	}
	return true
}

// Scheme is "http" or "https", as the client used it.
func (in *Info) Scheme() string {
	s := in.site.load(in, buildSite)
	in.note(s.schemeRead)
	return s.scheme
}

// Host is the host, with its port if it is not the scheme's own, that the
// client asked for; empty if it sent none that is well formed and
// Config.AllowedHosts is empty.
func (in *Info) Host() string {
	s := in.site.load(in, buildSite)
	in.note(s.hostRead)
	return s.host.under(s.scheme)
}

// Prefix is the path that a trusted proxy took off the front of the URL, such
// as "/app"; empty if none.
func (in *Info) Prefix() string {
	s := in.site.load(in, buildSite)
	in.note(s.prefixRead)
	return s.prefix
}

// URL is the address of the request as the client sees it, without query and
// fragment. The result is the caller's.
func (in *Info) URL() *url.URL {
	u := in.FullURL()
	u.RawQuery, u.ForceQuery = "", false
	return u
}

// FullURL is URL with the query.
func (in *Info) FullURL() *url.URL {
	u := &url.URL{
		Scheme: in.Scheme(), Host: in.Host(),
		Path: in.url.Path, RawPath: in.url.RawPath,
		RawQuery: in.url.RawQuery, ForceQuery: in.url.ForceQuery,
	}
	if prefix := in.Prefix(); prefix != "" {
		if u.RawPath != "" {
			u.RawPath = prefix + u.RawPath
		}
		u.Path = prefix + u.Path
	}
	return u
}

// page is the URL of the page that an htmx request came from; nil if there is
// none that is of our host and well formed.
func buildPage(in *Info, f *facts) *url.URL {
	raw := in.value(f, fieldHXCurrentURL)
	if raw == "" || len(raw) > maxPageURL {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil
	}
	s := in.site.load(in, buildSite)
	f.read |= s.hostRead
	h, ok := parseHost(u.Host)
	if !ok || h.under(u.Scheme) != s.host.under(s.scheme) {
		return nil
	}
	u.Fragment, u.RawFragment = "", ""
	f.source = Source{Kind: SourceHeader, Name: headerNames[fieldHXCurrentURL]}
	return u
}

// PageURL is the URL, with its query, of the page that the visitor looks at.
// For a request that htmx made it is HX-Current-URL, if that is on our own
// host; otherwise it is FullURL. The result is the caller's.
func (in *Info) PageURL() *url.URL {
	if u := *in.page.see(in, buildPage); u != nil {
		return new(*u)
	}
	return in.FullURL()
}
