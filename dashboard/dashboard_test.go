package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/dashboard"
	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func must[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func anybody(*http.Request) error { return nil }

var errBoom = errors.New("boom")

// world is a program with one of everything.
type world struct {
	caches    *cachedata.Group
	resources *cacheresource.Group
	sessions  *sessionstate.Manager
	users     *cachedata.Cache[string, string]
	pool      *cacheresource.Resource[string, *int]
	responses *respcache.Cache
	config    dashboard.Config
}

const (
	secretKey   = "key-of-somebody"
	secretValue = "value-of-somebody"
)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := new(world)
	var err error
	w.caches, err = cachedata.NewGroup("app", cachedata.GroupConfig{})
	must(t, w.caches, err)
	w.resources, err = cacheresource.NewGroup("pools", cacheresource.GroupConfig{})
	must(t, w.resources, err)
	sessions := memstore.Must(memstore.New(memstore.Config{}))
	w.sessions, err = sessionstate.New(sessionstate.Config{Store: sessions})
	must(t, w.sessions, err)
	w.users, err = cachedata.New("users", func(_ context.Context, key string) (string, error) {
		if key == "bad" {
			return "", errBoom
		}
		return secretValue, nil
	}, cachedata.Config{Group: w.caches, TTL: time.Hour, CountHits: true}, cachedata.Funcs[string, string]{
		Tags: func(key, _ string) []string { return []string{"team:" + key[:1]} },
	})
	must(t, w.users, err)
	for _, key := range []string{secretKey, secretKey, "other", "bad"} {
		_, _ = w.users.Get(t.Context(), key)
	}
	w.pool, err = cacheresource.New("db", func(context.Context, string) (*int, error) { return new(int), nil },
		cacheresource.Config{Group: w.resources, LeakAge: time.Hour})
	must(t, w.pool, err)
	lease, err := w.pool.Acquire(t.Context(), "dsn")
	must(t, lease, err)
	w.responses, err = respcache.New("pages", respcache.Config{Group: w.caches})
	must(t, w.responses, err)
	app := middleware.Must(middleware.New(w.responses)).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/private" {
			rw.Header().Set("Cache-Control", "private")
		}
		_, _ = io.WriteString(rw, secretValue)
	}))
	for _, path := range []string{"/" + secretKey, "/" + secretKey, "/private"} {
		get(app, path)
	}
	w.config = dashboard.Config{
		Caches: []*cachedata.Group{w.caches}, Resources: []*cacheresource.Group{w.resources}, Sessions: w.sessions,
		Responses: []*respcache.Cache{w.responses},
	}
	t.Cleanup(func() {
		lease.Release()
		ctx := context.Background()
		if err := errors.Join(w.caches.Close(ctx), w.resources.Close(ctx), sessions.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) page(t testing.TB) *dashboard.Dashboard {
	t.Helper()
	d, err := dashboard.New(anybody, w.config)
	return must(t, d, err)
}

// get asks a handler.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
	return rec
}

// post sends a form as a browser does that shows the page.
func post(h http.Handler, target string, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

var linked = regexp.MustCompile(`(?:href|src|action|hx-get)="([^"]*)"`)

// links are all addresses on a page.
func links(body string) (all []string) {
	for _, m := range linked.FindAllStringSubmatch(body, -1) {
		if target := html.UnescapeString(m[1]); !slices.Contains(all, target) {
			all = append(all, target)
		}
	}
	return all
}

// linkTo is the address behind a text.
func linkTo(t testing.TB, body, text string) string {
	t.Helper()
	m := regexp.MustCompile(`<a href="([^"]*)"[^>]*>` + regexp.QuoteMeta(text)).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no link %q in %s", text, body)
	}
	return html.UnescapeString(m[1])
}

// pages are the addresses of all pages of a world.
func pages(t testing.TB, h http.Handler) []string {
	t.Helper()
	all := []string{"?"}
	for _, name := range []string{"loads", "resources", "sessions", "responses", "events", "advice"} {
		all = append(all, "?page="+name)
	}
	if m := regexp.MustCompile(`"(\?id=\w+&amp;page=cache)"`).FindStringSubmatch(get(h, "/").Body.String()); m != nil {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

func has(t testing.TB, what, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("%s lacks %q:\n%s", what, text, body)
		}
	}
}

func TestNewRefusesAPageForEverybody(t *testing.T) {
	t.Parallel()
	_, err := dashboard.New(nil, dashboard.Config{Caches: []*cachedata.Group{nil}, Resources: []*cacheresource.Group{nil}, Responses: []*respcache.Cache{nil}})
	for _, want := range []string{"authorize is nil", "Caches[0] is nil", "Resources[0] is nil", "Responses[0] is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// loginError sends who may not see the page to the login.
type loginError struct{}

func (loginError) Error() string   { return "log in" }
func (loginError) StatusCode() int { return http.StatusUnauthorized }
func (loginError) Problem() middleware.Problem {
	return middleware.Problem{Detail: "Log in first.", Header: http.Header{"WWW-Authenticate": {"Basic"}}}
}

func TestNothingIsShownOrDoneWithoutAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := w.page(t)
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{{"an error of the app", errBoom, http.StatusForbidden}, {"an error with an answer", loginError{}, http.StatusUnauthorized}} {
		closed, err := dashboard.New(func(*http.Request) error { return tt.err }, w.config)
		must(t, closed, err)
		for _, target := range append(pages(t, open), "?asset=style.css", "?page=nothing") {
			rec := get(closed, "/"+target)
			if rec.Code != tt.want || strings.Contains(rec.Body.String(), "users") || strings.Contains(rec.Body.String(), "boom") {
				t.Errorf("%s: %s: %d %s", tt.name, target, rec.Code, rec.Body)
			}
		}
		cache := pages(t, open)[7]
		if rec := post(closed, "/"+cache, "do", "clear", "id", url.Values{}.Get("id")); rec.Code != tt.want {
			t.Errorf("%s: POST: %d", tt.name, rec.Code)
		}
		if tt.want == http.StatusUnauthorized && get(closed, "/").Header().Get("WWW-Authenticate") != "Basic" {
			t.Error("the headers of the error are not in the answer")
		}
	}
	if w.users.Stats().Entries != 2 {
		t.Error("something was cleared")
	}
}

func TestPagesShowWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	all := pages(t, d)
	for target, wants := range map[string][]string{
		all[0]: {"users", "pages", "25 %", "failing"},
		all[1]: {"Nothing is being loaded right now."},
		all[2]: {"db", "dashboard/dashboard_test.go:", "Leased now"},
		all[3]: {"Started", "Show sessions"},
		all[4]: {"pages", "33 %", "private", "Cache-Control says private", "page=cache"},
		all[5]: {"Nothing has happened yet"},
		all[6]: {"Configuration", "1h0m0s"},
		all[7]: {"users", "fresh 2", "team:k", "TTL", "1h0m0s", "Refresh", "Delete"},
	} {
		rec := get(d, "/"+target)
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d", target, rec.Code)
		}
		has(t, target, rec.Body.String(), append(wants, "<!doctype html>", "</html>")...)
		if strings.Contains(rec.Body.String(), secretValue) || strings.Contains(rec.Body.String(), secretKey) {
			t.Errorf("%s shows a key or a value", target)
		}
	}
	fp, err := w.users.Fingerprint(secretKey)
	must(t, fp, err)
	has(t, "the cache", get(d, "/"+all[7]).Body.String(), fmt.Sprintf("%016x", fp))
	for _, target := range []string{"?page=nothing", "?page=cache", "?page=cache&id=0", "?asset=../dashboard.go", "?asset=page.html", "?page=" + strings.Repeat("x", 9999)} {
		if rec := get(d, "/"+target); rec.Code != http.StatusNotFound && !strings.HasPrefix(target, "?page=xxx") {
			t.Errorf("%.20s: %d", target, rec.Code)
		}
	}
}

func TestKeysAreShownIfAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.ShowKeys = true
	d := w.page(t)
	body := get(d, "/"+pages(t, d)[7]).Body.String()
	has(t, "the cache", body, secretKey)
	if strings.Contains(body, secretValue) {
		t.Error("a value is shown")
	}
}

// What a proxy or a mux makes of the path changes nothing: every link is a query of
// the page's own path.
func TestThePageWorksUnderAnyPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	mux := http.NewServeMux()
	mux.Handle("/_reecho", d)
	mux.Handle("/admin/tools/reecho/", d)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", d))
	mux.Handle("/bare", http.StripPrefix("/bare", d))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, base := range []string{"/_reecho", "/admin/tools/reecho/", "/stripped/", "/bare"} {
		seen, queue := map[string]bool{}, []string{server.URL + base}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			if seen[at] {
				continue
			}
			seen[at] = true
			res, err := server.Client().Get(at)
			must(t, res, err)
			body, err := io.ReadAll(res.Body)
			must(t, body, err)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d", at, res.StatusCode)
			}
			if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				continue
			}
			from, err := url.Parse(at)
			must(t, from, err)
			for _, link := range links(string(body)) {
				if !strings.HasPrefix(link, "?") && !strings.HasPrefix(link, "#") {
					t.Errorf("%s links to %q", at, link)
				}
				if to, err := from.Parse(link); err == nil && !strings.HasPrefix(link, "#") && len(seen) < 60 {
					queue = append(queue, to.String())
				}
			}
		}
		if len(seen) < 20 {
			t.Errorf("%s: %d pages and files were found", base, len(seen))
		}
		rec := post(d, base+"?page=resources", "do", "resource", "id", idIn(t, get(d, "/?page=resources").Body.String()))
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "?done=cleared&page=resources" {
			t.Errorf("%s: %d to %q", base, rec.Code, rec.Header().Get("Location"))
		}
	}
}

