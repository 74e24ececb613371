package sessionstate_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
)

var gorillaKey = bytes.Repeat([]byte("k"), 32)

// thirdParties runs f with each of gorilla's own stores.
func thirdParties(t *testing.T, f func(t *testing.T, store sessions.Store, dir string)) {
	t.Run("FilesystemStore", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		f(t, sessions.NewFilesystemStore(dir, gorillaKey), dir)
	})
	t.Run("CookieStore", func(t *testing.T) {
		t.Parallel()
		f(t, sessions.NewCookieStore(gorillaKey), "")
	})
}

func thirdApp(t *testing.T, store sessions.Store) *app {
	a := newVisit(t, sessionstate.Config{Foreign: gorillastate.KeepIn(store), Cookie: sessionstate.CookieConfig{Name: "app"}})
	a.Any("/g", echo.WrapHandler(gorillaCount(gorillastate.New(a.m), "app")))
	a.Any("/read", echo.WrapHandler(gorillaCount(gorillastate.New(a.m), "app")))
	return a
}

func TestThirdPartyStoresKeepSessions(t *testing.T) {
	t.Parallel()
	thirdParties(t, func(t *testing.T, store sessions.Store, dir string) {
		a := thirdApp(t, store)
		v := a.visitor()
		if r := v.get(t, "/"); r.setCookies("app") != 0 {
			t.Error("reading sets a cookie")
		}
		r := v.get(t, "/incr")
		r.wants(t, 200, "1")
		line := strings.Join(r.Header["Set-Cookie"], "\n")
		if r.setCookies("app") != 1 || !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "SameSite=Lax") || strings.Contains(line, "Max-Age") {
			t.Errorf("cookies %q, want one with our attributes", line)
		}
		v.get(t, "/incr").wants(t, 200, "2")
		v.get(t, "/g").wants(t, 200, "1 false")
		v.get(t, "/incr").wants(t, 200, "3")
		v.get(t, "/read").wants(t, 200, "1 false")

		planted := v.clone()
		v.get(t, "/login").status(t, 200)
		v.get(t, "/who").wants(t, 200, "ada 3")
		v.get(t, "/read").wants(t, 200, "1 false")
		planted.get(t, "/who").wants(t, 200, "0")
		copied := v.clone()
		v.get(t, "/logout").status(t, 200)
		copied.get(t, "/who").wants(t, 200, "0")
		copied.get(t, "/incr").wants(t, 200, "1")
		if copied.jar["app"] == v.jar["app"] {
			t.Error("an id that was ended is used again")
		}
		if dir != "" {
			if files, _ := filepath.Glob(filepath.Join(dir, "session_*")); len(files) != 1 {
				t.Errorf("%d files are left, want that of the last session", len(files))
			}
		}
		v.jar["app"] = "junk"
		v.get(t, "/incr").wants(t, 200, "1")
	})
}

func TestThirdPartySessionsOfAnAppAreTakenOver(t *testing.T) {
	t.Parallel()
	thirdParties(t, func(t *testing.T, store sessions.Store, _ string) {
		before := httptest.NewRecorder()
		gorillaCount(store, "app")(before, httptest.NewRequest(http.MethodGet, "/g", http.NoBody)) // the app as it was
		a := thirdApp(t, store)
		v := a.visitor()
		v.take(t, before.Result())
		v.get(t, "/read").wants(t, 200, "1 false")
		v.get(t, "/incr").wants(t, 200, "1")
		v.get(t, "/g").wants(t, 200, "2 false")
		v.get(t, "/incr").wants(t, 200, "2")
		copied := v.clone()
		v.get(t, "/logout")
		copied.get(t, "/read").wants(t, 200, "0 true")
	})
}

func TestThirdPartyStoresOfAServerLoseNoUpdateInOneProcess(t *testing.T) {
	t.Parallel()
	a := thirdApp(t, sessions.NewFilesystemStore(t.TempDir(), gorillaKey))
	v := a.visitor()
	v.get(t, "/incr")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { v.clone().get(t, "/incr").status(t, 200) })
	}
	wg.Wait()
	v.get(t, "/").wants(t, 200, "21")
}

