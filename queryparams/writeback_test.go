package queryparams_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/queryparams"
)

// serve is an app with one handler behind a plugin, and what the handler's
// route has ended with.
func serve(t *testing.T, cfg queryparams.Config, handler echo.HandlerFunc) (e *echo.Echo, ended *error) {
	t.Helper()
	e, ended = echo.New(), new(error)
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			*ended = next(c)
			return *ended
		}
	})
	e.Use(echov4.Use(queryparams.Must(queryparams.New(cfg))))
	e.Any("/*", handler)
	return e, ended
}

var layout = template.Must(template.New("").Parse(`<head>{{.Script "n-1"}}</head>`))

// show writes p and renders a page that has p's script.
func show(write func(*queryparams.Params) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		if err := write(p); err != nil {
			return err
		}
		return layout.Execute(c.Response(), p)
	}
}

func TestFullPagesCarryAScript(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) func(*queryparams.Params) error {
		return func(p *queryparams.Params) error {
			for i := 0; i < len(pairs); i += 2 {
				if err := p.Set(pairs[i], pairs[i+1]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	const open, end = `<head><script nonce="n-1">`, `</script></head>`
	for _, tt := range []struct {
		name, target, want string
		write              func(*queryparams.Params) error
		header             []string
	}{
		{"replace", "/list?x=1", open + `history.replaceState(history.state,"","/list?x=1\u0026page=2"+location.hash)` + end, set("page", "2"), nil},
		{"two writes are one change", "/list", open + `history.replaceState(history.state,"","/list?page=3\u0026q=a"+location.hash)` + end, set("page", "2", "page", "3", "q", "a"), nil},
		{"nothing changes", "/list?page=2", "<head></head>", set("page", "2"), nil},
		{"nothing is written", "/list?page=2&q=%zz", "<head></head>", set(), nil},
		{"a script end in a value", "/list", open + `history.replaceState(history.state,"","/list?q=%3C/script%3E%22"+location.hash)` + end, set("q", `</script>"`), nil},
		{"two slashes", "//evil.example/x", open + `history.replaceState(history.state,"","/evil.example/x?page=2"+location.hash)` + end, set("page", "2"), nil},
		{"history restore", "/list", open + `history.replaceState(history.state,"","/list?page=2"+location.hash)` + end, set("page", "2"), []string{"HX-Request", "true", "HX-History-Restore-Request", "true"}},
		{"a header tells htmx", "/list", "<head></head>", set("page", "2"), []string{"HX-Request", "true"}},
		{"and a followed link", "/list", "<head></head>", set("page", "2"), []string{"HX-Request", "true", "HX-Boosted", "true"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, ended := serve(t, queryparams.Config{}, show(tt.write))
			rec := get(t, e, tt.target, tt.header...)
			if got := rec.Body.String(); got != tt.want || *ended != nil {
				t.Errorf("%s, %v\nwant %s", got, *ended, tt.want)
			}
			headers := len(rec.Header().Values("HX-Replace-Url")) + len(rec.Header().Values("HX-Push-Url"))
			if told := headers + strings.Count(tt.want, "<script"); told > 1 {
				t.Errorf("%d headers and scripts, want one change for each response", told)
			}
		})
	}
	e, _ := serve(t, queryparams.Config{}, show(func(p *queryparams.Params) error {
		p.PushHistory()
		return p.Set("page", 2)
	}))
	if got := get(t, e, "/list").Body.String(); !strings.Contains(got, `history.pushState(null,"","/list?page=2"+location.hash)`) || !strings.Contains(got, "popstate") {
		t.Errorf("after PushHistory(): %s", got)
	}
	p := dict(t, "a=1")
	if got := p.Script("n"); got != "" {
		t.Errorf("Script of Params of no request = %q", got)
	}
}

func TestAScriptEscapesItsNonce(t *testing.T) {
	t.Parallel()
	var got template.HTML
	e, _ := serve(t, queryparams.Config{}, func(c echo.Context) error {
		p, _ := queryparams.From(c)
		_ = p.Set("a", 1)
		got = p.Script(`"><img>`)
		return c.NoContent(http.StatusOK)
	})
	get(t, e, "/")
	if !strings.HasPrefix(string(got), `<script nonce="&#34;&gt;&lt;img&gt;">`) {
		t.Errorf("Script = %s", got)
	}
}

func TestThereIsNoWriteAfterTheScript(t *testing.T) {
	t.Parallel()
	e, _ := serve(t, queryparams.Config{}, func(c echo.Context) error {
		p, _ := queryparams.From(c)
		_ = p.Set("a", 1)
		_ = p.Script("")
		if err := p.Set("a", 2); !errors.Is(err, middleware.ErrCommitted) {
			t.Errorf("Set after Script = %v, want ErrCommitted", err)
		}
		if v, _ := p.Get("a"); v != "1" {
			t.Errorf("the refused write is visible: %q", v)
		}
		return c.NoContent(http.StatusOK)
	})
	get(t, e, "/")
}

func TestNoChangeIsLostInSilence(t *testing.T) {
	t.Parallel()
	ok := func(c echo.Context) error { return c.String(http.StatusOK, "ok") }
	for _, tt := range []struct {
		name   string
		after  func(*queryparams.Params, echo.Context) error
		header []string
		want   error
	}{
		{"nobody tells", func(_ *queryparams.Params, c echo.Context) error { return ok(c) }, nil, queryparams.ErrNotSent},
		{"undone", func(p *queryparams.Params, c echo.Context) error { _ = p.Delete("page"); return ok(c) }, nil, nil},
		{"a fragment", func(_ *queryparams.Params, c echo.Context) error { return ok(c) }, []string{"HX-Request", "true"}, nil},
		{"the program tells", func(p *queryparams.Params, c echo.Context) error { return c.String(http.StatusOK, p.URL()) }, nil, nil},
		{"a redirect", func(_ *queryparams.Params, c echo.Context) error { return queryparams.Redirect(c) }, nil, nil},
		{"an answer that is an error", func(_ *queryparams.Params, c echo.Context) error { return c.NoContent(http.StatusTeapot) }, nil, nil},
	} {
		e, ended := serve(t, queryparams.Config{}, func(c echo.Context) error {
			p, err := queryparams.From(c)
			if err != nil {
				return err
			}
			if err := p.Set("page", 2); err != nil {
				return err
			}
			return tt.after(p, c)
		})
		get(t, e, "/", tt.header...)
		if !errors.Is(*ended, tt.want) {
			t.Errorf("%s: the request ended with %v, want %v", tt.name, *ended, tt.want)
		}
	}
}

func TestOnChangeHandsOutEveryChangeInOrder(t *testing.T) {
	t.Parallel()
	e, ended := serve(t, queryparams.Config{}, func(c echo.Context) error {
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		_ = c.String(http.StatusOK, "the headers have left")
		type change struct {
			Query string
			Push  bool
		}
		var got []change
		p.OnChange(func(query string, push bool) {
			got = append(got, change{query, push}) // without a lock: there is never a second call
			if query == "embed=true&a=1" {
				if err := p.Set("b", 1); err != nil { // a write of its own comes after
					t.Error(err)
				}
				if len(got) != 1 {
					t.Error("fn was called within fn")
				}
			}
		})
		for _, v := range []int{1, 1} {
			if err := p.Set("a", v); err != nil {
				return err
			}
		}
		p.PushHistory()
		if err := p.Clear(); err != nil {
			return err
		}
		want := []change{
			{Query: "embed=true&a=1"}, {Query: "embed=true&a=1&b=1"}, {Query: "embed=true", Push: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		got = nil
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { _ = p.Set("n"+strconv.Itoa(i), i) })
		}
		wg.Wait()
		sizes := make([]int, len(got))
		for i, ch := range got {
			sizes[i] = len(ch.Query)
		}
		if len(got) != 50 || !slices.IsSorted(sizes) {
			t.Errorf("50 writes at once: %d changes, of lengths %v", len(got), sizes)
		}
		return nil
	})
	get(t, e, "/?embed=true")
	if *ended != nil {
		t.Error(*ended)
	}
}

func TestOnChangeSurvivesAPanic(t *testing.T) {
	t.Parallel()
	p := dict(t, "")
	n := 0
	p.OnChange(func(string, bool) {
		if n++; n == 1 {
			panic("once")
		}
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the writer")
			}
		}()
		_ = p.Set("a", 1)
	}()
	if err := p.Set("a", 2); err != nil || n != 2 {
		t.Errorf("after a panic: %v, %d calls, want 2", err, n)
	}
}

// view is a page's query with a value that is corrected.
type view struct {
	Page int    `query:"page" default:"1" max:"9" invalid:"default"`
	Sort string `query:"sort" default:"name" enum:"name|age"`
}

var views = queryparams.Must(queryparams.NewSchema[view](queryparams.SchemaConfig{}))

func viewPage(c echo.Context) error {
	if _, err := views.Bind(c); err != nil {
		return err
	}
	p, err := queryparams.From(c)
	if err != nil {
		return err
	}
	return layout.Execute(c.Response(), p)
}

func TestCorrectedValuesAreWrittenBack(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/l?u=1&page=99&sort=age":         "/l?u=1&sort=age",
		"/l?page=x&u=1":                   "/l?u=1",
		"/l?page=1&page=2&u=%2c":          "/l?u=%2C",
		"/l?page=2&sort=name":             "", // not canonical, but not faulty
		"/l?page=3":                       "",
		"/l?%70age=99&embed=true":         "/l?embed=true",
		"/l?page=99&a=x%2Cy&b=x,y&c=%zz;": "/l?a=x%2Cy&b=x,y&c=%25zz%3B",
	} {
		e, ended := serve(t, queryparams.Config{}, viewPage)
		script := get(t, e, target).Body.String()
		if wanted := strings.ReplaceAll(want, "&", `\u0026`); want != "" && !strings.Contains(script, `"`+wanted+`"`) || want == "" && strings.Contains(script, "<script") || *ended != nil {
			t.Errorf("%s: script %s, %v, want %q", target, script, *ended, want)
		}
		got := get(t, e, target, "HX-Request", "true").Header().Get("HX-Replace-Url")
		if got != want {
			t.Errorf("%s by htmx: %q, want %q", target, got, want)
		}
	}
	// a page that has no place for the script is served all the same
	e, ended := serve(t, queryparams.Config{}, func(c echo.Context) error {
		v, err := views.Bind(c)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, v)
	})
	if rec := get(t, e, "/l?page=99"); rec.Code != http.StatusOK || *ended != nil {
		t.Errorf("%d, %v", rec.Code, *ended)
	}
}