// idIn is the first id in a form of a page.
func idIn(t testing.TB, body string) string {
	t.Helper()
	m := regexp.MustCompile(`name="id" value="(\w+)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no form in %s", body)
	}
	return m[1]
}

func TestFormsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	at := "/" + pages(t, d)[7]
	id := idIn(t, get(d, at).Body.String())
	fingerprint := func(key string) string {
		fp, err := w.users.Fingerprint(key)
		return fmt.Sprintf("%016x", must(t, fp, err))
	}
	there := func(keys ...string) {
		t.Helper()
		var got []string
		for _, key := range []string{secretKey, "other", "third"} {
			if _, ok := w.users.Peek(t.Context(), key); ok {
				got = append(got, key)
			}
		}
		if !slices.Equal(got, keys) {
			t.Errorf("there is %q, want %q", got, keys)
		}
	}
	says := func(rec *httptest.ResponseRecorder, done string) {
		t.Helper()
		to, err := url.Parse(rec.Header().Get("Location"))
		must(t, to, err)
		if rec.Code != http.StatusSeeOther || to.Query().Get("done") != done || to.Query().Get("page") != "cache" {
			t.Errorf("%d to %s, want done=%s; %s", rec.Code, to, done, rec.Body)
		}
		has(t, "the page after it", get(d, "/"+to.String()).Body.String(), `role="status"`)
	}
	_, _ = w.users.Get(t.Context(), "third")
	there(secretKey, "other", "third")
	says(post(d, at, "do", "delete", "id", id, "key", fingerprint("other")), "deleted")
	there(secretKey, "third")
	says(post(d, at, "do", "delete", "id", id, "key", fingerprint("other")), "gone")
	loads := w.users.Stats().Loads
	says(post(d, at, "do", "refresh", "id", id, "key", fingerprint("third")), "refreshed")
	if got := w.users.Stats().Loads; got != loads+1 {
		t.Errorf("%d loads after %d", got, loads)
	}
	says(post(d, at, "do", "tag", "id", id, "tag", "team:t"), "cleared")
	there(secretKey)
	says(post(d, at, "do", "clear", "id", id), "cleared")
	there()
	if rec := post(d, "/?page=responses", "do", "responses", "id", idIn(t, get(d, "/?page=responses").Body.String())); rec.Code != http.StatusSeeOther || w.responses.Stats().Entries != 0 {
		t.Errorf("responses: %d, %d are left", rec.Code, w.responses.Stats().Entries)
	}
	for name, form := range map[string][]string{
		"no action": {"id", id}, "an unknown action": {"do", "drop"},
		"an unknown cache": {"do", "clear", "id", "nothing"}, "an unknown resource": {"do", "resource"}, "unknown responses": {"do", "responses"},
	} {
		if rec := post(d, at, form...); rec.Code != http.StatusBadRequest && rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if rec := post(d, at, "do", "clear", "id", id, "x", strings.Repeat("x", 65<<10)); rec.Code != http.StatusBadRequest {
		t.Errorf("a form of 65 KB: %d", rec.Code)
	}
}

// What other sites send is refused, and asking changes nothing.
func TestOnlyThePageItselfChangesAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	at := "/" + pages(t, d)[7]
	id := idIn(t, get(d, at).Body.String())
	body := "do=clear&id=" + id
	for _, tt := range []struct {
		name, method, target, site, origin string
		want                               int
	}{
		{"another site", http.MethodPost, at, "cross-site", "https://evil.example", http.StatusForbidden},
		{"a sibling", http.MethodPost, at, "same-site", "", http.StatusForbidden},
		{"an old browser of another site", http.MethodPost, at, "", "https://evil.example", http.StatusForbidden},
		{"GET", http.MethodGet, at + "&" + body, "same-origin", "", http.StatusOK},
		{"HEAD", http.MethodHead, at + "&" + body, "same-origin", "", http.StatusOK},
		{"PUT", http.MethodPut, at, "same-origin", "", http.StatusMethodNotAllowed},
		{"DELETE", http.MethodDelete, at, "same-origin", "", http.StatusMethodNotAllowed},
	} {
		req := httptest.NewRequest(tt.method, tt.target, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if tt.site != "" {
			req.Header.Set("Sec-Fetch-Site", tt.site)
		}
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, req)
		if rec.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, rec.Code, tt.want)
		}
		if w.users.Stats().Entries != 2 {
			t.Fatalf("%s: it was cleared", tt.name)
		}
	}
}

// Caches on the way keep nothing, and HEAD is GET without a body.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	app := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", "script-src 'nonce-of-the-app'")
		rw.Header().Set("Content-Security-Policy-Report-Only", "default-src 'none'")
		rw.Header().Set("Cache-Control", "public, max-age=60")
		d.ServeHTTP(rw, r)
	})
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	for _, target := range append(pages(t, d), "?page=nothing") {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/"+target, nil)
			must(t, req, err)
			res, err := server.Client().Do(req)
			must(t, res, err)
			body, err := io.ReadAll(res.Body)
			must(t, body, err)
			_ = res.Body.Close()
			h := res.Header
			if h.Get("Cache-Control") != "no-store" || h.Get("Content-Security-Policy-Report-Only") != "" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s: %v", method, target, h)
			}
			if csp := h.Values("Content-Security-Policy"); len(csp) != 1 || !strings.Contains(csp[0], "default-src 'self'") || strings.Contains(csp[0], "unsafe") {
				t.Errorf("%s %s: CSP %q", method, target, csp)
			}
			if method == http.MethodHead && len(body) > 0 || method == http.MethodGet && int64(len(body)) != res.ContentLength {
				t.Errorf("%s %s: %d bytes, Content-Length %d", method, target, len(body), res.ContentLength)
			}
			for _, inline := range []string{` style="`, "<style", "javascript:", ` onclick=`, ` onload=`, "hx-on"} {
				if strings.Contains(string(body), inline) {
					t.Errorf("%s has %q", target, inline)
				}
			}
			if n := strings.Count(string(body), "<script"); n > 1 || n == 1 && !strings.Contains(string(body), `<script src="?asset=`) {
				t.Errorf("%s has a script of its own", target)
			}
		}
	}
}