func TestThirdPartySessionsDoNotComeBack(t *testing.T) {
	t.Parallel()
	thirdParties(t, func(t *testing.T, store sessions.Store, _ string) {
		a := thirdApp(t, store)
		v := a.visitor()
		v.get(t, "/incr")
		other := v.clone()
		a.handle("/slow", func(_ echo.Context, s *sessionstate.State) error {
			_, err := sessionstate.Incr(count, s, 1)
			other.get(t, "/logout").status(t, 200)
			return err
		})
		if r := v.get(t, "/slow"); r.setCookies("app") != 0 {
			t.Error("a session that has ended gets a cookie")
		}
		v.get(t, "/").wants(t, 200, "0")
	})
}

// brokenStore is a sessions.Store as they are found in the wild.
type brokenStore struct {
	session *sessions.Session
	err     error
}

func (b brokenStore) Get(*http.Request, string) (*sessions.Session, error) { return b.session, b.err }

func (b brokenStore) New(*http.Request, string) (*sessions.Session, error) { return b.session, b.err }

func (b brokenStore) Save(*http.Request, http.ResponseWriter, *sessions.Session) error {
	return b.err
}

func TestThirdPartyStoresThatFailAnswer503(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]brokenStore{
		"an error":        {nil, errors.New("the database is down")},
		"no session":      {nil, nil},
		"saves no cookie": {sessions.NewSession(nil, "app"), nil},
		"a file system":   {nil, os.ErrPermission},
	} {
		a := thirdApp(t, store)
		v := a.visitor()
		wants503(t, v.get(t, "/incr"), name)
		v.jar["app"] = "x"
		if name != "saves no cookie" {
			wants503(t, v.get(t, "/"), name)
		}
	}
	for _, cfg := range []sessionstate.Config{
		{Foreign: gorillastate.KeepIn(nil)},
		{Foreign: gorillastate.KeepIn(brokenStore{}), Store: newMem(t)},
	} {
		if _, err := sessionstate.New(cfg); err == nil || !strings.Contains(err.Error(), "Config.Foreign") {
			t.Errorf("New() = %v", err)
		}
	}
}

func TestFaultsOfThirdPartyStoresDoNotNameTheSession(t *testing.T) {
	t.Parallel()
	secret := errors.New("open /tmp/session_SECRET: no space left")
	a := thirdApp(t, brokenStore{nil, secret})
	v := a.visitor()
	v.jar["app"] = "x"
	wants503(t, v.get(t, "/"), "a store that names the session")
	failures := observe.Of[observe.StoreFailure](a.rec)
	if len(failures) != 1 || !errors.Is(failures[0].Err, secret) || strings.Contains(failures[0].Err.Error(), "SECRET") {
		t.Errorf("failures = %v, want one without the name", failures)
	}
}

func TestHandlesOfThirdPartySessionsRead(t *testing.T) {
	t.Parallel()
	thirdParties(t, func(t *testing.T, store sessions.Store, dir string) {
		a := thirdApp(t, store)
		var h *sessionstate.Handle
		a.handle("/detach", func(_ echo.Context, s *sessionstate.State) (err error) {
			if err := count.Set(s, 5); err != nil {
				return err
			}
			h, err = s.Detach()
			return err
		})
		v := a.visitor()
		for range 2 { // a new visitor, and one who comes back
			v.get(t, "/detach").status(t, 200)
			if n, err := seen(t, h); n != 5 || err != nil {
				t.Errorf("View() = %d, %v, want 5", n, err)
			}
		}
		v.get(t, "/incr").wants(t, 200, "6")
		if n, err := seen(t, h); err != nil || dir != "" && n != 6 {
			t.Errorf("View() = %d, %v", n, err)
		}
		v.get(t, "/logout")
		if _, err := seen(t, h); !errors.Is(err, sessionstate.ErrEnded) {
			t.Errorf("View() = %v, want ErrEnded", err)
		}
	})
}

func Example_keepInAStoreOfGorilla() {
	dir, _ := os.MkdirTemp("", "sessions")
	defer func() { _ = os.RemoveAll(dir) }()
	count := sessionstate.NewKey("count", sessionstate.KeyConfig[int]{})
	sessions := sessionstate.Must(sessionstate.New(sessionstate.Config{
		Secrets: secrets,
		Foreign: gorillastate.KeepIn(sessions.NewFilesystemStore(dir, gorillaKey)),
	}))
	e := echo.New()
	e.Use(echov4.Use(sessions))
	e.GET("/", func(c echo.Context) error {
		n, err := sessionstate.Incr(count, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(n))
	})

	browse(e, "/", "/")
	// Output:
	// 1
	// 2
}
