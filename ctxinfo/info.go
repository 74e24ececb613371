package ctxinfo

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// Info tells who sent a request, and how each fact is known. A fact is worked out
// when it is first asked for, then kept. An Info is immutable and safe for concurrent
// use; it holds copies only, so it may outlive the request: in a goroutine, a
// WebSocket, a stream of events.
//
// What is read of an Info while a response is made goes into that response's
// Vary and Cache-Control: in the handler, in middlewares between it and the
// plugin, in the error handler of echo, and in a middleware further out that
// answers errors itself. What such a middleware reads for a log after the
// handler, and what is read of [Info.ForLog] anywhere, does not.
type Info struct {
	*visitor
	unseen bool // what is read shapes no response
}

// visitor is what both views of an Info share.
type visitor struct {
	seen, log Info

	plugin  *Plugin
	trusted *trusted    // the proxies when the Info was made
	header  http.Header // a copy, with Host
	remote  string
	host    string
	url     url.URL
	tls     bool

	shaping reads                    // by whoever makes the response
	outside reads                    // by others, after the handler had failed
	failed  atomic.Pointer[answerer] // the handler has, and this is who answers then
	found   atomic.Uint32            // the anomalies of the facets built so far

	trust     cell[trust]
	site      cell[site]
	requestID cell[string]
	prefs     cell[preferences]
	locale    cell[locales]
	zone      cell[zone]
	theme     cell[string]
	motion    cell[bool]
	contrast  cell[string]
	frame     cell[frame]
	page      cell[*url.URL]
}

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

func (in *Info) values(f *facts, h field) []string {
	return in.plugin.values(in.header, h, &f.read)
}

func (in *Info) value(f *facts, h field) string {
	return in.plugin.value(in.header, h, &f.read)
}

// newInfo copies what facets need of r, which may be nil.
func newInfo(p *Plugin, r *http.Request) *Info {
	if r == nil {
		r = &http.Request{}
	}
	in := &visitor{plugin: p, trusted: p.trusted.Load(), remote: r.RemoteAddr, host: r.Host, tls: r.TLS != nil}
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
	in.seen, in.log = Info{in, false}, Info{in, true}
	return &in.seen
}

// ForLog returns the same facts for logs, metrics and traces: what is read of it
// never changes the response's headers. It costs nothing. To log an Info as a
// whole, log the Info itself: see [Info.LogValue].
func (in *Info) ForLog() *Info { return &in.log }

// fallback is the plugin of requests without one; it trusts nobody.
var fallback = sync.OnceValue(func() *Plugin { return Must(New(Config{})) })

// FromContext returns the Info of the request that ctx belongs to. It is never
// nil and never panics: without the middleware, and in a load whose result all
// visitors share, it is an Info that knows nothing. The first call for a request
// copies its headers; later ones take some 30 ns.
func FromContext(ctx context.Context) *Info {
	if ctx != nil {
		if in, err := scope.Get(ctx, scope.Info, build); err == nil {
			return in
		}
	}
	return newInfo(fallback(), nil)
}

// build makes the Info of a request scope whose slot holds the plugin.
func build(r *scope.Request, filled any) *Info {
	// Once the headers have been sent, the response cannot say any more what it depends on.
	_ = commit.Request(r.HTTP.Context())
	if f, ok := filled.(*failure); ok {
		in := newInfo(f.plugin, &r.HTTP)
		in.failed.Store(&f.answerer)
		return in
	}
	return newInfo(filled.(*Plugin), &r.HTTP)
}

// FromRequest returns the Info of r: that of its context or, without the
// middleware, a new one by the zero Config. It is never nil and never panics.
func FromRequest(r *http.Request) *Info {
	if r == nil {
		return newInfo(fallback(), nil)
	}
	in, err := scope.Get(r.Context(), scope.Info, build)
	switch {
	case err == nil:
		return in
	case errors.Is(err, scope.ErrVisitorInGlobalLoad):
		return newInfo(fallback(), nil)
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
	return p.walk(p.trusted.Load(), r.RemoteAddr, r.Header, &read, nil).ip
}

func buildTrust(in *Info, f *facts) trust {
	f.read.add(fieldPeer)
	t := in.plugin.walk(in.trusted, in.remote, in.header, &f.read, nil)
	if t.believed {
		t.vouched = in.trusted.vouched(t.peer.Addr().WithZone(""))
	}
	if t.believed && len(in.header[in.plugin.header]) > 0 && in.plugin.conflicting(in.header) {
		t.anomalies.add(anomalyConflict)
	}
	f.anomalies |= t.anomalies
	switch {
	case t.origin != fromPeer:
		f.source = Source{Kind: sourceHeader, Name: in.plugin.header, Trusted: true, Internal: t.origin == fromInternal}
	case t.ip.IsValid():
		f.source = Source{Kind: sourceConnection, Trusted: true}
	}
	return t
}

// IP is the client's address, unmapped and without zone; the zero Addr if
// there is none, as with a unix socket. Without Config.Proxies it is the
// connection's peer, whatever headers say.
func (in *Info) IP() netip.Addr { return in.trust.see(in, buildTrust).ip }

// Peer is the other end of the connection: the client or the nearest proxy;
// the zero AddrPort for a unix socket.
func (in *Info) Peer() netip.AddrPort { return in.trust.see(in, buildTrust).peer }

// LocatedBy names the provider that the request came in through, such as
// "Cloudflare", if its headers about places are believed: see
// [ProxySet.WithLocation]. It is empty otherwise, whatever the request holds.
func (in *Info) LocatedBy() string {
	if p := in.trusted.located(in.trust.see(in, buildTrust)); p != nil {
		return p.name
	}
	return ""
}

// Hops lists the addresses that the request came through as far as they are
// verified: first the peer, then further proxies, last the client. All but the last
// are proxies of Config.Proxies. The slice is the caller's.
func (in *Info) Hops() []netip.Addr {
	in.trust.see(in, buildTrust)
	var read fields
	hops := []netip.Addr{}
	in.plugin.walk(in.trusted, in.remote, in.header, &read, &hops)
	return hops
}

// Anomalies lists what was not believed of the headers of a trusted proxy, and
// of the Host header. The slice is the caller's.
func (in *Info) Anomalies() []observe.Anomaly {
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
		return Source{Kind: sourceConnection, Trusted: in.Source(FacetHost).Trusted}
	}
	return Source{}
}