// counted counts how often it was validated.
type counted struct {
	Page      int `query:"page" default:"1" invalid:"default"`
	Validated int `query:"-"`
}

func (c *counted) Validate() error {
	c.Validated++
	return nil
}

// rememberedOnce remembers nothing.
type rememberedOnce struct{}

func (rememberedOnce) Lookup(echo.Context) (counted, bool, error) { return counted{}, false, nil }
func (rememberedOnce) Set(echo.Context, counted) error            { return nil }

func TestBindReturnsWhatWasValidatedOnce(t *testing.T) {
	t.Parallel()
	schema := queryparams.Must(queryparams.NewSchema[counted](queryparams.SchemaConfig{}))
	remembered := queryparams.Must(queryparams.Remember(schema, rememberedOnce{}, func(c middleware.Context) echo.Context {
		return c.(echo.Context)
	}, queryparams.RememberConfig{}))
	for name, bind := range map[string]func(c echo.Context) (counted, error){
		"Schema":     func(c echo.Context) (counted, error) { return schema.Bind(c) },
		"Remembered": func(c echo.Context) (counted, error) { return remembered.Bind(c) },
	} {
		for _, canonical := range []bool{false, true} {
			for _, target := range []string{"/l", "/l?page=2", "/l?page=x"} {
				e, _ := serve(t, queryparams.Config{Canonical: canonical}, func(c echo.Context) error {
					got, err := bind(c)
					if redirect, ok := errors.AsType[*queryparams.RedirectError](err); err != nil && !ok {
						t.Errorf("%s: %s: %v, %v", name, target, redirect, err)
					}
					if got.Validated != 1 {
						t.Errorf("%s: %s, canonical %v: the value was validated %d times", name, target, canonical, got.Validated)
					}
					return queryparams.Redirect(c)
				})
				get(t, e, target)
			}
		}
	}
}

