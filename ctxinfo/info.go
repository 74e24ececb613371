package ctxinfo

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/scope"
)

// Info is who asks, and how that is known. Each fact is worked out when it is
// first asked for, then kept. An Info is immutable and safe for concurrent
// use; it holds copies only, so it may outlive the request: in a goroutine, a
// WebSocket, a stream of events.
type Info struct {
	plugin *Plugin
	header http.Header // a copy, with Host
	remote string
	host   string
	url    url.URL
	tls    bool

	read  atomic.Uint64 // the fields that callers saw facts of
	found atomic.Uint32 // the anomalies of the facets built so far

	trust     cell[trust]
	site      cell[site]
	requestID cell[string]
	prefs     cell[preferences]
	locale    cell[locales]
	zone      cell[zone]
	theme     cell[ThemeType]
	motion    cell[bool]
	contrast  cell[Contrast]
	frame     cell[frame]
	page      cell[*url.URL]
	client    cell[Client]
	geo       cell[place]
	trace     cell[Trace]

	mu    sync.Mutex
	extra []string // headers read by name, canonical
}

// maxExtra bounds the names of Headers.Get that go into Vary one by one.
const maxExtra = 32

// cell is a facet that is built on first use.
type cell[T any] struct {
	once  sync.Once
	facts facts
	value T
}

// facts are how a facet came about.
type facts struct {
	read      fields
	source    Source
	anomalies anomalies
}

// load returns the facet without counting it as seen by a caller.
func (c *cell[T]) load(in *Info, build func(*Info, *facts) T) *T {
	c.once.Do(func() {
		c.value = build(in, &c.facts)
		if c.facts.anomalies != 0 {
			in.found.Or(uint32(c.facts.anomalies))
		}
	})
	return &c.value
}

// see returns the facet for a caller: the response now depends on it.
func (c *cell[T]) see(in *Info, build func(*Info, *facts) T) *T {
	v := c.load(in, build)
	in.note(c.facts.read)
	return v
}

// source is see for how the facet came about.
func (c *cell[T]) source(in *Info, build func(*Info, *facts) T) Source {
	c.see(in, build)
	return c.facts.source
}

func (in *Info) note(read fields) {
	if in.read.Load()&uint64(read) != uint64(read) {
		in.read.Or(uint64(read))
	}
}

