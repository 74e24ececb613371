package respcache

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/middleware"
)

// fuzzed is a cache in a group of its own.
func fuzzed(t testing.TB, cfg Config) *Cache {
	t.Helper()
	g, err := cachedata.NewGroup("fuzz", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Group = g
	c, err := New("pages", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzKey compares keys with what handlers see: equal keys must mean that handlers
// see the same, and what they see must come to the same key again.
func FuzzKey(f *testing.F) {
	f.Add("a.example", "/a", "x=1&y=2", "1", "2", "b.example", "/a", "y=2&x=1", "12", "")
	f.Add("a", "/a%2Fb", "a", "", "x", "A", "/a/b", "a=", "x", "")
	f.Add("h", "/a;b", "%70age=1&page", "\x00", "\xff", "h", "//a", "page=1&&=", "", "")
	c := fuzzed(f, Config{Keys: KeyConfig{Query: []string{"x", "page"}, Headers: []string{"X-A", "X-B"}}})
	all := fuzzed(f, Config{})
	ask := func(host, path, query, a, b string) *http.Request {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" {
			return nil
		}
		u.RawQuery = query
		r := &http.Request{Method: http.MethodGet, Host: host, URL: u, RequestURI: u.RequestURI(), RemoteAddr: a, Header: http.Header{"Hidden": {host}}, Body: http.NoBody}
		if a != "" {
			r.Header["X-A"] = strings.Split(a, "\n")
		}
		if b != "" {
			r.Header["X-B"] = strings.Split(b, "\n")
		}
		return r
	}
	f.Fuzz(func(t *testing.T, host1, path1, query1, a1, b1, host2, path2, query2, a2, b2 string) {
		r1, r2 := ask(host1, path1, query1, a1, b1), ask(host2, path2, query2, a2, b2)
		if r1 == nil || r2 == nil {
			return
		}
		for _, c := range []*Cache{c, all} {
			v1, v2 := c.visible(context.Background(), r1), c.visible(context.Background(), r2)
			k1, k2 := c.appendKey(nil, r1), c.appendKey(nil, r2)
			if same := seesSame(v1, v2); same != bytes.Equal(k1, k2) {
				t.Errorf("handlers see the same: %v; keys %q and %q", same, k1, k2)
			}
			if again := c.appendKey(nil, v1); !bytes.Equal(again, k1) {
				t.Errorf("what a handler sees of %q has the key %q", k1, again)
			}
			if bytes.Equal(k1, k2) {
				continue
			}
			more := []string{"Hidden", wholeSession, wholeQuery}
			if d1, d2 := derive(string(k1), more, r1, a1, nil), derive(string(k2), more, r2, a2, nil); d1 == d2 || d1 == string(k2) {
				t.Errorf("different requests have one derived key: %q", d1)
			}
		}
	})
}

// seesSame compares all that a handler can see.
func seesSame(a, b *http.Request) bool {
	return a.Host == b.Host && reflect.DeepEqual(a.URL, b.URL) && a.RequestURI == b.RequestURI && reflect.DeepEqual(a.Header, b.Header) && a.RemoteAddr == b.RemoteAddr
}

// finalOnly hides informational statuses from a recorder that takes them for the
// final one.
type finalOnly struct{ *httptest.ResponseRecorder }

// WriteHeader implements http.ResponseWriter.
func (w finalOnly) WriteHeader(status int) {
	if status >= 200 {
		w.ResponseRecorder.WriteHeader(status)
	}
}

// FuzzRecorder has a handler do what a script says, and compares what is replayed
// with what was sent, and with the rules.
func FuzzRecorder(f *testing.F) {
	f.Add([]byte("w\x05wwh\x01w"), 200)
	f.Add([]byte("sw"), 404)
	f.Add([]byte("rrfw"), 200)
	f.Add([]byte("lw"), 200)
	f.Add([]byte("ew"), 301)
	f.Fuzz(func(t *testing.T, script []byte, status int) {
		if status < 200 || status > 599 {
			return
		}
		c := fuzzed(t, Config{MaxBody: 64})
		runs := 0
		unfit, length, wrote := false, -1, 0 // what the script has done
		h := middleware.Must(middleware.New(c)).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			runs++
			unfit, length, wrote = false, -1, 0
			sent := false
			send := func() {
				if !sent {
					sent = true
					unfit = unfit || status != 200 && status != 301 && status != 308
					w.WriteHeader(status)
				}
			}
			if len(script) > 0 && script[0] == 'l' && status == 200 {
				w.Header().Set("Content-Length", "3")
				length = 3
			}
			for i, b := range script {
				switch b {
				case 's':
					send()
				case 'e':
					w.WriteHeader(http.StatusEarlyHints)
				case 'f':
					send()
					unfit = true
					_ = http.NewResponseController(w).Flush()
				case 'c':
					if !sent {
						unfit = true
						w.Header().Add("Set-Cookie", "a=b")
					}
				case 'h':
					if !sent {
						w.Header().Add("X-Many", string(rune('a'+i%26)))
					}
				case 'r':
					send()
					n, _ := io.Copy(w, strings.NewReader("copied"))
					wrote += int(n)
				case 't':
					send()
					n, _ := io.WriteString(w, "text")
					wrote += n
				default:
					send()
					n, _ := w.Write([]byte{b})
					wrote += n
				}
			}
		}))
		serve := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(finalOnly{w}, httptest.NewRequest(http.MethodGet, "/", nil))
			return w
		}
		first := serve()
		refused := unfit || length >= 0 && length != wrote || wrote > 64 || wrote == 0 && first.Code == 200
		second := serve()
		hit := runs == 1
		if hit == refused {
			t.Fatalf("not to be stored: %v, replayed: %v; %v", refused, hit, second.Header())
		}
		if second.Code != first.Code || !bytes.Equal(second.Body.Bytes(), first.Body.Bytes()) || !reflect.DeepEqual(second.Header()["X-Many"], first.Header()["X-Many"]) {
			t.Fatalf("%d %q %v, want %d %q %v", second.Code, second.Body, second.Header(), first.Code, first.Body, first.Header())
		}
	})
}
