// Package respcachetest tests handlers behind a cache of responses.
package respcachetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// headers are what requests are given that a response should not depend on unseen.
var headers = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Content-Type", "Cookie", "Dnt",
	"Forwarded", "From", "Hx-Current-Url", "Hx-Request", "Origin", "Pragma", "Priority", "Referer", "Rsc",
	"Save-Data", "Sec-Ch-Prefers-Color-Scheme", "Sec-Ch-Ua", "Sec-Fetch-Dest", "Sec-Fetch-Site", "True-Client-Ip", "User-Agent", "Via",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Scheme",
	"X-Http-Method-Override", "X-Nextjs-Data", "X-Original-Url", "X-Real-Ip", "X-Requested-With", "X-Rewrite-Url", "X-Tenant", "X-User",
}

// change is one way in which a request differs from the plain one.
type change struct {
	name string
	make func(r *http.Request)
}

// Unkeyed fails if the response to a GET of target, a URL, depends on something
// that is not in its key. It sends the request with each of many headers, of the
// given cookies and parameters of the query, a body and another address, one
// after the other, to a new app each time, and then finds the other requests that
// are answered with the stored response: the handler itself must answer each of
// them with the same.
//
// app makes the app anew, with an empty cache. The handler must answer equal requests
// with equal bytes. names are more headers to try, such as those that a proxy in
// front adds.
func Unkeyed(t testing.TB, app func() http.Handler, target string, names ...string) {
	t.Helper()
	variants := changes(target, names)
	plain := change{"the plain request", func(*http.Request) {}}
	alone := make(map[string]*httptest.ResponseRecorder, len(variants))
	for _, v := range append(slices.Clone(variants), plain) {
		alone[v.name] = serve(app(), target, v)
	}
	again := serve(app(), target, plain)
	if want := alone[plain.name]; !equal(again, want) {
		t.Errorf("respcachetest: %s: the same request is answered with %.200q and %.200q: have the handler answer equal requests alike", target, want.Body, again.Body)
		return
	}
	for _, v := range variants {
		for _, pair := range [][2]change{{plain, v}, {v, plain}} {
			h := app()
			serve(h, target, pair[0])
			got := serve(h, target, pair[1])
			if want := alone[pair[1].name]; hit(got) && !equal(got, want) {
				t.Errorf("respcachetest: %s: after %s, %s is answered with %d %.200q from the cache, and by the handler with %d %.200q: put what it reads into the key, or do not read it",
					target, pair[0].name, pair[1].name, got.Code, got.Body, want.Code, want.Body)
			}
		}
	}
}

// changes returns what is tried.
func changes(target string, names []string) []change {
	var all []change
	for _, name := range slices.Concat(headers, names) {
		name = http.CanonicalHeaderKey(name)
		all = append(all, change{"a request with " + name, func(r *http.Request) { r.Header.Set(name, mark(name)) }})
	}
	if u, err := url.Parse(target); err == nil {
		for _, name := range slices.Sorted(maps.Keys(u.Query())) {
			all = append(all, change{"a request with another " + name, func(r *http.Request) {
				q := r.URL.Query()
				q.Set(name, "unkeyed")
				r.URL.RawQuery = q.Encode()
				r.RequestURI = r.URL.RequestURI()
			}})
		}
	}
	return append(all,
		change{"a request with one more parameter", func(r *http.Request) {
			r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&unkeyed=1", "&")
			r.RequestURI = r.URL.RequestURI()
		}},
		change{"a request with a body", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("unkeyed=1")), 9
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}},
		change{"a request from another address", func(r *http.Request) { r.RemoteAddr = "198.51.100.7:7" }},
		change{"a request for another host", func(r *http.Request) { r.Host = "unkeyed.example" }},
	)
}

// mark is a value of a header that would show.
func mark(name string) string {
	switch name {
	case "Cookie":
		return "unkeyed=1"
	case "Origin", "Referer", "Hx-Current-Url":
		return "https://unkeyed.example/"
	case "Forwarded":
		return "for=198.51.100.7;host=unkeyed.example;proto=https"
	}
	return fmt.Sprintf("unkeyed.%s", strings.ToLower(name))
}

func serve(h http.Handler, target string, c change) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	c.make(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func hit(w *httptest.ResponseRecorder) bool {
	return strings.Contains(strings.Join(w.Header()["Cache-Status"], ","), "; hit")
}

// equal compares what a handler has made of two responses.
func equal(a, b *httptest.ResponseRecorder) bool {
	return a.Code == b.Code && bytes.Equal(a.Body.Bytes(), b.Body.Bytes())
}
