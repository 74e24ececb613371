package ctxinfo

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/internal/syntax"
	"github.com/reecho-go/reecho/observe"
)

// scriptCookie holds what the page's script found out: see [Script].
const scriptCookie = "ctx"

// Config configures a [Plugin]. The zero value trusts nothing but the
// connection.
type Config struct {
	// Proxies says whose forwarding headers are believed, for all of address,
	// scheme, host, prefix and request id at once. A proxy that is trusted
	// must set or remove the X-Forwarded headers and the request id that it
	// passes on; of a provider's preset only those are believed that the
	// provider writes itself. It can be replaced later: see
	// [Plugin.SetProxies]. Default: none.
	Proxies Proxies

	// TrustUnixSocket believes peers that connect through a unix socket.
	// Default: false.
	TrustUnixSocket bool

	// Header names the one header in which proxies hand on the client's address.
	// "X-Forwarded-For" and "Forwarded" (RFC 7239) are lists, which are read from
	// right to left. Any other, such as "CF-Connecting-IP" or "X-Real-IP", holds
	// one address and comes once. That of a preset ([Cloudflare] and others) is
	// believed from that provider only, and from a provider no other. Headers in
	// which a provider hands on what a client sent are refused.
	// Default: "X-Forwarded-For".
	Header string

	// HopCount, if positive, replaces the address check of the hops beyond
	// the peer: the client is the HopCount-th element from the right of
	// Header, which must be a list. 1 means one proxy in all. The peer is still
	// checked against Proxies. Default: 0, walk by address. At most 32;
	// negative is refused.
	HopCount int

	// AllowedHosts are the names this site is reached by: "example.com" (on
	// any port), "example.com:8443", "*.example.com" (any depth, not the
	// domain itself), "[2001:db8::1]". The first, which must not be a
	// pattern, replaces a Host that is not in the list, so that no link contains
	// a name that a client has made up. X-Forwarded-Host and the
	// host of Forwarded are used only if among them, X-Forwarded-Port only if
	// the host is among them with that port. Default: none, which takes Host
	// as sent if it is well formed, and believes no other header.
	AllowedHosts []string

	// AllowedPrefixes are the paths under which a trusted proxy may mount the
	// site and say so in X-Forwarded-Prefix, such as "/app". Default: none.
	AllowedPrefixes []string

	// Locales are the locales that the site speaks, its default first.
	// Default: none, which makes Info.Locale the visitor's first choice.
	Locales []language.Tag

	// DefaultZone is the time zone of visitors whose own is not known.
	// Default: time.UTC.
	DefaultZone *time.Location

	// EmbedParam is the query parameter that says, as true or false, whether
	// the page is shown in a frame. Default: "embed".
	EmbedParam string

	// RequestIDHeader carries the request id, inward from trusted proxies and
	// outward on responses whose handler read it. Default: "X-Request-Id".
	RequestIDHeader string

	// HintTheme asks browsers that can to send their colour scheme, reduced
	// motion and contrast as client hints, from the first request on
	// (Accept-CH, Critical-CH): one more round trip on a first visit, over
	// HTTPS only. Default: false.
	HintTheme bool

	// SharedCaching leaves out Cache-Control: private on responses whose
	// handler read the address or a cookie. Vary is set all the same.
	// Default: false.
	SharedCaching bool

	// Privacy is how much of an address appears in logs. Default: MaskedIP.
	Privacy Privacy

	// Observer is told of anomalies (observe.Anomaly). Default: nil, nobody.
	Observer observe.Observer
}

type privacyMode uint8

const (
	maskedIP privacyMode = iota
	fullIP
	hashedIP
)

// Privacy is how much of an address appears in logs and JSON. The zero value
// is [MaskedIP].
type Privacy struct {
	mode privacyMode
	weak bool // the key is too short

	// digest is a closure over the key, so that printing the struct cannot show it.
	digest func(netip.Addr) string
}

// MaskedIP shows the network: /24 of IPv4, /48 of IPv6.
func MaskedIP() Privacy { return Privacy{} }

// FullIP shows addresses whole.
func FullIP() Privacy { return Privacy{mode: fullIP} }

// HashedIP shows the first 16 hex digits of the HMAC-SHA-256 of an address
// under key, which has at least 16 bytes. An address always shows the same
// digits, and they lead back to it only with the key.
func HashedIP(key []byte) Privacy {
	own := slices.Clone(key)
	return Privacy{mode: hashedIP, weak: len(own) < 16, digest: func(a netip.Addr) string {
		m := hmac.New(sha256.New, own)
		b := a.As16()
		m.Write(b[:])
		return hex.EncodeToString(m.Sum(nil)[:8])
	}}
}

func (p Privacy) validate() error {
	if p.weak {
		return errors.New("ctxinfo: Config.Privacy: the key of HashedIP has less than 16 bytes: addresses could be found by trying")
	}
	return nil
}

