package sessionstate_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/waysouttest"
	"github.com/reecho-go/reecho/internal/waysouttest/echov4test"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/sessionstate"
)

// The commit matrix: every way out x every mix of middlewares x both protocols
// x both modes.
func TestTheSessionIsSavedOnEveryWayOut(t *testing.T) {
	t.Parallel()
	ways := waysouttest.Ways(t)
	modes(t, func(t *testing.T, c sessionstate.Config) {
		for _, ar := range echov4test.Framework().Arounds() {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/http2=%v", ar.Name, h2), func(t *testing.T) {
					t.Parallel()
					srv := serveWays(t, c, ways, ar, h2)
					for _, w := range ways {
						if w.Exists(ar, h2) {
							t.Run(w.Name, func(t *testing.T) { wayOut(t, srv, w) })
						}
					}
				})
			}
		}
	})
}

// serveWays serves every way on a path of its own, and the count on "/".
func serveWays(t *testing.T, c sessionstate.Config, ways []waysouttest.Way, ar waysouttest.Around, h2 bool) *httptest.Server {
	t.Helper()
	c.Secrets = []sessionstate.Secret{key1}
	routes := map[string]func(waysouttest.Answer) error{
		"/": func(x waysouttest.Answer) error {
			return x.String(http.StatusOK, strconv.Itoa(count.Get(sessionstate.From(x))))
		},
	}
	for _, w := range ways {
		routes["/"+w.Name] = func(x waysouttest.Answer) error {
			if _, err := sessionstate.Incr(count, sessionstate.From(x), 1); err != nil {
				return err
			}
			return w.Out(x)
		}
	}
	stack := middleware.Must(middleware.New(newManager(t, c)))
	return waysouttest.Serve(t, echov4test.Framework().Handler(t, ar.Layers(stack), routes), h2)
}

func wayOut(t *testing.T, srv *httptest.Server, w waysouttest.Way) {
	res, body := w.Take(t, srv, "/"+w.Name)
	w.Answered(t, res, body)
	want := 1
	if w.Status >= 500 {
		want = 0
	}
	if n := len(res.Header["Set-Cookie"]); n != want {
		t.Fatalf("%d cookies set, want %d", n, want)
	}
	if want == 0 {
		return
	}
	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q beside a cookie, want no-store", got)
	}
	if got := strings.Join(res.Header.Values("Vary"), ","); !strings.Contains(got, "Cookie") {
		t.Errorf("Vary = %q beside a cookie, want Cookie in it", got)
	}
	cookie := res.Cookies()[0]
	if cookie.Name != "__Host-id" {
		t.Fatalf("the cookie is %q, want __Host-id", cookie.Name)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	next, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Body.Close()
	if got, err := io.ReadAll(next.Body); err != nil || string(got) != "1" {
		t.Errorf("the next request finds %q, %v, want 1", got, err)
	}
}

func TestChangesAfterTheHeadersFail(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newApp(t, cfg)
		var errs []error
		a.handle("/stream", func(c echo.Context, s *sessionstate.State) error {
			if err := count.Set(s, 1); err != nil {
				return err
			}
			c.Response().Flush()
			_, updateErr := sessionstate.Incr(count, s, 1)
			errs = []error{
				count.Set(s, 2), count.Delete(s), s.Clear(), s.Login("ada"), s.Renew(), s.Destroy(), s.Flash("info", "late"), updateErr,
			}
			s.Revert() // does nothing
			_, err := fmt.Fprint(c.Response(), count.Get(s))
			return err
		})
		a.handle("/late", func(c echo.Context, s *sessionstate.State) error {
			c.Response().Flush()
			errs = append(errs, count.Set(s, 2))
			_, err := fmt.Fprint(c.Response(), count.Get(s))
			return err
		})
		v := a.visitor()
		v.get(t, "/stream").wants(t, 200, "1")
		v.get(t, "/late").wants(t, 200, "1")
		for i, err := range errs {
			if !errors.Is(err, middleware.ErrCommitted) {
				t.Errorf("late change %d: error = %v, want ErrCommitted", i, err)
			}
		}
		if len(errs) != 9 {
			t.Errorf("%d late changes were tried, want 9", len(errs))
		}
	})
}

func TestNothingIsWrittenWhenNothingChanged(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, c sessionstate.Config) {
		a := newApp(t, c)
		a.handle("/incr", incr)
		a.handle("/", show)
		a.handle("/same", func(c echo.Context, s *sessionstate.State) error {
			now := count.Get(s)
			if err := count.Set(s, now); err != nil {
				return err
			}
			if err := count.Set(s, now+1); err != nil {
				return err
			}
			if err := count.Set(s, now); err != nil {
				return err
			}
			if err := name.Delete(s); err != nil {
				return err
			}
			return c.NoContent(204)
		})
		v := a.visitor()
		v.get(t, "/incr")
		for _, path := range []string{"/", "/same"} {
			r := v.get(t, path)
			if len(r.Header["Set-Cookie"]) != 0 || r.Header.Get("Cache-Control") != "" {
				t.Errorf("%s: headers %v, want no cookie", path, r.Header)
			}
			if got := r.Header.Get("Vary"); got != "Cookie" {
				t.Errorf("%s: Vary = %q, want Cookie", path, got)
			}
		}
	})
}

// watcher is a response that looks at what the client will get, at the moment
// when its headers leave.
type watcher struct {
	http.ResponseWriter
	leaving func(h http.Header)
}

func (w *watcher) WriteHeader(status int) {
	w.leaving(w.Header())
	w.ResponseWriter.WriteHeader(status)
}

func TestWhatIsSavedCanBeReadBeforeTheHeadersLeave(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, cfg sessionstate.Config) {
		a := newVisit(t, cfg)
		a.handle("/go", func(c echo.Context, s *sessionstate.State) error {
			if _, err := sessionstate.Incr(count, s, 1); err != nil {
				return err
			}
			return c.Redirect(http.StatusSeeOther, "/")
		})
		v, looked := a.visitor(), 0
		for want := range 3 {
			w := &watcher{httptest.NewRecorder(), nil}
			w.leaving = func(h http.Header) {
				looked++
				quick := v.clone() // the browser, faster than is possible
				quick.take(t, &http.Response{Header: h.Clone(), Body: http.NoBody})
				quick.get(t, "/").wants(t, 200, fmt.Sprint(want+1))
			}
			a.ServeHTTP(w, v.request("/go"))
			v.take(t, w.ResponseWriter.(*httptest.ResponseRecorder).Result())
		}
		if looked != 3 {
			t.Errorf("%d headers left, want 3", looked)
		}
	})
}
