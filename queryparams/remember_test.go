package queryparams_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// seen is a page's view that the session remembers.
type seen struct {
	Page int    `query:"page" default:"1" max:"9"`
	Sort string `query:"sort" default:"name" enum:"name|age"`
	Lang string `query:"lang"`
}

var seens = queryparams.Must(queryparams.NewSchema[seen](queryparams.SchemaConfig{}))

// visitor is a browser with cookies.
type visitor struct {
	e      *echo.Echo
	cookie string
}

func (v *visitor) get(target string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, http.NoBody)
	req.Header.Set("Cookie", v.cookie)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	v.e.ServeHTTP(rec, req)
	if c := rec.Result().Cookies(); len(c) > 0 {
		v.cookie = c[0].Name + "=" + c[0].Value
	}
	return rec
}

func remembering(t *testing.T, key *sessionstate.Key[seen], cfg queryparams.RememberConfig) *visitor {
	t.Helper()
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{Observer: observe.Func(func(context.Context, observe.Event) {})}))
	t.Cleanup(func() { _ = sessions.Close(context.WithoutCancel(t.Context())) })
	stack := middleware.Must(middleware.New(sessions, queryparams.Must(queryparams.New(queryparams.Config{}))))
	page := queryparams.Must(queryparams.Remember(seens, key, sessionstate.From, cfg))
	e := echo.New()
	e.Use(echov4.Middleware(stack))
	e.GET("/set", func(c echo.Context) error {
		return key.Set(sessionstate.From(c), seen{Page: 77, Sort: "age"}) // 77 is not valid any more
	})
	e.GET("/*", func(c echo.Context) error {
		v, err := page.Bind(c)
		if err != nil {
			return err
		}
		p, err := queryparams.From(c)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprintf("%d %s %s%s", v.Page, v.Sort, v.Lang, p.Script("")))
	})
	return &visitor{e: e}
}

func TestRememberedParametersFollowTheirPrecedence(t *testing.T) {
	t.Parallel()
	v := remembering(t, sessionstate.NewKey("followed", sessionstate.KeyConfig[seen]{}), queryparams.RememberConfig{Only: []string{"page", "sort"}, Follow: true})
	for _, step := range []struct{ target, want, script string }{
		{"/l", "1 name ", ""},                          // nothing is kept: the defaults
		{"/l?page=3&sort=age&lang=no", "3 age no", ""}, // the URL
		{"/l", "3 age ", "/l?page=3\\u0026sort=age"},   // what it was; lang is not remembered
		{"/l?lang=en", "3 age en", "/l?lang=en\\u0026page=3\\u0026sort=age"},
		{"/l?page=2", "2 name ", ""}, // a URL is the whole truth
		{"/l?page=99", "", ""},       // 400, and nothing is kept
		{"/l", "2 name ", "/l?page=2"},
		{"/l?page=", "1 name ", ""}, // back to the defaults
		{"/l", "1 name ", ""},
		{"/set", "", ""},
		{"/l", "1 name ", ""}, // what is kept is not valid: the defaults
	} {
		rec := v.get(step.target)
		text, script, _ := strings.Cut(rec.Body.String(), "<script")
		if rec.Code == http.StatusOK && step.want != "" && text != step.want || step.want != "" && rec.Code != http.StatusOK {
			t.Errorf("%s: %d %q, want %q", step.target, rec.Code, text, step.want)
		}
		if step.script == "" && script != "" || step.script != "" && !strings.Contains(script, `"`+step.script+`"`) {
			t.Errorf("%s: script %q, want one to %q", step.target, script, step.script)
		}
	}
	v.get("/l?page=4")
	if got := v.get("/part", "HX-Request", "true", "HX-Current-URL", "http://example.com/l").Header().Get("HX-Replace-Url"); got != "/l?page=4" {
		t.Errorf("htmx gets %q", got)
	}
}

func TestRememberedParametersAreSeededOnly(t *testing.T) {
	t.Parallel()
	v := remembering(t, sessionstate.NewKey("seeded", sessionstate.KeyConfig[seen]{}), queryparams.RememberConfig{})
	v.get("/l?page=3")
	if got := v.get("/l").Body.String(); got != "1 name " || v.cookie != "" {
		t.Errorf("after a visit with page=3: %q, cookie %q; want nothing kept", got, v.cookie)
	}
}

func TestRememberedLinksToTheDefaultsSaySo(t *testing.T) {
	t.Parallel()
	key := sessionstate.NewKey("links", sessionstate.KeyConfig[seen]{})
	page := queryparams.Must(queryparams.Remember(seens, key, sessionstate.From, queryparams.RememberConfig{Only: []string{"sort", "page"}}))
	for _, tt := range []struct {
		v    seen
		want string
	}{
		{seen{Page: 2, Sort: "name"}, "?page=2"},
		{seen{Page: 1, Sort: "name"}, "?page="},
		{seen{Page: 1, Sort: "name", Lang: "no"}, "?lang=no&page="},
	} {
		got, err := page.Href(tt.v)
		if got != tt.want || err != nil {
			t.Errorf("Href(%+v) = %q, %v; want %q", tt.v, got, err, tt.want)
		}
		if back, err := seens.Parse(got[1:]); err != nil || back != tt.v {
			t.Errorf("%s reads back %+v, %v", got, back, err)
		}
	}
	tpl := template.Must(template.New("").Funcs(page.Funcs()).Parse(`{{qlink . "sort" "age"}} {{qlink . "page" nil}} {{qlink . "lang" "no" "page" 1}} {{qhidden . "sort"}}`))
	var b strings.Builder
	if err := tpl.Execute(&b, seen{Page: 2, Sort: "name"}); err != nil {
		t.Fatal(err)
	}
	if want := `?page=2&amp;sort=age ?page= ?lang=no&amp;page= <input type="hidden" name="page" value="2">`; b.String() != want {
		t.Errorf("the template writes %s, want %s", b.String(), want)
	}
	type texts struct {
		Q string `query:"q"`
	}
	s := queryparams.Must(queryparams.SchemaOf[texts]())
	_, err1 := queryparams.Remember(s, sessionstate.NewKey("texts", sessionstate.KeyConfig[texts]{}), sessionstate.From, queryparams.RememberConfig{})
	_, err2 := queryparams.Remember(seens, key, sessionstate.From, queryparams.RememberConfig{Only: []string{"pgae"}})
	_, err3 := queryparams.Remember[seen, *sessionstate.State](seens, key, nil, queryparams.RememberConfig{})
	_, err4 := queryparams.Remember[seen, *sessionstate.State](nil, nil, sessionstate.From, queryparams.RememberConfig{})
	for i, err := range []error{err1, err2, err3, err4} {
		if err == nil {
			t.Errorf("configuration %d is accepted", i+1)
		}
	}
}

// broken is a memory that fails.
type broken struct{}

var errBroken = errors.New("the memory is broken")

func (broken) Lookup(int) (seen, bool, error) { return seen{}, false, errBroken }
func (broken) Set(int, seen) error            { return errBroken }

func TestABrokenMemoryIsAnError(t *testing.T) {
	t.Parallel()
	page := queryparams.Must(queryparams.Remember(seens, queryparams.Memory[seen, int](broken{}), func(middleware.Context) int { return 0 }, queryparams.RememberConfig{Follow: true}))
	for _, target := range []string{"/", "/?page=2"} {
		c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, target, http.NoBody), httptest.NewRecorder())
		if _, err := page.Bind(c); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v, want the memory's error", target, err)
		}
	}
}
