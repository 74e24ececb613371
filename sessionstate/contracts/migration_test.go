package contracts

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// shop is an app as it was written for echo-contrib/session: a login, messages in
// a session of their own, and pages that only read. Not a line of it knows of the
// Manager. Options are what it sets at each login, as the documentation of
// echo-contrib/session shows; nil leaves them to the store.
func shop(options *sessions.Options, middlewares ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Use(middlewares...)
	e.POST("/login", func(c echo.Context) error {
		s, err := session.Get("shop", c)
		if err != nil {
			return err
		}
		if options != nil {
			kept := *options
			s.Options = &kept
		}
		s.Values["user"] = c.FormValue("user")
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		messages, err := session.Get("messages", c)
		if err != nil {
			return err
		}
		if options != nil {
			kept := *options
			messages.Options = &kept
		}
		messages.AddFlash("welcome")
		if err := messages.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/", func(c echo.Context) error {
		s, err := session.Get("shop", c)
		if err != nil {
			return err
		}
		user, _ := s.Values["user"].(string)
		return c.String(http.StatusOK, user)
	})
	e.GET("/messages", func(c echo.Context) error {
		s, err := session.Get("messages", c)
		if err != nil {
			return err
		}
		var texts []string
		for _, f := range s.Flashes() {
			texts = append(texts, f.(string))
		}
		if err := s.Save(c.Request(), c.Response()); err != nil {
			return err
		}
		return c.String(http.StatusOK, strings.Join(texts, " "))
	})
	e.POST("/logout", func(c echo.Context) error {
		for _, name := range []string{"shop", "messages"} {
			s, err := session.Get(name, c)
			if err != nil {
				return err
			}
			s.Options.MaxAge = -1
			if err := s.Save(c.Request(), c.Response()); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	})
	return e
}

// browser keeps cookies for as long as their Max-Age says.
type browser struct {
	t   *testing.T
	app http.Handler
	jar map[string]kept
}

type kept struct {
	value string
	until time.Time // zero: until the browser is closed
}

// do returns the body; hoarding is a client that knows no Max-Age.
func (b *browser) do(method, path string) string {
	b.t.Helper()
	r := httptest.NewRequest(method, path, http.NoBody)
	for name, c := range b.jar {
		if c.until.IsZero() || time.Now().Before(c.until) {
			r.AddCookie(&http.Cookie{Name: name, Value: c.value})
		}
	}
	rec := httptest.NewRecorder()
	b.app.ServeHTTP(rec, r)
	res := rec.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		b.t.Fatalf("%s %s: %d %q, %v", method, path, res.StatusCode, body, err)
	}
	for _, c := range res.Cookies() {
		switch {
		case c.MaxAge < 0:
			delete(b.jar, c.Name)
		case c.MaxAge > 0:
			b.jar[c.Name] = kept{c.Value, time.Now().Add(time.Duration(c.MaxAge) * time.Second)}
		default:
			b.jar[c.Name] = kept{value: c.Value}
		}
	}
	return string(body)
}

func (b *browser) wants(path, want string) {
	b.t.Helper()
	if got := b.do(http.MethodGet, path); got != want {
		b.t.Errorf("after %v: %s says %q, want %q", time.Since(start), path, got, want)
	}
}

// start is when time begins in a bubble of package synctest.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// restart closes the browser and opens it again.
func (b *browser) restart() {
	for name, c := range b.jar {
		if c.until.IsZero() {
			delete(b.jar, name)
		}
	}
}

// clone is another copy of its cookies, which never expire: a thief's.
func (b *browser) clone() *browser {
	c := &browser{b.t, b.app, make(map[string]kept)}
	for name, k := range b.jar {
		c.jar[name] = kept{value: k.value}
	}
	return c
}

// A migration is an app of before with its store, and how the Manager takes over.
type migration struct {
	store   sessions.Store
	cfg     sessionstate.Config
	options *sessions.Options
	stays   time.Duration // how long a login of the new app lives
	notice  string        // what Start says
}

