package ctxinfo

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPageURL bounds HX-Current-URL.
const maxPageURL = 2 << 10

func buildSite(in *Info, f *facts) site {
	s := site{
		scheme: "http", schemeSource: Source{Kind: sourceConnection, Trusted: true},
		prefixSource: Source{Trusted: true},
	}
	if in.tls {
		s.scheme = "https"
	}
	s.host, s.hostSource = in.ownHost(f)
	s.hostRead.add(fieldHost)
	if t := in.trust.load(in, buildTrust); t.peerTrusted {
		in.applyScheme(f, &s, t)
		in.applyPrefix(f, &s, t)
		if !in.plugin.hosts.none() { // otherwise no other host could be believed
			in.applyHost(f, &s, t)
			in.applyPort(f, &s, t)
		}
	}
	if s.host.port == defaultPort("http") || s.host.port == defaultPort("https") {
		s.hostRead |= s.schemeRead // which says whether the port is shown
	}
	return s
}

// hopValue is what the proxy at the client's hop says in the X-Forwarded
// header or, with Forwarded, in the parameter that stands for it.
func (in *Info) hopValue(header field, parameter string, t *trust, read *fields) (raw string, from field, ok bool) {
	if in.plugin.kind == forwarded {
		read.add(fieldForward)
		return parameter, fieldForward, true
	}
	if !t.vouched.has(header) {
		return "", header, true
	}
	raw, ok = in.aligned(header, t.depth, read)
	return raw, header, ok
}

func (in *Info) applyScheme(f *facts, s *site, t *trust) {
	raw, from, ok := in.hopValue(fieldForwardedProto, t.proto, t, &s.schemeRead)
	if scheme, known := parseScheme(raw); known && ok {
		s.scheme, s.schemeSource = scheme, Source{Kind: sourceHeader, Name: in.plugin.name(from), Trusted: true}
	} else if raw != "" || !ok {
		f.anomalies.add(anomalyScheme)
	}
}

func (in *Info) applyHost(f *facts, s *site, t *trust) {
	raw, from, ok := in.hopValue(fieldForwardedHost, t.host, t, &s.hostRead)
	h, valid := parseHost(raw)
	switch {
	case raw == "" && ok: // not sent
	case ok && valid && in.plugin.hosts.allows(h):
		s.host, s.hostSource = h, Source{Kind: sourceHeader, Name: in.plugin.name(from), Trusted: true}
	default:
		f.anomalies.add(anomalyForwardedHost)
	}
}

// ownHost is the Host of the request if it may be believed, else the first of
// the allowed ones, else nothing.
func (in *Info) ownHost(f *facts) (hostport, Source) {
	hosts := &in.plugin.hosts
	h, ok := parseHost(in.host)
	if ok && (hosts.none() || hosts.allows(h)) {
		// Only an allow list makes a host that the client sent ours.
		return h, Source{Kind: sourceHeader, Name: headerNames[fieldHost], Trusted: !hosts.none()}
	}
	if in.host != "" {
		f.anomalies.add(anomalyHost)
	}
	return hosts.first(), Source{Trusted: true}
}

// applyPort takes X-Forwarded-Port if the host then is an allowed one by its
// port too. With Forwarded the port is part of its host.
func (in *Info) applyPort(f *facts, s *site, t *trust) {
	if in.plugin.kind == forwarded || !t.vouched.has(fieldForwardedPort) {
		return
	}
	lines := in.plugin.values(in.header, fieldForwardedPort, &s.hostRead)
	if len(lines) == 0 || s.host.port != "" {
		return
	}
	n, ok := parsePort(lines[0])
	with := hostport{name: s.host.name, port: strconv.Itoa(n)}
	s.hostRead |= s.schemeRead
	switch {
	case len(lines) == 1 && ok && with.port == defaultPort(s.scheme):
	case len(lines) == 1 && ok && in.plugin.hosts.allowsPort(with):
		s.host, s.hostSource = with, Source{Kind: sourceHeader, Name: headerNames[fieldForwardedPort], Trusted: true}
	default:
		f.anomalies.add(anomalyForwardedPort)
	}
}

func (in *Info) applyPrefix(f *facts, s *site, t *trust) {
	if len(in.plugin.cfg.AllowedPrefixes) == 0 || !t.vouched.has(fieldForwardedPrefix) {
		return
	}
	lines := in.plugin.values(in.header, fieldForwardedPrefix, &s.prefixRead)
	if len(lines) == 0 {
		return
	}
	prefix := strings.TrimRight(lines[0], "/")
	if len(lines) > 1 || !slices.Contains(in.plugin.cfg.AllowedPrefixes, prefix) {
		f.anomalies.add(anomalyPrefix)
		return
	}
	s.prefix, s.prefixSource = prefix, Source{Kind: sourceHeader, Name: headerNames[fieldForwardedPrefix], Trusted: true}
}

// aligned picks the element of a list header that belongs to the same hop as
// the client's address: the depth-th from the right, or the only one there is.
func (in *Info) aligned(header field, depth int, read *fields) (string, bool) {
	e := elements{lines: in.plugin.values(in.header, header, read)}
	var at string
	n := 0
	for n < 2 || n < depth {
		raw, found, bad := e.next()
		if !found {
			break
		}
		if bad != 0 {
			return "", false
		}
		if n++; n == 1 || n == depth {
			at = raw
		}
	}
	if n <= 1 {
		return at, true
	}
	read.add(fieldForward) // which hop is the client's decided
	return at, depth >= 1 && n >= depth
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

// Scheme is the scheme that the client used: "http" or "https".
func (in *Info) Scheme() string {
	s := in.site.load(in, buildSite)
	in.note(s.schemeRead)
	return s.scheme
}

// Host is the host that the client asked for, with the port unless it is the
// default of the scheme. It is empty if the client sent no well-formed host and
// Config.AllowedHosts is empty.
func (in *Info) Host() string {
	s := in.site.load(in, buildSite)
	in.note(s.hostRead)
	return s.host.under(s.scheme)
}

// Prefix is the path prefix that a trusted proxy removed from the URL, such as
// "/app"; empty if there is none.
func (in *Info) Prefix() string {
	s := in.site.load(in, buildSite)
	in.note(s.prefixRead)
	return s.prefix
}

// URL is the URL of the request as the client sees it, with its query. The caller
// may change the result.
func (in *Info) URL() *url.URL {
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
	f.source = Source{Kind: sourceHeader, Name: headerNames[fieldHXCurrentURL]}
	return u
}

// PageURL is the URL, with its query, of the page that the visitor is looking at.
// For a request by htmx it is HX-Current-URL, if that has the host of the
// request; otherwise it is URL. The caller may change the result.
func (in *Info) PageURL() *url.URL {
	if u := *in.page.see(in, buildPage); u != nil {
		return new(*u)
	}
	return in.URL()
}