// A CSRF middleware around the page wants its token in every form.
func TestFormsCarryTheTokenOfTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Token = func(*http.Request) (string, string) { return "csrf_token", `to"ken` }
	d := w.page(t)
	around := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.PostFormValue("csrf_token") != `to"ken` {
			http.Error(rw, "no token", http.StatusForbidden)
			return
		}
		d.ServeHTTP(rw, r)
	})
	for _, target := range pages(t, d) {
		body := get(around, "/"+target).Body.String()
		if forms, tokens := strings.Count(body, `method="post"`), strings.Count(body, `name="csrf_token" value="to&#34;ken"`); forms != tokens {
			t.Errorf("%s: %d forms, %d with the token", target, forms, tokens)
		}
	}
	at := "/" + pages(t, d)[7]
	if rec := post(around, at, "do", "clear", "id", idIn(t, get(d, at).Body.String()), "csrf_token", `to"ken`); rec.Code != http.StatusSeeOther {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// Sessions around the page, with tokens of their own, let its forms through, and
// nobody else's.
func TestFormsPassTheSessionsOfTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Token = func(r *http.Request) (field, value string) {
		s, err := sessionstate.FromContext(r.Context())
		must(t, s, err)
		token, err := s.CSRFToken()
		return "csrf_token", must(t, token, err)
	}
	d := w.page(t)
	app := middleware.Must(middleware.New(w.sessions, w.sessions.CSRF())).Handler(d)
	at := "https://app.example/_reecho?page=responses"
	page := get(app, at)
	token := regexp.MustCompile(`name="csrf_token" value="([^"]+)"`).FindStringSubmatch(page.Body.String())
	if token == nil || len(page.Result().Cookies()) == 0 {
		t.Fatalf("no token or no cookie: %v %s", page.Header(), page.Body)
	}
	for _, tt := range []struct {
		name, token string
		cookie      bool
		want        int
	}{
		{"the page's own", token[1], true, http.StatusSeeOther},
		{"no token", "", true, http.StatusForbidden},
		{"a forged token", strings.Repeat("A", len(token[1])), true, http.StatusForbidden},
		{"a token of another session", token[1], false, http.StatusForbidden},
	} {
		form := url.Values{"do": {"responses"}, "id": {idIn(t, page.Body.String())}, "csrf_token": {tt.token}}
		req := httptest.NewRequest(http.MethodPost, at, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if tt.cookie {
			for _, c := range page.Result().Cookies() {
				req.AddCookie(c)
			}
		}
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, req)
		if rec.Code != tt.want {
			t.Errorf("%s: %d %s", tt.name, rec.Code, rec.Body)
		}
	}
}

