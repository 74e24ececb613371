package respcache

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/internal/visit"
)

// This file has the rules of a shared cache (Config.RFC) that differ from those of a cache
// inside of an app.

// use is how a page that was found is used.
type use uint8

const (
	reused    use = iota // replayed: it is fresh
	asIs                 // replayed without counting a hit of the page: the vary marker was counted, or the request accepts a stale page
	renewed              // replayed: it is stale, and is made again in the background
	validated            // not replayed before it was validated
)

// use returns how this request uses p, which is stale if over is set.
func (q *call) use(p *page, over bool) use {
	switch {
	case p.shared && over && !p.expired(): // it was expired
		return validated
	case p.shared:
		return q.useShared(p)
	case over:
		return renewed
	}
	return reused
}

// useShared is use for a page of a shared cache (RFC 9111, section 4).
func (q *call) useShared(p *page) use {
	age := time.Since(p.made)
	left := p.ttl - age
	control := &q.control
	switch {
	case p.validate, control.noCache,
		control.maxAge >= 0 && age > control.maxAge && (control.maxStale < 0 || p.mustRevalidate),
		control.minFresh >= 0 && left < control.minFresh:
		return validated
	case left > 0 && p == q.markerPage():
		return asIs // the read of the vary marker was counted
	case left > 0:
		return reused
	case control.maxStale >= 0 && -left <= control.maxStale && !p.mustRevalidate:
		return asIs
	case -left < p.whileRevalidate && control.maxAge < 0 && control.minFresh < 0:
		if p == q.markerPage() { // it has no entry of its own that could be refreshed
			return validated
		}
		return renewed
	}
	return validated
}

// stalePage returns the page that is replayed if the origin fails (RFC 5861, section 4), or
// nil.
func (q *call) stalePage() *page {
	if p := q.stale; p != nil && p.onError > 0 && time.Since(p.made) < p.ttl+p.onError && p.holds() {
		return p
	}
	return nil
}

// notCacheable returns why a shared cache leaves a request to its handler, or "".
func (q *call) notCacheable() reason {
	h := q.req.Header
	switch {
	case len(h["Upgrade"]) > 0:
		return "upgrade"
	case len(h["If-Match"]) > 0 || len(h["If-Unmodified-Since"]) > 0:
		return "it is for the origin"
	case q.req.ContentLength != 0:
		return "body"
	case q.control.noStore:
		return "no-store"
	}
	return ""
}

// personal reports whether a request identifies its visitor. Its response is shared only if
// the response allows that (RFC 9111, section 3.5).
func personal(r *http.Request) bool {
	return len(r.Header["Authorization"]) > 0 || r.TLS != nil && len(r.TLS.PeerCertificates) > 0 ||
		opened(r.Context()) || visit.Identified(r.Context())
}

// find returns the page of q's key, whether it is stale, and until when it is fresh. The page
// may be one that a vary marker of a shared cache carries.
func (q *call) find(ctx context.Context) (p *page, over bool, until time.Time, ok bool) {
	if p, meta, ok := q.cache.pages.PeekMeta(ctx, q.key); ok {
		over := p.varyOn == nil && meta.Source == cachedata.Stale
		if p.shared {
			return p, over || p.expired(), p.made.Add(p.ttl), true
		}
		return p, over, meta.Expires, true
	}
	if p := q.markerPage(); p != nil && p.holds() {
		return p, p.expired(), p.made.Add(p.ttl), true
	}
	return nil, false, time.Time{}, false
}

// markerPage returns the page that the vary marker of q carries, if that page has q's key.
func (q *call) markerPage() *page {
	if q.marker != nil && q.marker.firstPage != nil && q.marker.firstKey == q.key {
		return q.marker.firstPage
	}
	return nil
}