// show renders a for a log.
func (p Privacy) show(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	switch p.mode {
	case fullIP:
		return a.String()
	case hashedIP:
		return p.digest(a)
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}

type headerKind uint8

const (
	xForwardedFor headerKind = iota
	forwarded
	single
)

// Plugin makes the [Info] of each request. It is safe for concurrent use; it
// has no goroutine and needs no Close. Only [Plugin.SetProxies]
// changes it.
type Plugin struct {
	cfg     Config
	kind    headerKind
	header  string // canonical
	trusted atomic.Pointer[trusted]
	hosts   hostList
	locales *localeMatcher

	parseSingle func(string) (netip.Addr, bool) // a header that holds one address
}

// New validates cfg and returns the plugin. The error joins everything that
// is wrong.
func New(cfg Config) (*Plugin, error) {
	p := &Plugin{cfg: cfg}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("ctxinfo: Config."+format, args...))
	}

	header := cmp.Or(cfg.Header, headerXForwardedFor)
	if !syntax.IsToken(header) {
		fail("Header %q is no header name", header)
	}
	p.header = textproto.CanonicalMIMEHeaderKey(header)
	p.parseSingle = parseNode
	switch p.header {
	case headerXForwardedFor:
		p.kind = xForwardedFor
	case headerForwarded:
		p.kind = forwarded
	default:
		p.kind = single
		if pr := owner(p.header); pr != nil && pr.parse != nil {
			p.parseSingle = pr.parse
		}
	}
	if err := p.SetProxies(cfg.Proxies); err != nil {
		errs = append(errs, err)
	}
	switch n := cfg.HopCount; {
	case n < 0 || n > maxHops:
		fail("HopCount %d: want 0 (walk by address) to %d", n, maxHops)
	case n > 0 && p.kind == single:
		fail("HopCount %d with Header %s, which holds one address: use a list header or leave HopCount 0", n, p.header)
	}

	var err error
	if p.hosts, err = parseHosts(cfg.AllowedHosts); err != nil {
		errs = append(errs, err)
	}
	p.cfg.AllowedPrefixes = nil
	for _, raw := range cfg.AllowedPrefixes {
		prefix := strings.TrimRight(raw, "/")
		if !validPrefix(prefix) {
			fail(`AllowedPrefixes %q: want a clean absolute path such as "/app"`, raw)
		}
		p.cfg.AllowedPrefixes = append(p.cfg.AllowedPrefixes, prefix)
	}

	p.locales = newLocaleMatcher(cfg.Locales)
	for i, tag := range cfg.Locales {
		if tag == language.Und {
			fail("Locales[%d] is the undetermined locale: name a language", i)
		}
	}

	if p.cfg.DefaultZone == nil {
		p.cfg.DefaultZone = time.UTC
	}
	if p.cfg.EmbedParam == "" {
		p.cfg.EmbedParam = "embed"
	}
	if p.cfg.RequestIDHeader == "" {
		p.cfg.RequestIDHeader = "X-Request-Id"
	}
	if !syntax.IsToken(p.cfg.RequestIDHeader) {
		fail("RequestIDHeader %q is no header name", p.cfg.RequestIDHeader)
	}
	p.cfg.RequestIDHeader = textproto.CanonicalMIMEHeaderKey(p.cfg.RequestIDHeader)
	if err := cfg.Privacy.validate(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
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
		if c := s[i]; !syntax.IsAlnum(c) && strings.IndexByte("/-._~", c) < 0 {
			return false
		}
	}
	return true
}

// SetProxies replaces Config.Proxies while the program runs, for lists of
// ranges that a provider changes: fetch the list from time to time and pass it
// here. It checks what New checks: a mistake, such as a list that came back
// empty, is an error and changes nothing. Requests whose Info is made
// afterwards see the new list, whole; an Info keeps the one that it was made
// with. It may be called at any time, by any goroutine.
func (p *Plugin) SetProxies(proxies Proxies) error {
	t, err := proxies.compile(p.header)
	if t.none() && !p.cfg.TrustUnixSocket && (p.cfg.Header != "" || p.cfg.HopCount != 0) {
		err = errors.Join(err, errors.New("ctxinfo: Config.Header and HopCount have no effect without Proxies or TrustUnixSocket: list the proxies that set the header, or leave both out"))
	}
	if err != nil {
		return err
	}
	p.trusted.Store(t)
	return nil
}

// Must returns v, or panics with err: for package variables.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Name implements middleware.Plugin.
func (p *Plugin) Name() string { return "ctxinfo" }

// name is the canonical header name of f, empty for the connection.
func (p *Plugin) name(f field) string {
	switch f {
	case fieldForward:
		return p.header
	case fieldRequestID:
		return p.cfg.RequestIDHeader
	}
	return headerNames[f]
}

// values reads a header and remembers that it did. It is the only way from a
// facet to a header, so that Vary is exact.
func (p *Plugin) values(h http.Header, f field, read *fields) []string {
	read.add(f)
	return h[p.name(f)]
}

// value reads a header that comes once; none and several are the empty string.
func (p *Plugin) value(h http.Header, f field, read *fields) string {
	if v := p.values(h, f, read); len(v) == 1 {
		return v[0]
	}
	return ""
}
