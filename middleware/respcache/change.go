package respcache

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// change lets the handler of an unsafe method answer and, if it succeeds, drops the
// responses of what it has changed (RFC 9111, section 4.4): its own URL, and what
// Location and Content-Location name on this host. It does so before the client can
// know of it, and again when the handler is done.
func (q *call) change() error {
	ctx := q.r.Context()
	rec := q.cache.install(ctx, q.host, q.own)
	rec.how = "method"
	rec.refuse(reason(strings.ToLower(q.r.Method)))
	rec.changed = func() {
		tags := q.invalidated(rec.Header())
		for _, path := range q.changed(rec.Header()) {
			tags = append(tags, urlTag+path)
		}
		// It has taken effect whatever the client does by now, and is answered: a
		// failing hook of a clear has told the observer.
		_ = q.cache.pages.ClearTag(context.WithoutCancel(ctx), tags...)
	}
	ended := false // without an error
	defer func() {
		q.host.Install(q.own, rec.under)
		if rec.sent && rec.status < 400 || !rec.sent && ended {
			rec.changed() // also what it has changed since it has answered, or was asked for meanwhile
		}
	}()
	err := q.next(q.mc)
	ended = err == nil
	return err
}

// changed returns the paths of what an unsafe request has changed by a response with
// these headers.
func (q *call) changed(h http.Header) []string {
	paths := pathsOf(q.r)
	bases := []*url.URL{q.r.URL}
	if asked, err := url.ParseRequestURI(q.r.RequestURI); err == nil {
		bases = append(bases, asked)
	}
	for _, name := range []string{"Location", "Content-Location"} {
		to := h.Get(name)
		for _, base := range bases {
			if u, err := base.Parse(to); to != "" && err == nil && (u.Host == "" || strings.EqualFold(u.Host, q.r.Host)) {
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