// A part of the page is what scripts ask for again.
func TestAPartOfThePageIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	for _, target := range pages(t, d) {
		req := httptest.NewRequest(http.MethodGet, "/"+target, nil)
		req.Header.Set("HX-Request", "true")
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, req)
		if body := rec.Body.String(); strings.Contains(body, "<html") || strings.Contains(body, `id="live"`) || !strings.Contains(get(d, "/"+target).Body.String(), `hx-trigger="every`) {
			t.Errorf("%s: %s", target, body)
		}
		paused := get(d, "/"+target+"&live=off").Body.String()
		if strings.Contains(paused, "hx-get") || !strings.Contains(paused, "Go live") {
			t.Errorf("%s is not paused", target)
		}
		if again := linkTo(t, paused, "Events"); !strings.Contains(again, "live=off") {
			t.Errorf("the next page is not paused: %s", again)
		}
	}
}

func TestNamesOfAnyKindAreShown(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup(`<i>"group"</i>`, cachedata.GroupConfig{})
	must(t, g, err)
	rg, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, rg, err)
	names := []string{`"quotes' & more`, "<script>alert(1)</script>", strings.Repeat("日本語", 4000), "a\xff\x00b\nc", "../../etc", "?page=cache", "{{.}}", " ", "javascript:alert(1)"}
	for i, name := range names {
		c, err := cachedata.New(name, func(_ context.Context, k string) (string, error) { return k, nil },
			cachedata.Config{Group: g}, cachedata.Funcs[string, string]{Tags: func(k, _ string) []string { return []string{k, k + "1", k + "2", k + "3"} }})
		must(t, c, err)
		_, err = c.Get(t.Context(), names[len(names)-1-i])
		must(t, c, err)
		r, err := cacheresource.New(name, func(context.Context, string) (int, error) { return 1, nil }, cacheresource.Config{Group: rg})
		must(t, r, err)
		_ = r.Do(t.Context(), name, func(int) error { return nil })
	}
	pages, err := cachedata.NewGroup("pages", cachedata.GroupConfig{})
	must(t, pages, err)
	var responses []*respcache.Cache
	for _, name := range names {
		c, err := respcache.New(name, respcache.Config{Group: pages})
		responses = append(responses, must(t, c, err))
	}
	d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{rg}, Responses: responses, ShowKeys: true})
	must(t, d, err)
	body := get(d, "/").Body.String()
	found := 0
	for _, link := range links(body) {
		if !strings.Contains(link, "page=cache") {
			continue
		}
		found++
		one := get(d, "/"+link)
		if one.Code != http.StatusOK || one.Body.Len() > 50_000 {
			t.Errorf("%s: %d, %d bytes", link, one.Code, one.Body.Len())
		}
		body += one.Body.String()
	}
	if found != len(names) {
		t.Errorf("%d links to %d caches", found, len(names))
	}
	body += get(d, "/?page=resources").Body.String() + get(d, "/?page=responses").Body.String() + get(d, "/?page=advice").Body.String() + get(d, "/?q=%3Cscript%3E").Body.String()
	for _, wrong := range []string{"<script>alert", "<i>", "\x00", "\xff", `value=""quotes`} {
		if strings.Contains(body, wrong) {
			t.Errorf("%q is on a page", wrong)
		}
	}
	has(t, "the pages", body, "&lt;script&gt;alert(1)", "日本語", "{{.}}")
	if err := errors.Join(g.Close(context.Background()), rg.Close(context.Background()), pages.Close(context.Background())); err != nil {
		t.Error(err)
	}
}