func TestCanonicalRedirectsOnceAndOnlyGETAndHEAD(t *testing.T) {
	t.Parallel()
	type other struct {
		A int `query:"a"`
		B int `query:"b" default:"1"`
	}
	others := queryparams.Must(queryparams.NewSchema[other](queryparams.SchemaConfig{}))
	e, ended := serve(t, queryparams.Config{Canonical: true}, func(c echo.Context) error {
		if _, err := views.Bind(c); err != nil {
			return err
		}
		if _, err := others.Bind(c); err != nil {
			return err
		}
		return c.NoContent(http.StatusOK)
	})
	for target, want := range map[string]string{
		"/l?sort=age&page=2":                "/l?page=2&sort=age",
		"/l?page=1&sort=name":               "/l",
		"/l?page=99":                        "/l",
		"/l?x=%7e&page=%32&y=;":             "/l?x=%7E&page=2&y=%3B",
		"/l?sort=age&x=1&page=2&embed=true": "/l?page=2&x=1&sort=age&embed=true",
		"//evil.example/%5Cx?page=1":        "/evil.example/%5Cx",
		"/%5Cevil.example?page=1":           "/%5Cevil.example",
		"/l?sort=age&b=2&a=1&page=2":        "/l?page=2&b=2&a=1&sort=age", // the other schema's turn comes next
		"/l?page=2&sort=age":                "",
		"/l":                                "",
		"/l?a=1&x=1&page=2":                 "",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			rec := send(t, e, method, target)
			got := rec.Header().Get("Location")
			if got != want || want != "" && rec.Code != http.StatusPermanentRedirect || want == "" && rec.Code != http.StatusOK {
				t.Errorf("%s %s: %d to %q, want %q (%v)", method, target, rec.Code, got, want, *ended)
			}
		}
		hops := 0
		for at := want; at != ""; hops++ {
			at = send(t, e, http.MethodGet, at).Header().Get("Location")
			if hops > 2 {
				t.Fatalf("%s: a chain of redirects", target)
			}
		}
		for _, header := range [][]string{{"HX-Request", "true"}, {"HX-Request", "true", "HX-Boosted", "true"}} {
			if rec := send(t, e, http.MethodGet, target, header...); rec.Code != http.StatusOK {
				t.Errorf("%s %v: %d, want no redirect", target, header, rec.Code)
			}
		}
		if rec := send(t, e, http.MethodPost, target); rec.Code != http.StatusOK {
			t.Errorf("POST %s: %d, want no redirect", target, rec.Code)
		}
	}
	var to *queryparams.RedirectError
	get(t, e, "/l?page=1")
	if !errors.As(*ended, &to) || to.URL != "/l" || to.StatusCode() != http.StatusPermanentRedirect {
		t.Errorf("Bind error = %v, want a *RedirectError to /l", *ended)
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	old := []queryparams.Migration{
		queryparams.Rename("p", "page"),
		queryparams.Drop("utm_id", "m"),
		queryparams.Rewrite("sort", func(v string) (string, bool) { return strings.ToLower(v), v != "none" }),
	}
	for _, tt := range []struct{ raw, want string }{
		{"p=2&utm_id=7&x=1", "page=2&x=1"},
		{"p=2&page=3", "page=3"},
		{"p[a]=1&p=2&q=1", "page%5Ba%5D=1&page=2&q=1"},
		{"sort=AGE&m[x]=1&mm=1", "sort=age&mm=1"},
		{"sort=none", ""},
		{"pp=1", ""},
		{"", ""},
	} {
		for _, canonical := range []bool{false, true} {
			var seen string
			e, ended := serve(t, queryparams.Config{Migrations: old, Canonical: canonical}, func(c echo.Context) error {
				p, err := queryparams.From(c)
				if err != nil {
					return err
				}
				seen = p.Encode()
				return layout.Execute(c.Response(), p)
			})
			rec := get(t, e, "/l?"+tt.raw)
			changed := tt.want != "" || tt.raw == "sort=none"
			to := strings.TrimSuffix("/l?"+tt.want, "?")
			switch {
			case !changed:
				if rec.Code != http.StatusOK || strings.Contains(rec.Body.String(), "<script") {
					t.Errorf("%s: %d %s, want it served as it is", tt.raw, rec.Code, rec.Body)
				}
			case canonical:
				if got := rec.Header().Get("Location"); got != to || rec.Code != http.StatusPermanentRedirect {
					t.Errorf("%s: %d to %q, want %q", tt.raw, rec.Code, got, to)
				}
				if rec := get(t, e, to); rec.Code != http.StatusOK {
					t.Errorf("%s: a second redirect to %q", tt.raw, rec.Header().Get("Location"))
				}
			default:
				if seen != tt.want || !strings.Contains(rec.Body.String(), `"`+strings.ReplaceAll(to, "&", `\u0026`)+`"`) {
					t.Errorf("%s: seen %q, page %s, want %q", tt.raw, seen, rec.Body, tt.want)
				}
			}
			if *ended != nil {
				t.Error(*ended)
			}
			if rec := get(t, e, "/part?"+tt.raw, "HX-Request", "true", "HX-Current-URL", "http://example.com/l?"+tt.raw); changed && rec.Header().Get("HX-Replace-Url") != to {
				t.Errorf("%s by htmx: %q, want %q", tt.raw, rec.Header().Get("HX-Replace-Url"), to)
			}
		}
	}
	// Bind sees the new names too, and a POST is never redirected
	e, _ := serve(t, queryparams.Config{Migrations: old, Canonical: true}, func(c echo.Context) error {
		v, err := views.Bind(c)
		return errors.Join(err, c.String(http.StatusOK, fmt.Sprint(v)))
	})
	if rec := send(t, e, http.MethodPost, "/?p=7&sort=AGE"); rec.Body.String() != "{7 age}" {
		t.Errorf("POST: %d %s", rec.Code, rec.Body)
	}
}