// answerWithoutLoad answers q if q must not wait for a load, and reports whether it did.
func (q *call) answerWithoutLoad() (done bool, err error) {
	switch {
	case q.control.onlyIfCached:
		w := q.host.Writer(q.own)
		q.cache.counts.refused.add("only-if-cached")
		w.Header().Add("Cache-Status", `reecho; detail="only-if-cached"`)
		w.WriteHeader(http.StatusGatewayTimeout)
		return true, nil
	case len(q.req.Header["Range"]) > 0 && q.stale == nil:
		return true, q.pass(missed("range"))
	}
	return false, nil
}

// forwardReason returns why the handler is called, for Cache-Status (RFC 9211, section 2.2).
func (q *call) forwardReason() string {
	switch {
	case q.stale != nil && (q.stale.validate || q.stale.expired()):
		return "stale"
	case q.stale != nil:
		return "request"
	case q.marker != nil:
		return "vary-miss"
	}
	return "uri-miss"
}

// endToEnd reports whether a shared cache stores a header of a response (RFC 9111, section
// 3.1), unless the response forbids it.
func endToEnd(name string) bool {
	switch name {
	case "Age", "Cache-Status", "Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info",
		"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	}
	return true
}

// sharedFields returns the headers of a response that a shared cache stores. d are the
// directives of the response.
func sharedFields(before, h http.Header, d directives, now time.Time) []field {
	out := append(d.fields("no-cache"), d.fields("private")...)
	fields := changes(before, h, func(name string) bool { return !endToEnd(name) || slices.Contains(out, name) })
	if len(h["Date"]) == 0 {
		fields = append(fields, field{name: "Date", values: []string{now.UTC().Format(http.TimeFormat)}})
	}
	return fields
}

// visible returns the request that the handler gets.
func (q *call) visible(ctx context.Context) *http.Request {
	if q.cache.cfg.RFC {
		return q.forwarded(ctx)
	}
	return q.cache.visible(ctx, q.req)
}

// derivedKey returns q's key extended by the facts in varyOn.
func (q *call) derivedKey(varyOn []string) string {
	if q.cache.cfg.RFC {
		return derive(q.key, varyOn, q.req, "", normal)
	}
	return derive(q.key, varyOn, q.req, q.sessionDigest, nil)
}

// tags returns the tags of a response to q.
func (q *call) tags(p *page) []string {
	tags := q.cache.urlTags(q.req)
	if p.shared {
		return append(tags, groupTags(q.req, p.groups)...)
	}
	return tags
}

// invalidated returns the tags of the groups that a response to an unsafe method drops
// (RFC 9875, section 3).
func (q *call) invalidated(h http.Header) []string {
	if !q.cache.cfg.RFC {
		return nil
	}
	return groupTags(q.req, h["Cache-Group-Invalidation"])
}

// dropUnshared returns m, or an error if m is a mark that does not apply to other requests. In
// a shared cache that is so if the reason lies in the request: it identifies its visitor, or
// it is conditional. Such a mark must not be kept, nor replace a page.
func (q *call) dropUnshared(m fillResult) fillResult {
	conditional := func(name string) bool { return len(q.req.Header[name]) > 0 }
	if m.page.why != "" && q.cache.cfg.RFC && (personal(q.req) || q.stale == nil && slices.ContainsFunc(conditions, conditional)) {
		return fillResult{err: &refusal{m.page.why}}
	}
	return m
}

// validateRFC returns an error for each setting that has no meaning in a shared cache.
func (cfg Config) validateRFC() []error {
	var errs []error
	for name, set := range map[string]bool{
		"TTL": cfg.TTL != 0, "Jitter": cfg.Jitter != 0, "Store": cfg.Store != nil, "Status": cfg.Status != nil, "Stale": cfg.Stale != (StaleConfig{}),
		"Keys": cfg.Keys.Query != nil || cfg.Keys.Headers != nil || cfg.Keys.IgnoreCookies != nil || cfg.Keys.Session,
	} {
		if set {
			errs = append(errs, fmt.Errorf("%s is set, and RFC: with RFC responses say themselves what is stored, so leave it out, or leave RFC out", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}