// crowd is a group of many caches, of which one has many entries.
func crowd(t testing.TB, caches, entries int) *cachedata.Group {
	t.Helper()
	g, err := cachedata.NewGroup("crowd", cachedata.GroupConfig{})
	must(t, g, err)
	for i := range caches {
		c, err := cachedata.New(fmt.Sprintf("cache number %04d, with a name of some length", i), func(_ context.Context, k int) (int, error) { return k, nil },
			cachedata.Config{Group: g, TTL: time.Hour, MaxEntries: 2 * entries, Stale: cachedata.StaleConfig{For: 24 * time.Hour}},
			cachedata.Funcs[int, int]{Tags: func(k, _ int) []string { return []string{"all", "a tag of some length", "another one", "a fourth one"} }})
		must(t, c, err)
		n := 1
		if i == 0 {
			n = entries
		}
		for k := range n {
			must(t, k, c.Put(t.Context(), k, k))
		}
	}
	t.Cleanup(func() { _ = g.Close(context.Background()) })
	return g
}

// manyResponses are caches whose responses come from their handlers for many reasons.
func manyResponses(t testing.TB, n int) (all []*respcache.Cache) {
	t.Helper()
	g, err := cachedata.NewGroup("responses", cachedata.GroupConfig{})
	must(t, g, err)
	t.Cleanup(func() { _ = g.Close(context.Background()) })
	for i := range n {
		c, err := respcache.New(fmt.Sprintf("responses number %04d, with a name of some length", i), respcache.Config{Group: g, Observer: new(observe.Recorder)})
		all = append(all, must(t, c, err))
		app := middleware.Must(middleware.New(c)).Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			name, value, _ := strings.Cut(r.URL.Path[1:], "/")
			rw.Header().Set(name, value)
			_, _ = io.WriteString(rw, "x")
		}))
		for _, path := range []string{
			"/Cache-Control/private", "/Cache-Control/no-store", "/Cache-Control/no-cache", "/Cache-Control/max-age=0", "/Cache-Control/s-maxage=0",
			"/Vary/X-One", "/Vary/*", "/Set-Cookie/a=b", "/Content-Type/text/event-stream", "/Expires/0", "/Trailer/X", "/Content-Length/1",
		} {
			get(app, path)
		}
		for _, name := range []string{"Authorization", "Cookie", "Origin", "Upgrade"} {
			req := httptest.NewRequest(http.MethodGet, "/Etag/x", nil)
			req.Header.Set(name, "x=y")
			app.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	return all
}

