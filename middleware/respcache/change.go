package respcache

import (
	"context"
	"net/http"
	"strings"
)

// change lets the handler of an unsafe method answer and, if it succeeds, drops the
// responses of what it has changed (RFC 9111, section 4.4): its own URL, and what
// Location and Content-Location name on this host.
func (q *call) change() error {
	ctx := q.r.Context()
	rec := q.cache.install(ctx, q.host, q.own)
	rec.how = "method"
	rec.refuse(reason(strings.ToLower(q.r.Method)))
	defer q.host.Install(q.own, rec.under)
	if err := q.next(q.mc); err != nil || rec.sent && (rec.status < 200 || rec.status >= 400) {
		return err
	}
	paths := []string{q.r.URL.EscapedPath()}
	for _, name := range []string{"Location", "Content-Location"} {
		if to := rec.Header().Get(name); to != "" {
			if u, err := q.r.URL.Parse(to); err == nil && (u.Host == "" || strings.EqualFold(u.Host, q.r.Host)) {
				paths = append(paths, u.EscapedPath())
			}
		}
	}
	tags := q.invalidated(rec.Header())
	for _, path := range paths {
		tags = append(tags, urlTag+path)
	}
	// It has taken effect whatever the client does by now, and is answered: a
	// failing hook of a clear has told the observer.
	_ = q.cache.pages.ClearTag(context.WithoutCancel(ctx), tags...)
	return nil
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
