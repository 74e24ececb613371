package respcache

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// change lets the handler of an unsafe method answer. If it succeeds, change drops the
// responses of the request's URL and of the URLs on this host that Location and
// Content-Location name (RFC 9111, section 4.4): before the client gets the answer, and
// again when the handler is done.
func (q *call) serveUnsafe() error {
	ctx := q.req.Context()
	rec := q.cache.install(ctx, q.host, q.own)
	rec.forwardReason = "method"
	rec.refuse(reason(strings.ToLower(q.req.Method)))
	rec.invalidate = func() {
		tags := q.invalidated(rec.Header())
		for _, path := range q.changedPaths(rec.Header()) {
			tags = append(tags, urlTag+path)
		}
		// The change has taken effect, even if the client has left. A clear hook
		// that fails has been reported to the observer.
		_ = q.cache.pages.ClearTag(context.WithoutCancel(ctx), tags...)
	}
	ended := false // the handler has returned without an error
	defer func() {
		q.host.Install(q.own, rec.under)
		if rec.sent && rec.status < 400 || !rec.sent && ended {
			rec.invalidate() // the handler may have changed more since its answer, and other requests may have stored responses
		}
	}()
	err := q.next(q.mc)
	ended = err == nil
	return err
}

// changed returns the paths that an unsafe request has changed, by the headers of its
// response.
func (q *call) changedPaths(h http.Header) []string {
	paths := pathsOf(q.req)
	bases := urlsOf(q.req)
	for _, name := range []string{"Location", "Content-Location"} {
		to := h.Get(name)
		for _, base := range bases {
			if u, err := base.Parse(to); to != "" && err == nil && (u.Host == "" || strings.EqualFold(u.Host, q.req.Host)) {
				paths = append(paths, rooted(u.Path))
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// safe reports whether requests of that method change nothing (RFC 9110, section
// 9.2.1).
func safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
