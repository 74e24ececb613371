package ctxinfo

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// shape returns what the response that leaves now depends on, and the headers
// that have to be in its Vary.
func (in *Info) shape() (read fields, vary []string) {
	read, names := in.read()
	if read.has(fieldZone) {
		names = append(names, in.trusted.located(in.trust.load(in, buildTrust)).zone)
	}
	return read, in.plugin.vary(read, names)
}

// Shape implements visit.Shaper, for caches of responses.
func (in *Info) Shape() (headers []string, personal bool) {
	read, headers := in.shape()
	return headers, read&personalFields != 0
}

// Carries implements visit.Carrier, for caches of responses.
func (p *Plugin) Carries(cookie string) bool {
	return cookie == scriptCookie || strings.HasPrefix(cookie, scriptCookie+"_")
}

// Carries implements visit.Carrier, for caches of responses.
func (in *Info) Carries(cookie string) bool { return in.plugin.Carries(cookie) }

// vary lists the headers among read and extra for a Vary header, sorted. Host
// is no part of it: it belongs to every cache key (RFC 9111, section 4).
func (p *Plugin) vary(read fields, others []string) []string {
	names := slices.Clone(others)
	for f := range fieldCount {
		if read.has(f) && f != fieldHost {
			names = append(names, p.name(f))
		}
	}
	if slices.Contains(names, "*") {
		return []string{"*"}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// CommitOnDemand implements middleware.OnDemand: the plugin does not touch a
// response whose handler did not ask for an Info.
func (p *Plugin) CommitOnDemand() {}

// BeforeHeaders implements middleware.Committer. It sets Vary, Cache-Control:
// private and the header of the request id according to the facts that the
// handler read, and reports anomalies to Config.Observer.
func (p *Plugin) BeforeHeaders(ctx context.Context, _ int, h http.Header) error {
	in, ok := scope.Peek[Info](ctx, scope.Info)
	if !ok || in.plugin != p {
		return nil
	}
	read, names := in.shape()
	if v := strings.Join(names, ", "); v != "" {
		h.Set("Vary", v)
	}
	if read&personalFields != 0 && !p.cfg.SharedCaching {
		h.Set("Cache-Control", "private")
	}
	if read.has(fieldRequestID) {
		h.Set(p.cfg.RequestIDHeader, *in.requestID.load(in, buildRequestID))
	}
	if p.cfg.Observer != nil {
		for _, a := range p.list(anomalies(in.found.Load())) {
			observe.Emit(ctx, p.cfg.Observer, a)
		}
	}
	return nil
}

// themeHints are the client hints that Config.HintTheme asks for.
var themeHints = strings.Join([]string{
	headerNames[fieldColorScheme], headerNames[fieldReducedMotion], headerNames[fieldContrast],
}, ", ")

// ask sets the headers that make browsers send client hints.
func (p *Plugin) ask(h http.Header) {
	h.Add("Accept-Ch", themeHints)
	h.Add("Critical-Ch", themeHints)
}