func TestAMigrationThatNeverSettlesDoesNotRedirectForever(t *testing.T) {
	t.Parallel()
	e, _ := serve(t, queryparams.Config{
		Migrations: []queryparams.Migration{queryparams.Rewrite("n", func(v string) (string, bool) { return v + "x", true })},
		Canonical:  true,
	}, func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	if rec := get(t, e, "/?n=1"); rec.Code != http.StatusOK {
		t.Errorf("%d to %q", rec.Code, rec.Header().Get("Location"))
	}
}

func TestNewRefusesMigrationsThatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := queryparams.New(queryparams.Config{Migrations: []queryparams.Migration{
		{},
		queryparams.Rename("a", "a"), queryparams.Rename("", "b"), queryparams.Rename("a", "a[b]"), queryparams.Drop(),
		queryparams.Rewrite("x", nil), queryparams.Drop("EMBED"),
	}})
	if err == nil || strings.Count(err.Error(), "\n") != 6 {
		t.Errorf("New error:\n%v\nwant 7 problems", err)
	}
}

func TestOnErrorTranslates(t *testing.T) {
	t.Parallel()
	type locale struct{}
	cfg := queryparams.Config{OnError: func(ctx context.Context, errs *queryparams.Errors) error {
		for _, f := range errs.Fields {
			if f.Code == queryparams.CodeEnum && ctx.Value(locale{}) == "no" {
				f.Detail = "er ikke et av valgene"
			}
		}
		return errs
	}}
	e, _ := serve(t, cfg, func(c echo.Context) error {
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), locale{}, "no")))
		_, err := views.Bind(c)
		return err
	})
	if rec := get(t, e, "/?sort=size"); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "er ikke et av valgene") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	own := errors.New("own")
	e, ended := serve(t, queryparams.Config{OnError: func(context.Context, *queryparams.Errors) error { return own }}, func(c echo.Context) error {
		_, err := queryparams.Get(c, "n", queryparams.Param[int]{})
		return err
	})
	get(t, e, "/?n=x")
	if !errors.Is(*ended, own) {
		t.Errorf("error = %v, want the app's own", *ended)
	}
}

