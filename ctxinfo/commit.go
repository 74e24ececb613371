package ctxinfo

import (
	"context"
	"net/http"
	"strings"

	"github.com/reecho-go/reecho/internal/scope"
	"github.com/reecho-go/reecho/observe"
)

// CommitOnDemand implements middleware.OnDemand: a response whose handler did
// not ask for an Info is left alone.
func (p *Plugin) CommitOnDemand() {}

// BeforeHeaders implements middleware.Committer. By what the handler read it
// sets Vary, Cache-Control: private and the request id's header, and reports
// anomalies to Config.Observer.
func (p *Plugin) BeforeHeaders(ctx context.Context, _ int, h http.Header) error {
	in, ok := scope.Peek[Info](ctx, scope.Info)
	if !ok || in.plugin != p {
		return nil
	}
	read, names := in.read()
	if read.has(fieldGeo) {
		places := in.geo.load(in, buildGeo).provider.geo.names()
		names = append(names, places[:]...)
	}
	if v := p.vary(read, names); v != "" {
		h.Set("Vary", v)
	}
	if read&personal != 0 && !p.cfg.SharedCaching {
		h.Set("Cache-Control", "private")
	}
	if read.has(fieldRequestID) {
		h.Set(p.cfg.RequestIDHeader, *in.requestID.load(in, buildRequestID))
	}
	if p.cfg.Observer != nil {
		for _, a := range p.list(anomalies(in.found.Load())) {
			observe.Emit(ctx, p.cfg.Observer, observe.Anomaly{Header: a.Header, Reason: a.Reason})
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
	if p.cfg.HintTheme {
		h.Add("Accept-Ch", themeHints)
		h.Add("Critical-Ch", themeHints)
	}
}
