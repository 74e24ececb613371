package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/internal/redistest"
	"github.com/reecho-go/reecho/store/storetest"
)

// siteOf serves an app whose sessions are at a place, until stop is called.
func siteOf(t *testing.T, p place) (s *httptest.Server, stop func()) {
	t.Helper()
	a, err := newApp(t.Context(), config{Accounts: map[string]string{"ada": "engine"}, Rounds: 100, Sessions: p})
	if err != nil {
		t.Fatal(err)
	}
	s = httptest.NewTLSServer(a)
	return s, func() {
		s.Close()
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestALoginOutlivesTheProgramInAFile(t *testing.T) {
	t.Parallel()
	p := place{File: filepath.Join(t.TempDir(), "login.db")}
	s, stop := siteOf(t, p)
	v := newVisitor(t, s).login()
	stop()

	again, stop := siteOf(t, p)
	defer stop()
	// The same host at another port: cookies know no ports.
	moved := &visitor{t: t, url: again.URL, client: v.client}
	moved.get()
	moved.sees("Hello, ada")
	moved.post("/logout")
	moved.sees("You are logged out on this device.")
}

func TestProgramsShareLoginsInRedis(t *testing.T) {
	t.Parallel()
	p := place{Redis: redistest.Start(t).Addr, Secret: filepath.Join(t.TempDir(), "login.secret")}
	one, stop := siteOf(t, p)
	defer stop()
	other, stop := siteOf(t, p)
	defer stop()
	// Cookies know no ports, so a visitor takes theirs along.
	v := newVisitor(t, one).login()
	v.url = other.URL
	v.get()
	v.sees("Hello, ada")
	v.post("/logout")
	v.sees("You are logged out on this device.")
	v.url = one.URL
	v.get()
	if strings.Contains(v.body, "Hello, ada") {
		t.Error("logged out on one, and still logged in on the other")
	}
}

func TestWrongPlacesAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		place place
		want  string
	}{
		{place{File: "a", Redis: "b"}, "-file and -redis exclude each other"},
		{place{Redis: "127.0.0.1:1"}, "-redis needs -secret"},
		{place{Redis: "127.0.0.1:1", Secret: filepath.Join(t.TempDir(), "s")}, "redis at 127.0.0.1:1"},
		{place{File: t.TempDir()}, "no regular file"},
	} {
		if _, err := newApp(t.Context(), config{Sessions: tt.place, Rounds: 100}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.place, err, tt.want)
		}
	}
}

func TestWithoutNamesOfDevicesAUserLogsInAndOut(t *testing.T) {
	t.Parallel()
	a := testApp(t)
	a.names.store = storetest.Faulty(a.names.store, storetest.Fault{Err: errors.New("away"), Times: -1})
	s := httptest.NewTLSServer(a)
	t.Cleanup(s.Close)
	v := newVisitor(t, s).login()
	v.sees("<strong>Unknown device</strong>", "this device")
	v.post("/logout")
	v.sees("You are logged out on this device.")
}

func TestAStoreThatIsAwayIsAPageOfTheToolkit(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	s, stop := siteOf(t, place{Redis: redis.Addr, Secret: filepath.Join(t.TempDir(), "login.secret")})
	defer stop()
	v := newVisitor(t, s).login()
	redis.Stop(t)
	for _, ask := range []func() *http.Response{
		func() *http.Response { return v.post("/logout") },
		func() *http.Response { return v.take(v.client.Get(v.url)) },
		func() *http.Response { return v.post("/login", "name", "ada", "password", "engine") },
	} {
		res := ask()
		if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(kind, "text/html") {
			t.Errorf("%s: status %d, %s; want a page of 503", res.Request.URL, res.StatusCode, kind)
		}
		v.sees("Your session is not available at the moment. Try again in a moment.")
		if strings.Count(v.body, "</h1>") != 1 {
			t.Errorf("%s: not one page: %s", res.Request.URL, v.body)
		}
	}
}
