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
	asIs                 // replayed, and not counted: the signpost has counted, or the request accepts a stale page
	renewed              // replayed: it is stale, and is made again in the background
	validated            // not replayed before it was validated
)

// use returns how this request uses p, whose time may be over.
func (q *call) use(p *page, over bool) use {
	switch {
	case p.shared && over && !p.over(): // it was expired
		return validated
	case p.shared:
		return q.allowed(p)
	case over:
		return renewed
	}
	return reused
}

// allowed is use for a page of a shared cache (RFC 9111, section 4).
func (q *call) allowed(p *page) use {
	age := time.Since(p.made)
	left := p.ttl - age
	ask := &q.asked
	switch {
	case p.always, ask.noCache,
		ask.maxAge >= 0 && age > ask.maxAge && (ask.maxStale < 0 || p.strict),
		ask.minFresh >= 0 && left < ask.minFresh:
		return validated
	case left > 0 && p == q.first():
		return asIs // the read of the signpost was counted
	case left > 0:
		return reused
	case ask.maxStale >= 0 && -left <= ask.maxStale && !p.strict:
		return asIs
	case -left < p.renew && ask.maxAge < 0 && ask.minFresh < 0:
		if p == q.first() { // it has no entry of its own that could be refreshed
			return validated
		}
		return renewed
	}
	return validated
}

// spare returns the page that is replayed if the origin fails (RFC 5861, section 4),
// or nil.
func (q *call) spare() *page {
	if p := q.old; p != nil && p.onError > 0 && time.Since(p.made) < p.ttl+p.onError && p.holds() {
		return p
	}
	return nil
}

// cannot returns why a shared cache leaves a request to its handler, or "".
func (q *call) cannot() reason {
	h := q.r.Header
	switch {
	case len(h["Upgrade"]) > 0:
		return "upgrade"
	case len(h["If-Match"]) > 0 || len(h["If-Unmodified-Since"]) > 0:
		return "it is for the origin"
	case q.r.ContentLength != 0:
		return "body"
	case q.asked.noStore:
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

// find returns the page of q's key, whether its time is over, and until when it is fresh.
// It may be the page that a signpost of a shared cache carries.
func (q *call) find(ctx context.Context) (p *page, over bool, until time.Time, ok bool) {
	if p, meta, ok := q.cache.pages.PeekMeta(ctx, q.key); ok {
		over := p.more == nil && meta.Source == cachedata.Stale
		if p.shared {
			return p, over || p.over(), p.made.Add(p.ttl), true
		}
		return p, over, meta.Expires, true
	}
	if p := q.first(); p != nil && p.holds() {
		return p, p.over(), p.made.Add(p.ttl), true
	}
	return nil, false, time.Time{}, false
}

// first returns the page that the signpost of q carries, if that page has q's key.
func (q *call) first() *page {
	if q.post != nil && q.post.first != nil && q.post.firstKey == q.key {
		return q.post.first
	}
	return nil
}

// unmade answers a request that must not wait for a load, and reports whether it did.
func (q *call) unmade() (done bool, err error) {
	switch {
	case q.asked.onlyIfCached:
		w := q.host.Writer(q.own)
		q.cache.counts.refused.add("only-if-cached")
		w.Header().Add("Cache-Status", `reecho; detail="only-if-cached"`)
		w.WriteHeader(http.StatusGatewayTimeout)
		return true, nil
	case len(q.r.Header["Range"]) > 0 && q.old == nil:
		return true, q.pass(missed("range"))
	}
	return false, nil
}

// how returns why the handler is called, for Cache-Status (RFC 9211, section 2.2).
func (q *call) how() string {
	switch {
	case q.old != nil && (q.old.always || q.old.over()):
		return "stale"
	case q.old != nil:
		return "request"
	case q.post != nil:
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
	return q.cache.visible(ctx, q.r)
}

// derived returns q's key extended by the facts in more.
func (q *call) derived(more []string) string {
	if q.cache.cfg.RFC {
		return derive(q.key, more, q.r, "", normal)
	}
	return derive(q.key, more, q.r, q.sum, nil)
}

// tags returns the tags of a response to q.
func (q *call) tags(p *page) []string {
	tags := q.cache.urlTags(q.r)
	if p.shared {
		return append(tags, groupTags(q.r, p.groups)...)
	}
	return tags
}

// invalidated returns the tags of the groups that a response to an unsafe method drops
// (RFC 9875, section 3).
func (q *call) invalidated(h http.Header) []string {
	if !q.cache.cfg.RFC {
		return nil
	}
	return groupTags(q.r, h["Cache-Group-Invalidation"])
}

// unshared returns m, or an error if m is a mark that says nothing about other requests. In
// a shared cache that is so if the response cannot be stored because of the request: it
// identifies its visitor, or it is conditional. Then the mark must not be kept, nor
// replace a page.
func (q *call) unshared(m made) made {
	conditional := func(name string) bool { return len(q.r.Header[name]) > 0 }
	if m.page.why != "" && q.cache.cfg.RFC && (personal(q.r) || q.old == nil && slices.ContainsFunc(conditions, conditional)) {
		return made{err: &refusal{m.page.why}}
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