func TestPagesStaySmall(t *testing.T) {
	t.Parallel()
	g := crowd(t, 1000, 100_000)
	rg, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
	must(t, rg, err)
	events := new(dashboard.Events)
	for i := range 1000 {
		r, err := cacheresource.New(fmt.Sprintf("resource number %04d, with a name of some length", i), func(context.Context, int) (int, error) { return 1, nil }, cacheresource.Config{Group: rg})
		must(t, r, err)
		events.Observe(t.Context(), observe.Anomaly{Header: strings.Repeat("h", 1000), Reason: strings.Repeat("r", 1000)})
	}
	d, err := dashboard.New(anybody, dashboard.Config{
		Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{rg}, Responses: manyResponses(t, 60), Events: events,
	})
	must(t, d, err)
	targets := slices.DeleteFunc(pages(t, d), func(s string) bool { return strings.Contains(s, "sessions") })
	big := "?page=cache&id=" + idIn(t, get(d, "/"+linkTo(t, get(d, "/?sort=-entries").Body.String(), "cache number 0000")).Body.String())
	targets = append(targets, "?sort=name&p=20", "?q=0999", "?page=responses", "?page=responses&p=2", big, big+"&p=200", big+"&p=9999", big+"&sort=-bytes&state=fresh", big+"&live=off")
	for _, target := range targets {
		rec := get(d, "/"+target)
		if rec.Code != http.StatusOK || rec.Body.Len() > 200_000 {
			t.Errorf("%s: %d, %d bytes", target, rec.Code, rec.Body.Len())
		}
		t.Logf("%s: %d bytes", target, rec.Body.Len())
	}
	has(t, "responses", get(d, "/?page=responses&p=2").Body.String(), "51–60 of 60", "responses number 0059", "and 2 more")
	has(t, "the last page", get(d, "/?sort=name&p=20").Body.String(), "951–1,000 of 1,000", "cache number 0999")
	has(t, "the search", get(d, "/?q=NUMBER+0999").Body.String(), "cache number 0999")
	has(t, "a deep page", get(d, "/"+big+"&p=9999").Body.String(), "of 20,000", "10,000 at most", "this page looks at 20,000 of them")
	if err := rg.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// An observer of the app that never returns holds up what it observes, and no page.
func TestAnObserverThatBlocksHoldsUpNoPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		blocked := make(chan struct{})
		g, err := cachedata.NewGroup("g", cachedata.GroupConfig{Observer: observe.Func(func(context.Context, observe.Event) { <-blocked })})
		must(t, g, err)
		c, err := cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g})
		must(t, c, err)
		d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{}})
		must(t, d, err)
		go func() { _, _ = c.Get(t.Context(), 1) }()
		go func() { _ = c.Clear(t.Context()) }()
		synctest.Wait()
		for _, target := range []string{"?", "?page=loads", "?page=events", "?page=advice", pages(t, d)[7]} {
			if rec := get(d, "/"+target); rec.Code != http.StatusOK {
				t.Errorf("%s: %d", target, rec.Code)
			}
		}
		close(blocked)
		must(t, g, g.Close(t.Context()))
	})
}

func TestLoadsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
		must(t, g, err)
		c, err := cachedata.New("slow", func(context.Context, int) (int, error) {
			time.Sleep(time.Minute)
			return 1, nil
		}, cachedata.Config{Group: g})
		must(t, c, err)
		d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{}})
		must(t, d, err)
		for range 7 {
			go func() { _, _ = c.Get(t.Context(), 42) }()
		}
		time.Sleep(12 * time.Second)
		has(t, "the page", get(d, "/?page=loads").Body.String(), "slow", `<span class="badge warm">12 s</span>`, ">7</td>")
		time.Sleep(time.Minute)
		has(t, "the page", get(d, "/?page=loads").Body.String(), "Nothing is being loaded right now.")
	})
}

// The charts begin when somebody looks, and what was before a long pause is gone.
func TestHistoryIsKeptByWhoLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
		must(t, g, err)
		c, err := cachedata.New("c", func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: g})
		must(t, c, err)
		d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{}})
		must(t, d, err)
		use := func() { _, _ = c.Get(t.Context(), 1) }
		points := func() int {
			m := regexp.MustCompile(`<polyline points="([^"]*)"`).FindStringSubmatch(get(d, "/").Body.String())
			if m == nil {
				return 0
			}
			return len(strings.Fields(m[1]))
		}
		use()
		if n := points(); n != 0 {
			t.Errorf("%d points before the second look", n)
		}
		for range 200 {
			use()
			time.Sleep(2 * time.Second)
			points()
		}
		if n := points(); n != 150 {
			t.Errorf("%d points, want the latest 150", n)
		}
		use()
		time.Sleep(2 * time.Minute)
		if n := points(); n != 0 {
			t.Errorf("%d points after two minutes without a look", n)
		}
	})
}

func TestEventsAreShownTheLatestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	_, _ = w.users.Get(t.Context(), "bad")
	must(t, w, w.users.Clear(t.Context()))
	body := get(d, "/?page=events").Body.String()
	if last, first := strings.Index(body, "cache.clear"), strings.Index(body, "cache.load"); last < 0 || first < last {
		t.Errorf("cache.clear at %d, cache.load at %d", last, first)
	}
	warnings := get(d, "/?page=events&level=warn").Body.String()
	if has(t, "the warnings", warnings, "cache.load", "error=boom"); strings.Contains(warnings, "cache.clear") {
		t.Error("what is no warning is shown")
	}
}

func TestSessionsOfAUserAreShownAndEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	stack, err := middleware.New(w.sessions)
	must(t, stack, err)
	app := stack.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s, err := sessionstate.FromContext(r.Context()); err == nil {
			_ = s.Login("ann@example.org")
		}
	}))
	for range 2 {
		get(app, "https://app.example/login")
	}
	rec := post(d, "/?page=sessions", "do", "find", "user", "ann@example.org")
	if rec.Header().Get("Location") != "" {
		t.Error("the user is in an address")
	}
	body := rec.Body.String()
	if n := strings.Count(body, `name="handle"`); n != 2 {
		t.Fatalf("%d sessions, want 2: %s", n, body)
	}
	handle := regexp.MustCompile(`name="handle" value="([^"]*)"`).FindStringSubmatch(body)[1]
	body = post(d, "/?page=sessions", "do", "end", "user", "ann@example.org", "handle", html.UnescapeString(handle)).Body.String()
	if n := strings.Count(body, `name="handle"`); n != 1 {
		t.Errorf("%d sessions after one has ended: %s", n, body)
	}
	has(t, "after the last", post(d, "/?page=sessions", "do", "revoke", "user", "ann@example.org").Body.String(), "This user is not logged in.", "Logged out.")
	if strings.Contains(post(d, "/?page=sessions", "do", "find", "user", `<b>"x"`).Body.String(), "<b>") {
		t.Error("markup of a user's name is on the page")
	}
	cookies, err := sessionstate.New(sessionstate.Config{})
	must(t, cookies, err)
	w.config.Sessions = cookies
	has(t, "cookie mode", post(w.page(t), "/?page=sessions", "do", "find", "user", "ann").Body.String(), "cannot be listed")
}