// noteHeader counts a header that a caller asked for by name, or all for "*".
func (in *Info) noteHeader(name string) {
	if !isToken(name) { // nobody can send it, and it must not get into Vary
		return
	}
	switch name {
	case "*", headerNames[fieldCookie]:
		in.note(1 << fieldCookie)
	case in.plugin.header:
		in.note(1 << fieldPeer)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if slices.Contains(in.extra, name) {
		return
	}
	if len(in.extra) >= maxExtra {
		name = "*"
	}
	in.extra = append(in.extra, name)
}

func (in *Info) values(f *facts, h field) []string {
	return in.plugin.values(in.header, h, &f.read)
}

func (in *Info) value(f *facts, h field) string {
	return in.plugin.value(in.header, h, &f.read)
}

// newInfo copies what facets need of r.
func newInfo(p *Plugin, r *http.Request) *Info {
	in := &Info{plugin: p, remote: r.RemoteAddr, host: r.Host, tls: r.TLS != nil}
	in.header = r.Header.Clone()
	if in.header == nil {
		in.header = http.Header{}
	}
	if r.Host != "" {
		in.header["Host"] = []string{r.Host}
	}
	if r.URL != nil {
		in.url = url.URL{
			Path: r.URL.Path, RawPath: r.URL.RawPath,
			RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery,
		}
	}
	return in
}

// fallback is the plugin of requests without one; it trusts nobody.
var fallback = sync.OnceValue(func() *Plugin { return Must(New(Config{})) })

// FromContext returns the Info of the request that ctx belongs to, and never
// nil: without the middleware, and in a load whose result all visitors share,
// it is an Info that knows nothing. The first call for a request copies its
// headers; later ones take some 30 ns.
func FromContext(ctx context.Context) *Info {
	in, err := scope.Get(ctx, scope.Info, build)
	if err != nil {
		return newInfo(fallback(), &http.Request{})
	}
	return in
}

// build makes the Info of a request scope whose slot holds the plugin.
func build(r *scope.Request, filled any) *Info {
	// The answer to "too late" is that this response cannot tell any more.
	_ = commit.Request(r.HTTP.Context())
	return newInfo(filled.(*Plugin), &r.HTTP)
}

// FromRequest returns the Info of r: that of its context, or, without the
// middleware, a new one by the zero Config. It is never nil.
func FromRequest(r *http.Request) *Info {
	in, err := scope.Get(r.Context(), scope.Info, build)
	switch {
	case err == nil:
		return in
	case errors.Is(err, scope.ErrVisitorInGlobalLoad):
		return newInfo(fallback(), &http.Request{})
	}
	return newInfo(fallback(), r)
}

// FromRequest returns a new Info of r by the plugin's configuration, for
// servers and tests without echo. It neither looks at nor changes r's context,
// and no header of a response is set.
func (p *Plugin) FromRequest(r *http.Request) *Info { return newInfo(p, r) }

// HTTPS reports whether the client of r speaks HTTPS by the plugin's
// configuration: [Info.Scheme] without an Info.
func (p *Plugin) HTTPS(r *http.Request) bool { return newInfo(p, r).Scheme() == "https" }

// ClientIP returns the client's address of r by the plugin's configuration,
// the zero Addr if there is none. It allocates nothing on well-formed headers;
// it is what a rate limiter or echo's IPExtractor needs.
func (p *Plugin) ClientIP(r *http.Request) netip.Addr {
	var read fields
	return p.walk(r.RemoteAddr, r.Header, &read, nil).ip
}

func buildTrust(in *Info, f *facts) trust {
	f.read.add(fieldPeer)
	t := in.plugin.walk(in.remote, in.header, &f.read, nil)
	if t.believed && len(in.header[in.plugin.header]) > 0 && in.plugin.conflicting(in.header) {
		t.anomalies.add(anomalyConflict)
	}
	f.anomalies |= t.anomalies
	f.source = Source{Kind: SourceDefault}
	switch {
	case t.origin != fromPeer:
		f.source = Source{Kind: SourceHeader, Name: in.plugin.header, Trusted: true, Internal: t.origin == fromInternal}
	case t.ip.IsValid():
		f.source = Source{Kind: SourceConnection, Trusted: true}
	}
	return t
}

// IP is the client's address, unmapped and without zone; the zero Addr if
// there is none, as with a unix socket. Without Config.Proxies it is the
// connection's peer, whatever headers say.
func (in *Info) IP() netip.Addr { return in.trust.see(in, buildTrust).ip }

// IPAddress is IP as a string, empty if there is none and, as in Streamlit's
// st.context, for a loopback address.
func (in *Info) IPAddress() string {
	ip := in.IP()
	if !ip.IsValid() || ip.IsLoopback() {
		return ""
	}
	return ip.String()
}

// Peer is the other end of the connection: the client or the nearest proxy;
// the zero AddrPort for a unix socket.
func (in *Info) Peer() netip.AddrPort { return in.trust.see(in, buildTrust).peer }

// Hops lists the verified way of the request, from the peer to the client.
// The slice is the caller's.
func (in *Info) Hops() []Hop {
	in.trust.see(in, buildTrust)
	var read fields
	hops := []Hop{}
	in.plugin.walk(in.remote, in.header, &read, &hops)
	return hops
}

// Anomalies lists what was not believed of the headers of a trusted proxy, and
// of the Host header. The slice is the caller's.
func (in *Info) Anomalies() []Anomaly {
	in.trust.see(in, buildTrust)
	in.requestID.see(in, buildRequestID)
	s := in.site.load(in, buildSite)
	in.note(s.schemeRead | s.hostRead | s.prefixRead)
	return in.plugin.list(anomalies(in.found.Load()))
}

// Source says where the value of a facet came from, and whether it is ours or
// a trusted proxy's. It counts as reading the facet.
func (in *Info) Source(f Facet) Source {
	switch f {
	case FacetIP:
		return in.trust.source(in, buildTrust)
	case FacetScheme:
		in.Scheme()
		return in.site.value.schemeSource
	case FacetHost:
		in.Host()
		return in.site.value.hostSource
	case FacetPrefix:
		in.Prefix()
		return in.site.value.prefixSource
	case FacetRequestID:
		return in.requestID.source(in, buildRequestID)
	case FacetLocale:
		return in.locale.source(in, buildLocale)
	case FacetTimezone:
		return in.zone.source(in, buildZone)
	case FacetTheme:
		return in.theme.source(in, buildTheme)
	case FacetReducedMotion:
		return in.motion.source(in, buildMotion)
	case FacetContrast:
		return in.contrast.source(in, buildContrast)
	case FacetEmbedded:
		return in.frame.source(in, buildFrame)
	case FacetPageURL:
		if s := in.page.source(in, buildPage); in.page.value != nil {
			return s
		}
		return Source{Kind: SourceConnection, Trusted: in.Source(FacetHost).Trusted}
	case FacetGeo:
		return in.geo.source(in, buildGeo)
	case FacetClient:
		return in.client.source(in, buildClient)
	case FacetTrace:
		return in.trace.source(in, buildTrace)
	}
	return Source{}
}