// What a URL says to a schema depends on which delimiters are escaped: writing
// one parameter must not change another.
func TestEscapedDelimitersSurviveWritesElsewhere(t *testing.T) {
	t.Parallel()
	type list struct {
		Tags []string `query:"tags" style:"form,explode=false"`
		X    int      `query:"x"`
	}
	lists := queryparams.Must(queryparams.NewSchema[list](queryparams.SchemaConfig{}))
	p := dict(t, "tags=a%2cb,c&y=%zz%2C%ff%41")
	if err := p.Set("x", 1); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Encode(), "tags=a%2Cb,c&y=%25zz%2C%EF%BF%BDA&x=1"; got != want {
		t.Errorf("Encode = %q, want %q", got, want)
	}
	want := list{Tags: []string{"a,b", "c"}, X: 2}
	if err := lists.Store(p, want); err != nil {
		t.Fatal(err)
	}
	if got, err := lists.Parse(p.Encode()); err != nil || !cmp.Equal(got, want) {
		t.Errorf("after Store: %+v, %v, want %+v", got, err, want)
	}
	if got, err := lists.With(want, "x", 3); err != nil || !cmp.Equal(got, list{Tags: want.Tags, X: 3}) {
		t.Errorf("With = %+v, %v", got, err)
	}
}

