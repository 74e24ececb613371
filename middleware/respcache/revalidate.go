package respcache

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// conditions are the request headers that ask for a response only under a
// condition, or for a part of it.
var conditions = []string{"If-None-Match", "If-Modified-Since", "If-Range", "Range"}

// forwarded returns the request for a handler behind a shared cache: the request as it is.
// If there is a page to validate, the conditions of the client are replaced by those of
// the page (RFC 9111, section 4.3.1).
func (q *call) forwarded(ctx context.Context) *http.Request {
	v := q.req.WithContext(ctx)
	v.Header = q.req.Header.Clone()
	if q.stale == nil {
		return v
	}
	for _, name := range conditions {
		delete(v.Header, name)
	}
	if q.stale.etag != "" {
		v.Header["If-None-Match"] = []string{q.stale.etag}
	}
	if !q.stale.modified.IsZero() {
		v.Header["If-Modified-Since"] = []string{q.stale.modified.UTC().Format(http.TimeFormat)}
	}
	return v
}

// notUpdated are the headers of a page that a 304 does not change, because they describe
// the stored body (RFC 9111, section 3.2) or were used to validate it.
var notUpdated = []string{"Content-Encoding", "Content-Length", "Content-Md5", "Content-Range", "Etag"}

// freshened returns the old page, updated by the 304 in r (RFC 9111, section 4.3.4), and why
// the result must not be stored, or "".
func (r *recorder) freshened(old *page) (*page, reason) {
	p := &page{status: old.status, body: old.body, fields: slices.Clone(old.fields)}
	for _, f := range r.fields {
		if f.values == nil || slices.Contains(notUpdated, f.name) {
			continue
		}
		at := slices.IndexFunc(p.fields, func(o field) bool { return o.name == f.name })
		if at < 0 {
			p.fields = append(p.fields, f)
			continue
		}
		p.fields[at] = f
	}
	age := r.notModified["Age"]
	r.header = maps.Clone(r.outerHeader)
	p.apply(r.header, 0)
	d, targeted := responseDirectives(r.header)
	if !d.has("public") {
		p.fields = slices.DeleteFunc(p.fields, func(f field) bool { return f.name == "Set-Cookie" })
		delete(r.header, "Set-Cookie")
	}
	r.header["Age"] = age
	ttl, why := r.admit(old.status, r.header, d, targeted)
	delete(r.header, "Age")
	p.ttl = ttl
	r.markShared(p)
	p.seal(r.header)
	return p, why
}

// unchanged reports whether the client has p already, by the condition in r (RFC 9111,
// section 4.3.2).
func (p *page) unchanged(r *http.Request) bool {
	if p.status != http.StatusOK {
		return false
	}
	if tags := r.Header["If-None-Match"]; len(tags) > 0 {
		return matches(strings.Join(tags, ","), p.etag)
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	modified := p.modified
	if modified.IsZero() {
		modified = p.date
	}
	return !modified.Truncate(time.Second).After(since)
}

// matches reports whether a list of entity tags has one, by weak comparison (RFC
// 9110, section 8.8.3.2).
func matches(list, etag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	if etag == "" {
		return false
	}
	etag = strings.TrimPrefix(etag, "W/")
	for list = strings.TrimLeft(list, " \t,"); list != ""; list = strings.TrimLeft(list, " \t,") {
		tag := strings.TrimPrefix(list, "W/")
		end := strings.IndexByte(tag, ',')
		if strings.HasPrefix(tag, `"`) {
			if end = strings.IndexByte(tag[1:], '"') + 2; end == 1 { // no closing quote
				return false
			}
		}
		if end < 0 {
			end = len(tag)
		}
		if strings.TrimRight(tag[:end], " \t") == etag {
			return true
		}
		list = tag[end:]
	}
	return false
}
