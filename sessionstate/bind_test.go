package sessionstate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
)

// form sends a form.
func (v *visitor) form(t testing.TB, path, body string) reply {
	t.Helper()
	r := v.request(path)
	r.Method = http.MethodPost
	post := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Body, r.ContentLength = post.Body, post.ContentLength
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(t, r)
}

// bound sends values for one field and returns what the key then is.
func bound[T any](t *testing.T, values ...string) (T, int) {
	t.Helper()
	a := newApp(t, sessionstate.Config{})
	key := sessionstate.NewKey("k", sessionstate.KeyConfig[T]{})
	var got T
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		if err := sessionstate.Bind(s, c, key.Field("f")); err != nil {
			return err
		}
		got = key.Get(s)
		return nil
	})
	r := a.visitor().form(t, "/", url.Values{"f": values}.Encode())
	if r.StatusCode == http.StatusBadRequest && strings.Contains(r.body, "secret") {
		t.Errorf("the answer quotes the value: %s", r.body)
	}
	return got, r.StatusCode
}

func bindCase[T any](t *testing.T, want T, status int, values ...string) {
	t.Helper()
	got, code := bound[T](t, values...)
	if code != status || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%T of %q = %v, status %d, want %v, %d", want, values, got, code, want, status)
	}
}

func TestBindReadsFieldsOfEveryKind(t *testing.T) {
	t.Parallel()
	type color string
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	bindCase(t, "ä b", 200, "ä b")
	bindCase(t, "", 200, "")
	bindCase(t, "\uFFFD", 200, "\xff")
	bindCase(t, color("red"), 200, "red")
	bindCase(t, true, 200, "on")
	bindCase(t, true, 200, "false", "on") // a hidden input before the checkbox
	bindCase(t, false, 200, "false")
	bindCase(t, false, 400, "secret")
	bindCase(t, -7, 200, " -7 ")
	bindCase(t, 0, 400, "7.5")
	bindCase(t, 0, 400, "")
	bindCase(t, 0, 400, "1", "2")
	bindCase(t, int8(0), 400, "128")
	bindCase(t, uint(7), 200, "7")
	bindCase(t, uint(0), 400, "-7")
	bindCase(t, 1.5, 200, "1.5")
	bindCase(t, 0.0, 400, "NaN")
	bindCase(t, 0.0, 400, "1e999")
	bindCase(t, day, 200, "2026-11-22")
	bindCase(t, day.Add(90*time.Minute), 200, "2026-11-22T01:30")
	bindCase(t, day, 200, "2026-11-22T00:00:00Z")
	bindCase(t, time.Time{}, 400, "secret")
	bindCase(t, 90*time.Minute, 200, "1h30m")
	bindCase(t, time.Duration(0), 400, "90")
	bindCase(t, netip.MustParseAddr("::1"), 200, "::1")
	bindCase(t, netip.Addr{}, 400, "secret")
	bindCase(t, []string{"a", "b"}, 200, "a", "b")
	bindCase(t, []int{1, 2}, 200, "1", "2")
	bindCase(t, []int(nil), 400, "1", "secret")
	bindCase(t, 0, 200) // the field is not there
	for _, f := range []func(){
		func() { sessionstate.NewKey("k", sessionstate.KeyConfig[struct{ X int }]{}).Field("f") },
		func() { sessionstate.NewKey("k", sessionstate.KeyConfig[[][]int]{}).Field("f") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Field takes a type that no form can hold")
				}
			}()
			f()
		}()
	}
}

