package ctxinfo

import (
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/internal/syntax"
)

// Info has facts about the client of a request, and the source of each. A fact is computed
// at the first call that asks for it, and then kept. An Info is immutable and
// safe for concurrent use. It holds copies only, so it may outlive the request:
// in a goroutine, a WebSocket, a stream of events.
//
// Facts that are read while a response is made are added to its Vary and
// Cache-Control headers. This holds for reads in the handler, in middlewares
// between it and the plugin, in the error handler of echo, and in an outer
// middleware that answers errors itself. It does not hold for reads by an outer
// middleware that logs after the handler, nor for reads of [Info.ForLog].
type Info struct {
	*visitor
	uncounted bool // reads do not count for the response
}

// visitor is the state that an Info and its ForLog share.
type visitor struct {
	seen, log Info

	plugin  *Plugin
	trusted *trusted    // the proxies when the Info was made
	header  http.Header // a copy, with Host
	remote  string
	host    string
	url     url.URL
	tls     bool

	shaping reads                    // reads by the code that makes the response
	outside reads                    // reads by other code, after the handler has failed
	failed  atomic.Pointer[answerer] // set when the handler has failed: the function that answers then
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

// facts are the source of a facet and the fields that were read for it.
type facts struct {
	read      fields
	source    Source
	anomalies anomalies
}

// zone is the time zone facet; a nil loc means that the visitor's is unknown.
type zone struct {
	loc  *time.Location
	name string
}

// frame is the embedding facet.
type frame struct{ yes, known bool }

// site is the address of the request as the client sees it.
type site struct {
	scheme                                 string
	host                                   hostport
	prefix                                 string
	schemeSource, hostSource, prefixSource Source
	schemeRead, hostRead, prefixRead       fields
}

// preferences are the cookies that carry preferences, found in one scan: the
// name of the script's is the beginning of all.
type preferences struct{ theme, motion, contrast, locale, zone, script string }

// locales is the locale facet.
type locales struct {
	tag            language.Tag
	override       language.Tag    // by a cookie; Und if none
	acceptLanguage *acceptLanguage // nil without Accept-Language
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

// see returns the facet for a caller, and notes that the response depends on it.
func (c *cell[T]) see(in *Info, build func(*Info, *facts) T) *T {
	v := c.load(in, build)
	in.note(c.facts.read)
	return v
}

// source is see for the source of the facet.
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

// note notes the fields of a fact that a caller reads.
func (in *Info) note(read fields) {
	if in.uncounted || in.shaping.fields.Load()&uint64(read) == uint64(read) {
		return
	}
	in.counter().add(read)
}

// noteHeader notes a header that a caller reads by name, or all headers for "*".
func (in *Info) noteHeader(name string) {
	if in.uncounted || !syntax.IsToken(name) { // nobody can send it, and it must not get into Vary
		return
	}
	to := in.counter()
	switch name {
	case "*", headerNames[fieldCookie]:
		to.add(1 << fieldCookie)
	case in.plugin.header:
		to.add(1 << fieldPeer)
	}
	to.addName(name)
}

// counter returns the reads to which a read at this moment is added.
func (in *Info) counter() *reads {
	if by := in.failed.Load(); by != nil && !by.running() {
		return &in.outside
	}
	return &in.shaping
}

// read returns the fields on which the response that is sent now depends. After a
// failed handler, if the error handler writes, then reads of middlewares do not
// count, because they were for a log. If a middleware writes, its reads count.
func (in *Info) read() (read fields, names []string) {
	in.shaping.merge(&read, &names)
	if by := in.failed.Load(); by != nil && !by.running() {
		in.outside.merge(&read, &names)
	}
	return read, names
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

// ForLog returns the same facts for logs, metrics and traces. Reading them never
// changes the response's headers. ForLog costs nothing. To log an Info as a
// whole, log the Info itself: see [Info.LogValue].
func (in *Info) ForLog() *Info { return &in.log }

func buildTrust(in *Info, f *facts) trust {
	f.read.add(fieldPeer)
	t := in.plugin.walk(in.trusted, in.remote, in.header, &f.read, nil)
	if t.peerTrusted {
		t.vouched = in.trusted.vouched(t.peer.Addr().WithZone(""))
	}
	if t.peerTrusted && len(in.header[in.plugin.header]) > 0 && in.plugin.conflicting(in.header) {
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

// IP is the client's address, unmapped and without zone; the zero Addr if there
// is none, as with a unix socket. Without Config.Proxies it is the connection's
// peer, and headers are ignored.
func (in *Info) IP() netip.Addr { return in.trust.see(in, buildTrust).ip }

// Peer is the other end of the connection: the client or the nearest proxy;
// the zero AddrPort for a unix socket.
func (in *Info) Peer() netip.AddrPort { return in.trust.see(in, buildTrust).peer }

// LocatedBy names the provider that the request came in through, such as
// "Cloudflare", if its location headers are trusted: see [ProxySet.WithLocation].
// Otherwise it is empty.
func (in *Info) LocatedBy() string {
	if p := in.trusted.located(in.trust.see(in, buildTrust)); p != nil {
		return p.name
	}
	return ""
}

// Hops lists the verified addresses that the request came through: first the
// peer, then further proxies, last the client. All but the last are proxies of
// Config.Proxies. The slice is the caller's.
func (in *Info) Hops() []netip.Addr {
	in.trust.see(in, buildTrust)
	var read fields
	hops := []netip.Addr{}
	in.plugin.walk(in.trusted, in.remote, in.header, &read, &hops)
	return hops
}