func migrations(dir string) map[string]migration {
	key := []byte("a key of the old app, 32 bytes ..")[:32]
	cookies := sessions.NewCookieStore(key) // for 30 days
	files := sessions.NewFilesystemStore(dir, key)
	files.MaxAge(int(week / time.Second))
	until := start.Add(30 * day)
	weekly := &sessions.Options{Path: "/", MaxAge: int(week / time.Second), HttpOnly: true}
	return map[string]migration{
		"a CookieStore, and 7 days that the code sets": {
			cookies, sessionstate.Config{Foreign: gorillastate.TakeOver(cookies, until)}, weekly, week, "720h0m0s",
		},
		"a CookieStore with its 30 days": {
			cookies, sessionstate.Config{Foreign: gorillastate.TakeOver(cookies, until)}, nil, 30 * day, "720h0m0s",
		},
		"a CookieStore whose MaxAge nobody has told, and 7 days that the code sets": {
			cookies, sessionstate.Config{Foreign: gorillastate.TakeOver(&sessions.CookieStore{Codecs: cookies.Codecs}, until)}, weekly, week, "Options.MaxAge",
		},
		"a FilesystemStore of 7 days": {
			files, sessionstate.Config{Foreign: gorillastate.KeepIn(files)}, nil, week, "168h0m0s",
		},
	}
}

func TestMigratedAppsKeepTheirPromises(t *testing.T) {
	for name := range migrations("") {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				old := migrations(dir)[name]
				before := shop(old.options, session.Middleware(old.store))
				b := &browser{t, before, make(map[string]kept)}
				b.do(http.MethodPost, "/login?user=ada")
				b.wants("/", "ada")
				copied := b.clone() // of before
				time.Sleep(day)

				rec := new(observe.Recorder)
				cfg := old.cfg
				cfg.Cookie.Name, cfg.Observer = "shop", rec
				cfg.Secrets = []sessionstate.Secret{{ID: "new", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}}
				m := sessionstate.Must(sessionstate.New(cfg))
				defer func() { _ = m.Close(context.Background()) }() // nothing is in flight
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := observe.Of[observe.Notice](rec); len(n) != 1 || !strings.Contains(n[0].Text, old.notice) {
					t.Errorf("notices %q, want one that says %q", n, old.notice)
				}
				after := shop(old.options, echov4.Use(m), session.Middleware(gorillastate.New(m)))
				b.app, copied.app = after, after
				b.restart()
				b.wants("/", "ada")
				b.wants("/messages", "welcome") // it waited in a session of another name
				b.wants("/messages", "")
				for name, c := range b.jar {
					if c.value == copied.jar[name].value && old.cfg.Foreign.Cookies() != nil {
						t.Errorf("the cookie %s is still that of the old store", name)
					}
				}
				if old.notice != "Options.MaxAge" {
					for range 5 { // nobody saves, nobody logs in, and the browser is closed each night
						time.Sleep(day)
						b.restart()
						b.wants("/", "ada")
					}
				}

				b.do(http.MethodPost, "/login?user=grace")
				thief := b.clone()
				time.Sleep(old.stays - time.Hour)
				b.restart()
				b.wants("/", "grace")
				b.wants("/messages", "welcome")
				time.Sleep(2 * time.Hour)
				b.wants("/", "")
				thief.wants("/", "")         // whatever Max-Age the client believes in
				thief.wants("/messages", "") // in the other cookie too

				// Saving again starts the time again, as it did before.
				b.do(http.MethodPost, "/login?user=mary")
				time.Sleep(old.stays / 2)
				b.do(http.MethodPost, "/login?user=mary")
				time.Sleep(old.stays*3/4 + time.Hour)
				b.restart()
				b.wants("/", "mary")
				dead := b.clone()
				b.do(http.MethodPost, "/logout")
				b.wants("/", "")
				dead.wants("/", "")
				dead.wants("/messages", "")
			})
		})
	}
}

// A message that was waiting in the old store is shown once, also to who has a
// copy of the old cookie, if the store is a server's.
func TestMigratedFilesAreLeft(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		old := migrations(dir)["a FilesystemStore of 7 days"]
		b := &browser{t, shop(nil, session.Middleware(old.store)), make(map[string]kept)}
		b.do(http.MethodPost, "/login?user=ada")
		copied := b.clone()
		cfg := old.cfg
		cfg.Cookie.Name = "shop"
		m := newManager(t, cfg)
		after := shop(nil, echov4.Use(m), session.Middleware(gorillastate.New(m)))
		b.app, copied.app = after, after
		files := func() int {
			found, err := filepath.Glob(filepath.Join(dir, "session_*"))
			if err != nil {
				t.Fatal(err)
			}
			return len(found)
		}
		if n := files(); n != 2 {
			t.Fatalf("%d files, want one for each session", n)
		}
		b.wants("/messages", "welcome")
		copied.wants("/messages", "")
		if n := files(); n != 1 {
			t.Errorf("%d files, want that of the login alone", n)
		}
		b.wants("/", "ada")
	})
}