func TestBindSetsAllFieldsOrNone(t *testing.T) {
	t.Parallel()
	veto := errors.New("not that")
	a := newVisit(t, sessionstate.Config{Hooks: []sessionstate.Hook{
		name.OnChange(func(_ context.Context, ch sessionstate.Change[string]) error {
			if ch.New == "mallory" {
				return veto
			}
			return tags.Set(ch.State, []string{ch.New})
		}),
	}})
	fields := []sessionstate.Field{count.Field("count"), name.Field("name")}
	a.POST("/form", func(c echo.Context) error {
		s := sessionstate.From(c)
		return c.String(200, fmt.Sprintln(count.Get(s), name.Get(s), tags.Get(s)))
	}, echov4.Use(a.m.Bind(fields...)))
	a.handle("/veto", func(c echo.Context, s *sessionstate.State) error {
		if err := sessionstate.Bind(s, c, fields...); !errors.Is(err, veto) && c.Request().Method == http.MethodPost {
			t.Errorf("Bind() = %v, want the veto", err)
		}
		return c.String(200, fmt.Sprintln(count.Get(s), name.Get(s)))
	})
	v := a.visitor()
	v.form(t, "/form", "count=3&name=ada&other=x").wants(t, 200, "3 ada [ada]") // hooks have run before the handler
	v.form(t, "/form?count=9", "name=bob").wants(t, 200, "3 bob [bob]")         // a link's query is no part of a posted form
	v.form(t, "/veto", "count=4&name=mallory").wants(t, 200, "3 bob")
	r := v.form(t, "/form", "count=secret&name=ada")
	r.status(t, 400)
	if !strings.Contains(r.body, `"count"`) || strings.Contains(r.body, "secret") {
		t.Errorf("answer %s, want the field and not its value", r.body)
	}
	r = v.form(t, "/form", "count=%zz")
	r.status(t, 400)
	v.get(t, "/veto?count=8").wants(t, 200, "8 bob")

	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := errors.Join(w.WriteField("count", "12"), w.Close()); err != nil {
		t.Fatal(err)
	}
	req := v.request("/form?count=9")
	post := httptest.NewRequest(http.MethodPost, "/form", &body)
	req.Method, req.Body, req.ContentLength = http.MethodPost, post.Body, post.ContentLength
	req.Header.Set("Content-Type", w.FormDataContentType())
	v.do(t, req).wants(t, 200, "12 bob [bob]")
}

func TestBindErrorsNameEveryField(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	short := sessionstate.NewKey("short", sessionstate.KeyConfig[string]{MaxBytes: 5})
	var got *sessionstate.BindError
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		err := sessionstate.Bind(s, c, count.Field("a"), name.Field("b"), short.Field("c"))
		got, _ = errors.AsType[*sessionstate.BindError](err)
		return err
	})
	a.visitor().form(t, "/", "a=x&b=1&b=2&c=123456").status(t, 400)
	if diff := cmp.Diff([]string{"a", "b", "c"}, slices.Sorted(maps.Keys(got.Fields))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !errors.Is(got, sessionstate.ErrTooLarge) {
		t.Errorf("%v, want an ErrTooLarge among it", got)
	}
}

