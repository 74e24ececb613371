package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/dashboard"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
)

// Whatever stands in the address, there is a page or none, and no more of the address
// on it than a search.
func TestAddressesOfAnyKindAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	cache := pages(t, d)[7]
	long := strings.Repeat("a", 50_000)
	var queries []string
	for _, value := range []string{
		"", "0", "-1", "1.5", "NaN", "9223372036854775807", "-9223372036854775808", "184467440737095517", "99999999999999999999999", long,
		"%00", "%0d%0aSet-Cookie:%20x=y", "%ff%fe", "<script>alert(1)</script>", "../../etc/passwd", "{{.}}", "';--", "%F0%9F%98%80", "%E2%80%AE",
	} {
		for _, name := range []string{"page", "id", "sort", "p", "q", "state", "level", "live", "done", "asset", "x"} {
			queries = append(queries, "?"+name+"="+value, cache+"&"+name+"="+value, "?page=events&"+name+"="+value)
		}
	}
	queries = append(queries, "?"+strings.Repeat("p=1&", 100_000), "?p=1;p=2", "?%", "?%zz=1", "?"+strings.Repeat("&", 1000), "?page=cache&page=loads&id[]=1")
	paths := []string{"/", "/_reecho/..;/admin", "/%2e%2e/%2f", "//evil.example/"}
	for i, query := range queries {
		path := paths[i%len(paths)]
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.URL = &url.URL{Path: path, RawQuery: query[1:]}
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, req)
		body := rec.Body.String()
		if rec.Code != http.StatusOK && rec.Code != http.StatusNotFound || len(body) > 100_000 {
			t.Errorf("%.80s: %d, %d bytes", query, rec.Code, len(body))
		}
		for _, wrong := range []string{"<script>alert", "evil.example", "\x00", "\xff", "\r"} {
			if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") && strings.Contains(body, wrong) {
				t.Errorf("%.80s: %q is on the page", query, wrong)
			}
		}
		if rec.Header().Get("Set-Cookie") != "" || rec.Header().Get("Location") != "" {
			t.Errorf("%.80s: %v", query, rec.Header())
		}
	}
}

// A form leads back to the page that it stands on, whatever its address was, and
// nowhere else.
func TestFormsLeadBackToThePageOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	id := idIn(t, get(d, "/"+pages(t, d)[7]).Body.String())
	for _, query := range []string{
		"page=cache&id=" + id, "page=//evil.example", "done=https://evil.example", "page=%0d%0aSet-Cookie:x=y", "x=" + strings.Repeat("y", 100_000), "page=" + strings.Repeat("y", 100_000),
	} {
		for _, path := range []string{"/_reecho", "//evil.example/_reecho", "/\\evil.example"} {
			req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("do=clear&id="+id))
			req.URL = &url.URL{Path: path, RawQuery: query}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			d.ServeHTTP(rec, req)
			to := rec.Header().Get("Location")
			if rec.Code != http.StatusSeeOther || !strings.HasPrefix(to, "?") || len(to) > 1000 || strings.ContainsAny(to, "\r\n") || len(rec.Header().Values("Set-Cookie")) > 0 {
				t.Errorf("%.40s: %d to %.80q", query, rec.Code, to)
			}
		}
	}
}

// Forms of any content are refused, or do something that there is.
func TestFormsOfAnyContentAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	id := idIn(t, get(d, "/"+pages(t, d)[7]).Body.String())
	for _, do := range []string{"clear", "tag", "delete", "refresh", "resource", "responses", "find", "end", "revoke", "nothing", ""} {
		for _, value := range []string{"", "0", strings.Repeat("f", 60_000), "\x00", "\xff\xfe", "a\r\nb", "<script>alert(1)</script>"} {
			for _, name := range []string{"tag", "key", "user", "handle", "id"} {
				pairs := []string{"do", do, "id", id, name, value}
				rec := post(d, "/?page=sessions", pairs...)
				if rec.Code >= 500 || strings.Contains(rec.Body.String(), "<script>alert") {
					t.Errorf("do=%s, %s=%.20q: %d %.200s", do, name, value, rec.Code, rec.Body)
				}
			}
		}
	}
	for _, tt := range []struct{ kind, body string }{
		{"", "do=clear&id=" + id},
		{"application/json", `{"do":"clear"}`},
		{"multipart/form-data; boundary=x", "--x\r\n\r\n--x--"},
		{"text/plain", "do=clear&id=" + id},
		{"application/x-www-form-urlencoded", "%zz"},
		{"application/x-www-form-urlencoded", "do=clear;id=1"},
		{";;;", "do=clear"},
	} {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
		req.Header.Set("Content-Type", tt.kind)
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, req)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", tt.kind, rec.Code)
		}
	}
}

// A load that panics is an answer to who refreshes, and no end of the connection.
func TestARefreshThatPanicsIsAnswered(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
	must(t, g, err)
	t.Cleanup(func() { _ = g.Close(context.Background()) })
	broken := false
	c, err := cachedata.New("c", func(_ context.Context, k int) (int, error) {
		if broken {
			panic("a secret of the program")
		}
		return k, nil
	}, cachedata.Config{Group: g})
	must(t, c, err)
	_, err = c.Get(t.Context(), 1)
	fp, wrong := c.Fingerprint(1)
	must(t, fp, errors.Join(err, wrong))
	d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{g}, Resources: []*cacheresource.Group{}})
	must(t, d, err)
	broken = true
	at := "/" + linkTo(t, get(d, "/").Body.String(), "c")
	rec := post(d, at, "do", "refresh", "id", idIn(t, get(d, at).Body.String()), "key", fmt.Sprintf("%016x", fp))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// Two groups of one name would be one on the page: a form would clear the other.
func TestNewRefusesGroupsThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	a, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
	must(t, a, err)
	b, err := cachedata.NewGroup("g", cachedata.GroupConfig{})
	must(t, b, err)
	ra, err := cacheresource.NewGroup("r", cacheresource.GroupConfig{})
	must(t, ra, err)
	pages, err := respcache.New("pages", respcache.Config{Group: a})
	must(t, pages, err)
	others, err := respcache.New("pages", respcache.Config{Group: b})
	must(t, others, err)
	_, err = dashboard.New(anybody, dashboard.Config{
		Caches: []*cachedata.Group{a, b}, Resources: []*cacheresource.Group{ra, ra}, Responses: []*respcache.Cache{pages, others, pages},
	})
	for _, want := range []string{"Caches[1] has the name of Caches[0]", "Resources[1] has the name of Resources[0]", "Responses[2] has the name of Responses[0]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// Pages are shown while caches come, go and are cleared, by many at once.
func TestPagesAreShownWhileCachesComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	targets := pages(t, d)
	id := idIn(t, get(d, "/"+targets[7]).Body.String())
	ctx, stop := context.WithCancel(t.Context())
	var busy, looking sync.WaitGroup
	for i := range 3 {
		busy.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				c, err := cachedata.New(fmt.Sprint("passing ", i), func(_ context.Context, k int) (int, error) { return k, nil }, cachedata.Config{Group: w.caches})
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Get(ctx, n)
				if err := c.Close(context.Background()); err != nil {
					t.Error(err)
				}
				_, _ = w.users.Get(ctx, "other")
			}
		})
	}
	for range 4 {
		looking.Go(func() {
			for range 5 {
				for _, target := range targets {
					if rec := get(d, "/"+target); rec.Code != http.StatusOK {
						t.Errorf("%s: %d", target, rec.Code)
					}
				}
				for _, do := range []string{"clear", "responses", "resource"} {
					if rec := post(d, "/"+targets[7], "do", do, "id", id); rec.Code != http.StatusSeeOther && rec.Code != http.StatusNotFound {
						t.Errorf("%s: %d %s", do, rec.Code, rec.Body)
					}
				}
			}
		})
	}
	looking.Wait()
	stop()
	busy.Wait()
}

// Who sends a form slowly, or reads a page slowly, holds up nobody else.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.page(t)
	body, send := io.Pipe()
	req := httptest.NewRequest(http.MethodPost, "/", body)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reads := &stuckWriter{header: http.Header{}, writes: make(chan struct{}), proceed: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { d.ServeHTTP(httptest.NewRecorder(), req) })
	wg.Go(func() { d.ServeHTTP(reads, httptest.NewRequest(http.MethodGet, "/", nil)) })
	_, _ = send.Write([]byte("do=cle"))
	<-reads.writes
	for _, target := range pages(t, d) {
		if rec := get(d, "/"+target); rec.Code != http.StatusOK {
			t.Errorf("%s: %d", target, rec.Code)
		}
	}
	_ = send.CloseWithError(io.ErrUnexpectedEOF)
	close(reads.proceed)
	wg.Wait()
}

// stuckWriter is a client that does not read.
type stuckWriter struct {
	header          http.Header
	writes, proceed chan struct{}
}

func (s *stuckWriter) Header() http.Header { return s.header }
func (s *stuckWriter) WriteHeader(int)     {}
func (s *stuckWriter) Write(b []byte) (int, error) {
	s.writes <- struct{}{}
	<-s.proceed
	return len(b), nil
}

// rude is an error that panics when somebody asks for its text.
type rude struct{}

func (rude) Error() string { panic("no text") }

// What observers are told may be anything: other observers panic, errors have no
// text, texts turn the direction of writing.
func TestEventsOfAnyKindAreKept(t *testing.T) {
	t.Parallel()
	events := new(dashboard.Events)
	o := observe.Tee(observe.Func(func(context.Context, observe.Event) { panic("another observer") }), events)
	for _, ev := range []observe.Event{
		observe.CacheLoad{Source: observe.Source{Cache: "first"}, Err: rude{}},
		observe.CacheLoad{Source: observe.Source{Cache: "second"}, Err: errors.New("\u202egnp.exe\u2066\u009b31m\x1b[2J" + strings.Repeat("x", 1<<20))},
		observe.Notice{Owner: "<b>", Text: "<i>"},
	} {
		observe.Emit(t.Context(), o, ev)
	}
	d, err := dashboard.New(anybody, dashboard.Config{Caches: []*cachedata.Group{}, Resources: []*cacheresource.Group{}, Events: events})
	must(t, d, err)
	body := get(d, "/?page=events").Body.String() + get(d, "/?page=advice").Body.String()
	has(t, "the log", body, "second", "gnp.exe", "&lt;i&gt;")
	for _, wrong := range []string{"\u202e", "\u2066", "\u009b", "\x1b", "<i>"} {
		if strings.Contains(body, wrong) {
			t.Errorf("%q is on the page", wrong)
		}
	}
	if len(body) > 20_000 {
		t.Errorf("%d bytes", len(body))
	}
}