func TestOnErrorThatReturnsNothingDoesNotHideTheFaults(t *testing.T) {
	t.Parallel()
	cfg := queryparams.Config{OnError: func(context.Context, *queryparams.Errors) error { return nil }}
	e, ended := serve(t, cfg, func(c echo.Context) error {
		_, err := views.Bind(c)
		return err
	})
	if rec := get(t, e, "/?sort=size"); rec.Code != http.StatusBadRequest {
		t.Errorf("%d, %v: the handler went on with no value", rec.Code, *ended)
	}
}

// A cache between must not give one browser's answer to another.
func TestAnswersVaryByWhatDecidesThem(t *testing.T) {
	t.Parallel()
	e, _ := serve(t, queryparams.Config{}, show(func(p *queryparams.Params) error { return p.Set("page", 2) }))
	for _, header := range [][]string{
		nil,
		{"HX-Request", "true", "HX-Current-URL", "http://example.com/l?page=2"}, // nothing differs for this one
		{"HX-Request", "true", "HX-Current-URL", "http://example.com/l"},
		{"HX-Request", "true", "HX-Boosted", "true"},
	} {
		vary := strings.Join(get(t, e, "/l", header...).Header().Values("Vary"), ", ")
		want := []string{"HX-Request", "HX-Boosted", "HX-History-Restore-Request"}
		if header != nil {
			want = append(want, "HX-Current-URL")
		}
		for _, name := range want {
			if !slices.Contains(strings.Split(vary, ", "), name) {
				t.Errorf("%v: Vary %q lacks %s", header, vary, name)
			}
		}
	}
	e, _ = serve(t, queryparams.Config{}, show(func(*queryparams.Params) error { return nil }))
	if vary := get(t, e, "/l").Header().Get("Vary"); vary != "" {
		t.Errorf("nothing is written, and Vary is %q", vary)
	}
}

func TestOnChangeCanBeTakenAway(t *testing.T) {
	t.Parallel()
	p := dict(t, "")
	n := 0
	p.OnChange(func(string, bool) { // a change is waiting when fn goes
		if n++; n == 1 {
			_ = p.Set("b", 1)
			p.OnChange(nil)
		}
	})
	if err := errors.Join(p.Set("a", 1), p.Set("a", 2)); err != nil || n != 1 {
		t.Errorf("%v, %d calls", err, n)
	}
}

// A write that comes while the headers are on their way must not be lost in
// silence: it is in them, or it is refused.
func TestWritesDuringTheCommitAreRefusedOrSent(t *testing.T) {
	t.Parallel()
	for range 200 {
		var err error
		wrote := make(chan struct{})
		e := page(t, func(p *queryparams.Params, c echo.Context) error {
			if err := p.Set("page", 1); err != nil {
				return err
			}
			go func() {
				defer close(wrote)
				err = p.Set("page", 2)
			}()
			return c.NoContent(http.StatusOK)
		})
		got := get(t, e, "/", "HX-Request", "true").Header().Get("HX-Replace-Url")
		<-wrote
		if sent := got == "/?page=2"; sent != (err == nil) {
			t.Fatalf("sent %q, Set = %v", got, err)
		}
	}
}

func TestAPageCanSayWhatWasCorrected(t *testing.T) {
	t.Parallel()
	var got []*queryparams.FieldError
	e, _ := serve(t, queryparams.Config{}, func(c echo.Context) error {
		if _, err := views.Bind(c); err != nil {
			return err
		}
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		got = p.Corrections()
		return layout.Execute(c.Response(), p)
	})
	get(t, e, "/l?page=99")
	if len(got) != 1 || got[0].Parameter != "page" || got[0].Code != queryparams.CodeRange || *got[0].Value != "99" {
		t.Errorf("Corrections = %v", got)
	}
	if get(t, e, "/l?page=2"); got != nil {
		t.Errorf("Corrections of a good query = %v", got)
	}
}
