package queryparams_test

import (
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/queryparams"
)

var plainFilter = Filter{Page: 1, Size: 20, Sort: "name"}

// retaining is the schema of Filter whose links take over other parameters.
func retaining(keys ...string) *queryparams.Schema[Filter] {
	return queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{Retain: keys}))
}

func TestLinksAreMinimalAndInSchemaOrder(t *testing.T) {
	t.Parallel()
	u := &url.URL{Path: "/items", RawQuery: "lang=de&page=9&x=1&lang=fr"}
	tests := []struct {
		name string
		s    *queryparams.Schema[Filter]
		edit func(*Filter)
		want string
	}{
		{"defaults vanish", filters, func(*Filter) {}, "/items"},
		{"page", filters, func(f *Filter) { f.Page++ }, "/items?page=2"},
		{"order", filters, func(f *Filter) { f.Tags, f.Page = []string{"a b"}, 3 }, "/items?page=3&tags=a+b"},
		{"retain", retaining("lang"), func(f *Filter) { f.Page = 2 }, "/items?page=2&lang=de&lang=fr"},
		{"retain all", retaining("*"), func(*Filter) {}, "/items?lang=de&x=1&lang=fr"},
		{"defaults kept", queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{KeepDefaults: true, Retain: []string{"x"}})), func(*Filter) {}, "/items?page=1&size=20&sort=name&x=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.s.LinkFrom(u, plainFilter, tt.edit)
			if got != tt.want || err != nil {
				t.Errorf("LinkFrom = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got, err := filters.LinkFrom(u, plainFilter, func(f *Filter) { f.Page = 0 }); got != "" || err == nil {
		t.Errorf("a link to an invalid page = %q, %v", got, err)
	}
}

func TestLinksStayOnTheHost(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Any("/*", func(c echo.Context) error {
		link, err := retaining("*").Link(c, plainFilter)
		if err != nil {
			return err
		}
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		if err := p.Set("n", "a\r\nSet-Cookie: x=1"); err != nil {
			return err
		}
		c.Response().Header().Set("X-Link", link)
		return queryparams.Redirect(c)
	}, echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	for _, path := range []string{"//evil.example/x", "///evil.example", `/\evil.example`, "/%5Cevil.example", "/%09/evil.example", "/%0d%0aX:%20y", "//", `/\/evil.example`, "/%2F%2Fevil.example", "/é"} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		req.URL = u
		req.URL.RawQuery = "k=%0d%0a\x01\xff"
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, req)
		for _, got := range []string{rec.Header().Get("Location"), rec.Header().Get("X-Link")} {
			to, err := req.URL.Parse(got)
			if err != nil || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, `/\`) || to.Host != "" {
				t.Errorf("%s leads to %q (%v), off the host", path, got, err)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return r <= ' ' || r >= 0x7f }); i >= 0 {
				t.Errorf("%s leads to %q, which is not printable ASCII", path, got)
			}
		}
		if rec.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d, want 303", path, rec.Code)
		}
	}
}

func TestHrefWithHiddenAndTemplates(t *testing.T) {
	t.Parallel()
	f := Filter{Page: 2, Size: 20, Sort: "name", Q: `<a "b">`, Tags: []string{""}}
	hidden, err := filters.Hidden(f, "page")
	if want := `<input type="hidden" name="q" value="&lt;a &#34;b&#34;&gt;"><input type="hidden" name="tags[]" value="">`; string(hidden) != want || err != nil {
		t.Errorf("Hidden = %s, %v; want %s", hidden, err, want)
	}
	tpl := template.Must(template.New("").Funcs(filters.Funcs()).Parse(`<a href="{{qlink . "page" 3 "q" nil}}">{{qhidden . "q" "tags"}}`))
	var b strings.Builder
	if err := tpl.Execute(&b, f); err != nil {
		t.Fatal(err)
	}
	if want := `<a href="?page=3&amp;tags%5B%5D="><input type="hidden" name="page" value="2">`; b.String() != want {
		t.Errorf("template = %s, want %s", b.String(), want)
	}
	for _, pairs := range [][]any{{"page"}, {"pgae", 1}, {1, 2}, {"page", map[string]int{}}, {"page", 99999}} {
		if _, err := filters.With(f, pairs...); err == nil {
			t.Errorf("With(%v) has no error", pairs)
		}
	}
	if got, err := filters.Href(plainFilter); got != "?" || err != nil {
		t.Errorf("Href of defaults = %q, %v; want the query cleared", got, err)
	}
}

// page serves one handler behind the plugin.
func page(t *testing.T, do func(p *queryparams.Params, c echo.Context) error) *echo.Echo {
	t.Helper()
	e := echo.New()
	e.Use(echov4.Use(queryparams.Must(queryparams.New(queryparams.Config{}))))
	e.Any("/*", func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		return do(p, c)
	})
	return e
}

func TestWriteBack(t *testing.T) {
	t.Parallel()
	set := func(p *queryparams.Params, c echo.Context) error {
		if err := p.Set("page", 1); err != nil {
			return err
		}
		if err := p.Set("page", 2); err != nil {
			return err
		}
		return c.String(http.StatusOK, "ok")
	}
	const replace, push = "HX-Replace-Url", "HX-Push-Url"
	tests := []struct {
		name         string
		do           func(*queryparams.Params, echo.Context) error
		header       []string
		replace, pus string
	}{
		{"request URL", set, []string{"HX-Request", "true"}, "/frag?page=2&x=1", ""},
		{"current URL", set, []string{"HX-Request", "true", "HX-Current-URL", "http://example.com/list?utm=a&page=1&embed=true#top"}, "/list?utm=a&page=2&embed=true#top", ""},
		{"push", func(p *queryparams.Params, c echo.Context) error {
			p.PushHistory()
			return set(p, c)
		}, []string{"HX-Request", "true"}, "", "/frag?page=2&x=1"},
		{"delete", func(p *queryparams.Params, _ echo.Context) error { return p.Delete("page") }, []string{"HX-Request", "true"}, "/frag?x=1", ""},
		{"clear", func(p *queryparams.Params, _ echo.Context) error { return p.Clear() }, []string{"HX-Request", "true", "HX-Current-URL", "http://example.com/list?utm=a&embed=true"}, "/list?embed=true", ""},
		{"no change", func(p *queryparams.Params, _ echo.Context) error { return p.Set("x", 1) }, []string{"HX-Request", "true"}, "", ""},
		{"set and undone", func(p *queryparams.Params, _ echo.Context) error { _ = p.Set("x", 2); return p.Set("x", 1) }, []string{"HX-Request", "true"}, "", ""},
		{"not htmx", set, nil, "", ""},
		{"redirect", func(p *queryparams.Params, c echo.Context) error {
			_ = p.Set("x", 2)
			return c.Redirect(http.StatusFound, "/a")
		}, []string{"HX-Request", "true"}, "", ""},
		{"the handler's own", func(p *queryparams.Params, c echo.Context) error {
			c.Response().Header().Set(push, "/own")
			return set(p, c)
		}, []string{"HX-Request", "true"}, "", "/own"},
		{"another origin", set, []string{"HX-Request", "true", "HX-Current-URL", "http://evil.example/list"}, "/frag?page=2&x=1", ""},
		{"javascript", set, []string{"HX-Request", "true", "HX-Current-URL", "javascript:alert(1)"}, "/frag?page=2&x=1", ""},
		{"userinfo", set, []string{"HX-Request", "true", "HX-Current-URL", "http://u:p@example.com/list"}, "/frag?page=2&x=1", ""},
		{"another scheme", set, []string{"HX-Request", "true", "HX-Current-URL", "ftp://example.com/list"}, "/frag?page=2&x=1", ""},
		{"slashes", set, []string{"HX-Request", "true", "HX-Current-URL", "http://example.com//evil.example/"}, "/evil.example/?page=2", ""},
		{"not a URL", set, []string{"HX-Request", "true", "HX-Current-URL", "http://%zz"}, "/frag?page=2&x=1", ""},
		{"boosted", set, []string{"HX-Request", "true", "HX-Boosted", "true", "HX-Current-URL", "http://example.com/before?a=1"}, "", "/frag?page=2&x=1"},
		{"boosted to the page itself", set, []string{"HX-Request", "true", "HX-Boosted", "true", "HX-Current-URL", "http://example.com/frag?page=2&x=%31#top"}, "/frag?page=2&x=1", ""},
		{"boosted from another host", set, []string{"HX-Request", "true", "HX-Boosted", "true", "HX-Current-URL", "http://evil.example/frag?page=2&x=1"}, "", "/frag?page=2&x=1"},
		{"boosted without a change", func(_ *queryparams.Params, c echo.Context) error { return c.NoContent(http.StatusOK) }, []string{"HX-Request", "true", "HX-Boosted", "true"}, "", ""},
		{"history restore", set, []string{"HX-Request", "true", "HX-History-Restore-Request", "true"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := get(t, page(t, tt.do), "/frag?page=1&x=1", tt.header...)
			if got := rec.Header().Get(replace); got != tt.replace {
				t.Errorf("%s = %q, want %q", replace, got, tt.replace)
			}
			if got := rec.Header().Get(push); got != tt.pus {
				t.Errorf("%s = %q, want %q", push, got, tt.pus)
			}
			if n := len(rec.Header().Values(replace)) + len(rec.Header().Values(push)); n > 1 {
				t.Errorf("%d headers, want one per response", n)
			}
		})
	}
}

func TestWritingAfterTheHeadersIsAnError(t *testing.T) {
	t.Parallel()
	var err error
	get(t, page(t, func(p *queryparams.Params, c echo.Context) error {
		_ = c.String(http.StatusOK, "gone")
		err = p.Set("page", 2)
		if _, ok := p.Get("page"); ok {
			t.Error("the refused write is visible")
		}
		return nil
	}), "/")
	if !errors.Is(err, middleware.ErrCommitted) {
		t.Errorf("error = %v, want ErrCommitted", err)
	}
}

func TestRedirectAfterPost(t *testing.T) {
	t.Parallel()
	e := page(t, func(p *queryparams.Params, c echo.Context) error {
		if err := p.Set("saved", "yes"); err != nil {
			return err
		}
		return queryparams.Redirect(c)
	})
	rec := send(t, e, http.MethodPost, "/form?tab=2")
	if got := rec.Header().Get("Location"); got != "/form?tab=2&saved=yes" || rec.Code != http.StatusSeeOther {
		t.Errorf("%d to %q", rec.Code, got)
	}
	rec = send(t, e, http.MethodPost, "/form?tab=2", "HX-Request", "true", "HX-Current-URL", "http://example.com/page?a=1")
	if got := rec.Header().Get("HX-Redirect"); got != "/page?a=1&saved=yes" || rec.Code != http.StatusOK || rec.Header().Get("HX-Replace-Url") != "" {
		t.Errorf("htmx: %d, HX-Redirect %q, HX-Replace-Url %q", rec.Code, got, rec.Header().Get("HX-Replace-Url"))
	}
}

func TestWithTakesItemsAsTheyAre(t *testing.T) {
	t.Parallel()
	type T struct {
		Form  []string `query:"form"`
		Comma []string `query:"comma" style:"form,explode=false"`
		Pipe  []string `query:"pipe" style:"pipeDelimited"`
	}
	s := queryparams.Must(queryparams.SchemaOf[T]())
	for _, want := range []T{
		{Comma: []string{"a,b"}}, {Comma: []string{"a,b", "c"}}, {Comma: []string{""}}, {Form: []string{""}}, {Pipe: []string{"a", "b"}}, {Pipe: []string{""}},
	} {
		got, err := s.With(T{Comma: []string{"old"}}, "form", want.Form, "comma", want.Comma, "pipe", want.Pipe)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("With, %v (-want +got):\n%s", err, d)
		}
	}
	if got, err := s.With(T{}, "pipe", []string{"a|b"}); err == nil {
		t.Errorf("With of an item that no URL can carry = %+v", got)
	}
}

func TestWithRemovesWhatNests(t *testing.T) {
	t.Parallel()
	type N struct {
		A int `query:"a"`
		P *struct {
			B int `query:"b"`
		} `query:"p"`
	}
	type T struct {
		Tags []string       `query:"tags"`
		M    map[string]int `query:"m"`
		L    []N            `query:"l"`
		G    *N             `query:"g"`
		Dot  *N             `query:"dot" style:"dotted"`
		X    int            `query:"x"`
		Rest url.Values     `query:",rest"`
	}
	s := queryparams.Must(queryparams.NewSchema[T](queryparams.SchemaConfig{}))
	v, err := s.Parse("tags[]=&m[a]=1&l[0][a]=1&g[p][b]=1&g[a]=2&dot.p[b]=1&dot.a=3&x=1&r=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		pairs []any
		want  string
	}{
		{[]any{"tags", []string{"y"}}, "tags=y&m%5Ba%5D=1&l%5B0%5D%5Ba%5D=1&g%5Ba%5D=2&g%5Bp%5D%5Bb%5D=1&dot.a=3&dot.p%5Bb%5D=1&x=1&r=1"},
		{[]any{"tags", nil, "m", nil, "l", nil}, "g%5Ba%5D=2&g%5Bp%5D%5Bb%5D=1&dot.a=3&dot.p%5Bb%5D=1&x=1&r=1"},
		{[]any{"tags", nil, "m", nil, "l", nil, "g", nil, "dot", nil}, "x=1&r=1"},
		{[]any{"tags", nil, "m[b]", 2, "l", nil, "g[p]", nil, "dot.p", nil, "x", 7}, "m%5Ba%5D=1&m%5Bb%5D=2&g%5Ba%5D=2&dot.a=3&x=7&r=1"},
	} {
		got, err := s.With(v, tt.pairs...)
		if err != nil {
			t.Errorf("With(%v): %v", tt.pairs, err)
			continue
		}
		if raw, err := s.Encode(got); raw != tt.want || err != nil {
			t.Errorf("With(%v) = %s, %v; want %s", tt.pairs, raw, err, tt.want)
		}
	}
}

func TestLinksStripWhatTheyAreTold(t *testing.T) {
	t.Parallel()
	u := &url.URL{Path: "/l", RawQuery: "utm[a]=1&lang=no&page=4"}
	v := Filter{Page: 3, Size: 20, Sort: "name", Price: &Range{Min: 1}, Q: "x"}
	s := queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{Retain: []string{"*"}, Strip: []string{"utm", "price", "q"}}))
	if got, err := s.LinkFrom(u, v); got != "/l?page=3&lang=no" || err != nil {
		t.Errorf("LinkFrom = %q, %v", got, err)
	}
	if got, err := s.Href(v); got != "?page=3" || err != nil {
		t.Errorf("Href = %q, %v", got, err)
	}
	if raw, err := s.Encode(v); err != nil || !strings.Contains(raw, "q=x") {
		t.Errorf("Encode = %q, %v: only links strip", raw, err)
	}
	s = queryparams.Must(queryparams.NewSchema[Filter](queryparams.SchemaConfig{Retain: []string{"*"}, Strip: []string{"lang", "utm"}}))
	if got, err := s.LinkFrom(u, plainFilter); got != "/l" || err != nil {
		t.Errorf("LinkFrom by the config = %q, %v", got, err)
	}
}