func TestTabsHaveValuesOfTheirOwn(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		var seen, saved []string
		note := func(to *[]string, ch sessionstate.Change[int]) {
			*to = append(*to, fmt.Sprint(ch.Key.Name(), ch.Old, ch.New, ch.Key.Get(ch.State)))
		}
		cfg.Hooks = []sessionstate.Hook{
			count.OnChange(func(_ context.Context, ch sessionstate.Change[int]) error { note(&seen, ch); return nil }),
			count.AfterCommit(func(_ context.Context, ch sessionstate.Change[int]) { note(&saved, ch) }),
		}
		a := newVisit(t, cfg)
		a.handle("/tab", func(c echo.Context, s *sessionstate.State) error {
			tab := sessionstate.Tab(c)
			if tab != sessionstate.Tab(c) {
				t.Error("a new tab has two names in one request")
			}
			n, err := sessionstate.Incr(count.In(tab), s, 1)
			if err != nil {
				return err
			}
			return c.String(200, fmt.Sprint(tab, " ", n))
		})
		a.handle("/keys", func(c echo.Context, s *sessionstate.State) error {
			return c.String(200, fmt.Sprint(s.Keys(), len(s.Snapshot())))
		})
		a.handle("/clear", func(_ echo.Context, s *sessionstate.State) error { return s.Clear() })
		v := a.visitor()
		v.get(t, "/incr").wants(t, 200, "1")
		v.get(t, "/tab?tab=A").wants(t, 200, "A 1")
		v.get(t, "/tab?tab=A").wants(t, 200, "A 2")
		v.form(t, "/tab", "tab=B").wants(t, 200, "B 1")
		r := v.request("/tab?tab=A")
		r.Header.Set("X-Tab-Id", "B")
		v.do(t, r).wants(t, 200, "B 2")
		v.get(t, "/").wants(t, 200, "1")
		v.get(t, "/keys").wants(t, 200, "[count] 1")
		want := []string{"count 0 1 1", "count 0 1 1", "count 1 2 2", "count 0 1 1", "count 1 2 2"}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "count ", "count")
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("OnChange: -want +got:\n%s", diff)
		}
		if diff := cmp.Diff(want, saved); diff != "" {
			t.Errorf("AfterCommit: -want +got:\n%s", diff)
		}
		for _, bad := range []string{"", "a%00b", strings.Repeat("x", 37), "../x"} {
			body := v.get(t, "/tab?tab="+bad).body
			if name, n, _ := strings.Cut(body, " "); n != "1" || len(name) != 12 {
				t.Errorf("tab %q: %q, want a new tab", bad, body)
			}
		}
		v.get(t, "/clear").status(t, 200)
		v.get(t, "/tab?tab=A").wants(t, 200, "A 1")
	})
}

func TestTheTabThatHasNotWrittenForLongestMakesRoom(t *testing.T) {
	t.Parallel()
	bubbles(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/tab", func(c echo.Context, s *sessionstate.State) error {
			n, err := sessionstate.Incr(count.In(sessionstate.Tab(c)), s, 1)
			if err != nil {
				return err
			}
			return c.String(200, fmt.Sprint(n))
		})
		v := a.visitor()
		v.get(t, "/incr")
		for i := range 8 {
			v.get(t, fmt.Sprint("/tab?tab=", i)).wants(t, 200, "1")
			time.Sleep(time.Minute)
		}
		v.get(t, "/tab?tab=0").wants(t, 200, "2")
		time.Sleep(time.Minute)
		v.get(t, "/tab?tab=8").wants(t, 200, "1") // instead of 1
		time.Sleep(time.Minute)
		v.get(t, "/tab?tab=0").wants(t, 200, "3")
		v.get(t, "/tab?tab=2").wants(t, 200, "2")
		time.Sleep(time.Minute)
		v.get(t, "/tab?tab=1").wants(t, 200, "1") // instead of 3
		v.get(t, "/tab?tab=7").wants(t, 200, "2")
		v.get(t, "/").wants(t, 200, "1")
	})
}

func TestKeysInTabsKeepToThemselves(t *testing.T) {
	t.Parallel()
	a := newVisit(t, sessionstate.Config{})
	a.handle("/x", func(_ echo.Context, s *sessionstate.State) error {
		odd := "a\x00b" + strings.Repeat("x", 100)
		if err := errors.Join(name.In(odd).Set(s, "one"), name.In("t").In("u").Set(s, "two")); err != nil {
			return err
		}
		if got := []string{name.In(odd).Get(s), name.In("t").Get(s), name.In("u").Get(s), name.Get(s)}; !slices.Equal(got, []string{"one", "nobody", "two", "nobody"}) {
			t.Errorf("got %q", got)
		}
		err := name.In("t").Set(s, strings.Repeat("x", 5000))
		if !errors.Is(err, sessionstate.ErrTooLarge) || !strings.Contains(err.Error(), `with key "name"`) || strings.Contains(err.Error(), "\\x00") {
			t.Errorf("too large: %v", err)
		}
		return nil
	})
	a.visitor().get(t, "/x").status(t, 200)
	defer func() {
		if recover() == nil {
			t.Error("NewKey takes a zero byte in a name")
		}
	}()
	sessionstate.NewKey("a\x00b", sessionstate.KeyConfig[int]{})
}
