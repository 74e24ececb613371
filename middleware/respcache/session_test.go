package respcache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/middleware"
	"github.com/reecho-go/reecho/middleware/respcache"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
)

// browser keeps the cookies that it gets.
type browser struct {
	h       http.Handler
	cookies map[string]string
}

func newBrowser(h http.Handler) *browser { return &browser{h, make(map[string]string)} }

func (b *browser) do(method, target string, header ...string) *httptest.ResponseRecorder {
	for name, value := range b.cookies {
		header = append(header, "Cookie", name+"="+value)
	}
	r := request(target, header...)
	r.Method = method
	w := do(b.h, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (b *browser) get(target string, header ...string) *httptest.ResponseRecorder {
	return b.do(http.MethodGet, target, header...)
}

// other is another tab of the same browser, or somebody who has copied its cookies.
func (b *browser) other() *browser {
	return &browser{b.h, maps.Clone(b.cookies)}
}

// want asks for the page, which must say so, and reports whether it was replayed.
func (b *browser) want(t *testing.T, target, want string) (hit bool) {
	t.Helper()
	w := b.get(target)
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%s: %d %q, want %q; %v", target, w.Code, w.Body, want, w.Header())
	}
	if isHit(w) && len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("%s: a replay sets a cookie: %v", target, w.Header())
	}
	return isHit(w)
}

var name = sessionstate.NewKey("name", sessionstate.KeyConfig[string]{Default: "-"})

// account is an app whose pages show the session.
func account(c middleware.Context) error {
	s := sessionstate.From(c)
	in := c.Request().URL.Query().Get("to")
	var err error
	switch c.Request().URL.Path {
	case "/name":
		return text(c, s.User()+" is called "+name.Get(s))
	case "/token":
		token, err := s.CSRFToken()
		if err != nil {
			return err
		}
		return text(c, token)
	case "/verify":
		err = s.VerifyCSRF(in)
	case "/flash":
		for f := range s.Flashes() {
			in += f.Text
		}
		return text(c, name.Get(s)+" "+in)
	case "/tell":
		err = s.Flash("info", in)
	case "/visit":
		_, err = name.Update(s, func(n string) string { return n + "+" })
		return errors.Join(err, text(c, name.Get(s)))
	case "/tab":
		return text(c, name.Get(s)+" "+sessionstate.Tab(c))
	case "/set":
		err = name.Set(s, in)
	case "/login":
		err = s.Login(in)
	case "/renew":
		err = s.Renew()
	case "/logout":
		err = s.Destroy()
	}
	if err != nil {
		return err
	}
	middleware.Response(c).WriteHeader(http.StatusNoContent)
	return nil
}

// eachMode runs a test of pages of sessions in every framework and mode of sessions.
func eachMode(t *testing.T, h handler, test func(t *testing.T, app http.Handler, c *respcache.Cache)) {
	t.Helper()
	everywhere(t, func(t *testing.T, serve server) {
		for mode, s := range map[string]store.Store{"cookie": nil, "store": memstore.Must(memstore.New(memstore.Config{}))} {
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				c := newCache(t, respcache.Config{TTL: time.Hour, Keys: respcache.KeyConfig{Session: true}, Stale: respcache.StaleConfig{For: time.Hour, OnError: 2 * time.Hour}})
				test(t, serve(h, sessionsIn(t, s), c), c)
			})
		}
	})
}

func sessionsIn(t testing.TB, s store.Store) *sessionstate.Manager {
	t.Helper()
	m, err := sessionstate.New(sessionstate.Config{
		Secrets:  []sessionstate.Secret{{ID: "a", Key: []byte("q8Zr2vT5xW1yB7nD4kG9mH3jL6pS0cFe")}},
		Store:    s,
		Cookie:   sessionstate.CookieConfig{Insecure: true},
		Observer: observe.Func(func(context.Context, observe.Event) {}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAPageOfASessionIsForThatSession(t *testing.T) {
	t.Parallel()
	eachMode(t, account, func(t *testing.T, app http.Handler, _ *respcache.Cache) {
		anna, bert, nobody := newBrowser(app), newBrowser(app), newBrowser(app)
		anna.do("POST", "/set?to=anna")
		bert.do("POST", "/set?to=bert")
		for i := range 4 {
			for who, b := range map[string]*browser{"anna": anna, "bert": bert, "-": nobody} {
				if hit := b.want(t, "/name", " is called "+who); hit != (i >= 2) && i != 1 {
					t.Errorf("%s, time %d: replayed: %v", who, i, hit)
				}
			}
		}
		if w := nobody.get("/name"); !strings.Contains(strings.Join(w.Header()["Vary"], ","), "Cookie") {
			t.Errorf("a replay does not say that it varies by the cookie: %v", w.Header())
		}
	})
}

// After a change of the session no page of before is found.
func TestAPageOfASessionEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		do         []string // in the same browser
		want, left string   // of the page, for the browser and for somebody with its cookies of before
	}{
		{"a value", []string{"/set?to=berta"}, " is called berta", ""},
		{"there and back", []string{"/set?to=berta", "/set?to=anna"}, " is called anna", ""},
		{"a logout", []string{"/logout"}, " is called -", " is called -"},
		{"a login", []string{"/login?to=1"}, "1 is called anna", " is called -"},
		{"another login", []string{"/login?to=1", "/login?to=2"}, "2 is called anna", " is called -"},
		{"a new id", []string{"/renew"}, " is called anna", " is called -"},
		{"a new id and a logout", []string{"/renew", "/logout"}, " is called -", " is called -"},
		{"a logout and a new session", []string{"/logout", "/set?to=carl"}, " is called carl", " is called -"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eachMode(t, account, func(t *testing.T, app http.Handler, _ *respcache.Cache) {
				b := newBrowser(app)
				b.do("POST", "/set?to=anna")
				for range 3 {
					b.want(t, "/name", " is called anna")
				}
				before := b.other()
				for _, do := range tt.do {
					if w := b.do("POST", do); w.Code != http.StatusNoContent {
						t.Fatalf("%s: %d %s", do, w.Code, w.Body)
					}
				}
				for range 3 {
					b.want(t, "/name", tt.want)
					if tt.left != "" {
						before.other().want(t, "/name", tt.left)
					}
				}
				if !b.want(t, "/name", tt.want) {
					t.Error("then it is not replayed")
				}
			})
		})
	}
}

// What another tab does shows in the next page, also while one is being made.
func TestAnotherTabChangesTheSessionDuringAPage(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/set?to=new": " is called new", "/logout": " is called -", "/renew": " is called -", "/login?to=7": " is called -"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			everywhere(t, func(t *testing.T, serve server) {
				synctest.Test(t, func(t *testing.T) {
					c := newCache(t, respcache.Config{TTL: time.Hour, Keys: respcache.KeyConfig{Session: true}})
					h := serve(func(c middleware.Context) error {
						if err := sessionstate.From(c).Err(); err != nil { // it is loaded
							return err
						}
						if c.Request().Method == http.MethodGet {
							time.Sleep(time.Second)
						}
						return account(c)
					}, sessionsIn(t, memstore.Must(memstore.New(memstore.Config{}))), c)
					tab := newBrowser(h)
					tab.do("POST", "/set?to=old")
					tab.want(t, "/name", " is called old") // it is known that the session is read
					before, other := tab.other(), tab.other()
					var wg sync.WaitGroup
					for range 3 {
						wg.Go(func() { tab.other().want(t, "/name", " is called old") })
					}
					time.Sleep(500 * time.Millisecond)
					if w := other.do("POST", path); w.Code != http.StatusNoContent {
						t.Errorf("%d %s", w.Code, w.Body)
					}
					before.want(t, "/name", want) // who comes after the change
					wg.Wait()
					before.want(t, "/name", want)
					if err := c.Close(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		})
	}
}

// A session that an attacker has planted is worth nothing after the login.
func TestAPlantedSessionShowsNoPageOfWhoLoggedIn(t *testing.T) {
	t.Parallel()
	eachMode(t, account, func(t *testing.T, app http.Handler, _ *respcache.Cache) {
		attacker := newBrowser(app)
		attacker.do("POST", "/set?to=planted")
		victim := attacker.other()
		for range 3 {
			victim.want(t, "/name", " is called planted")
		}
		victim.do("POST", "/login?to=anna")
		for range 3 {
			w := victim.get("/name")
			if w.Body.String() != "anna is called planted" || !strings.Contains(w.Header().Get("Cache-Control"), "no-store") && !strings.Contains(w.Header().Get("Cache-Control"), "private") {
				t.Errorf("%q %v", w.Body, w.Header())
			}
			if w := attacker.other().get("/name"); strings.Contains(w.Body.String(), "anna") {
				t.Errorf("the attacker got %q", w.Body)
			}
		}
	})
}

func TestPagesThatNoSessionKeeps(t *testing.T) {
	t.Parallel()
	eachMode(t, account, func(t *testing.T, app http.Handler, _ *respcache.Cache) {
		b := newBrowser(app)
		b.do("POST", "/set?to=a")
		for i := range 4 { // it changes the session
			if w := b.get("/visit"); w.Body.String() != "a"+strings.Repeat("+", i+1) || isHit(w) {
				t.Errorf("/visit: %q %v", w.Body, w.Header())
			}
		}
		b.do("POST", "/set?to=a")
		seen := make(map[string]bool)
		for range 4 { // each is a new tab
			w := b.get("/tab")
			if seen[w.Body.String()] || isHit(w) {
				t.Errorf("/tab: %q again; %v", w.Body, w.Header())
			}
			seen[w.Body.String()] = true
		}
		for range 3 {
			b.want(t, "/flash", "a ")
		}
		b.do("POST", "/tell?to=saved")
		b.want(t, "/flash", "a saved")
		if b.want(t, "/flash", "a "); !b.want(t, "/flash", "a ") {
			t.Error("without a message it is not replayed")
		}
		for range 3 {
			token := b.get("/token").Body.String()
			if w := b.do("POST", "/verify?to="+token); w.Code != http.StatusNoContent {
				t.Errorf("a token does not hold: %d %q", w.Code, w.Body)
			}
		}
		if w := b.get("/token"); !isHit(w) {
			t.Errorf("/token: %v", w.Header())
		}
		b.do("POST", "/renew")
		if w := b.do("POST", "/verify?to="+b.get("/token").Body.String()); w.Code != http.StatusNoContent {
			t.Errorf("after a new id: %d %q", w.Code, w.Body)
		}
		if w := newBrowser(app).get("/token"); isHit(w) || len(w.Header()["Set-Cookie"]) == 0 {
			t.Errorf("a visitor without a session got no token: %v", w.Header())
		}
	})
}

// Reading messages that wait makes a page of the visitor, without Keys.Session as well.
func TestAPageOfMessagesIsNotShared(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		h := serve(func(c middleware.Context) error {
			s, said := sessionstate.From(c), "no message"
			if c.Request().Method == http.MethodPost {
				return errors.Join(s.Flash("info", "saved"), text(c, ""))
			}
			for f := range s.Flashes() {
				said = f.Text
			}
			return text(c, said)
		}, newSessions(t), newCache(t, respcache.Config{}))
		get(h, "/")
		b := newBrowser(h)
		b.do("POST", "/elsewhere")
		b.want(t, "/", "saved")
		b.want(t, "/", "no message")
	})
}

// What a middleware further out makes of the session is that session's.
func TestASessionThatWasReadOutsideIsPartOfTheKey(t *testing.T) {
	t.Parallel()
	sessions := newSessions(t)
	c := newCache(t, respcache.Config{Keys: respcache.KeyConfig{Session: true}})
	var runs atomic.Int64
	type key struct{}
	page := frameworks["net/http"](func(c middleware.Context) error {
		who, _ := c.Request().Context().Value(key{}).(string)
		return text(c, fmt.Sprint(who, runs.Add(1)))
	}, c)
	h := middleware.Must(middleware.New(sessions)).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessionstate.From(middleware.ContextOf(r))
		if r.Method == http.MethodPost {
			if err := name.Set(s, r.URL.Query().Get("to")); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		page.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, name.Get(s))))
	}))
	anna, bert := newBrowser(h), newBrowser(h)
	anna.do("POST", "/?to=anna")
	bert.do("POST", "/?to=bert")
	anna.want(t, "/", "anna1")
	bert.want(t, "/", "bert2")
	if hit := anna.want(t, "/", "anna1"); !hit || !bert.want(t, "/", "bert2") {
		t.Error("not replayed")
	}
	anna.do("POST", "/?to=berta")
	anna.want(t, "/", "berta3")
}

func TestAPageOfWhatIsKeptForASessionIsNotStored(t *testing.T) {
	t.Parallel()
	g, err := cachedata.NewGroup("functions", cachedata.GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var loads atomic.Int64
	carts := cachedata.Must(cachedata.New("carts", func(context.Context, int) (int64, error) { return loads.Add(1), nil }, cachedata.Config{Scope: cachedata.Session, Group: g}))
	eachMode(t, func(c middleware.Context) error {
		if c.Request().URL.Path == "/set" {
			return account(c)
		}
		cart, err := carts.Get(c.Request().Context(), 1)
		return errors.Join(err, text(c, fmt.Sprint(cart, " of ", name.Get(sessionstate.From(c)))))
	}, func(t *testing.T, app http.Handler, _ *respcache.Cache) {
		b := newBrowser(app)
		b.do("POST", "/set?to=a")
		for range 4 {
			w := b.get("/cart")
			if isHit(w) || w.Code != http.StatusOK {
				t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
			}
		}
		if w := b.get("/cart"); !strings.Contains(w.Header().Get("Cache-Status"), "something is kept for the session") {
			t.Errorf("the reason is missing: %v", w.Header())
		}
	})
}

func TestAPageOfASessionIsNotReplayedStale(t *testing.T) {
	t.Parallel()
	everywhereInTime(t, respcache.Config{TTL: time.Minute, Keys: respcache.KeyConfig{Session: true}, Stale: respcache.StaleConfig{For: time.Hour, OnError: 2 * time.Hour}}, func(t *testing.T, serve server, c *respcache.Cache) {
		var runs atomic.Int64
		var broken atomic.Bool
		h := serve(func(c middleware.Context) error {
			if broken.Load() {
				return errors.New("no database")
			}
			return text(c, fmt.Sprint(visits.Get(sessionstate.From(c)), runs.Add(1)))
		}, newSessions(t), c)
		get(h, "/")
		get(h, "/")
		if w := get(h, "/"); w.Body.String() != "0 2" || !isHit(w) {
			t.Errorf("%q %v", w.Body, w.Header())
		}
		time.Sleep(2 * time.Minute)
		if w := get(h, "/"); w.Body.String() != "0 3" || isHit(w) {
			t.Errorf("after its time: %q %v", w.Body, w.Header())
		}
		if err := c.Expire(t.Context(), "/"); err != nil {
			t.Error(err)
		}
		if w := get(h, "/"); w.Body.String() != "0 4" || isHit(w) {
			t.Errorf("after Expire: %q %v", w.Body, w.Header())
		}
		broken.Store(true)
		time.Sleep(2 * time.Minute)
		if w := get(h, "/"); w.Code != http.StatusInternalServerError {
			t.Errorf("instead of an error: %d %q %v", w.Code, w.Body, w.Header())
		}
	})
}

// A store that is away is no visitor without a session.
func TestWithoutTheStoreNoPageOfSessionsIsReplayed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, serve server) {
		s := memstore.Must(memstore.New(memstore.Config{}))
		app := serve(account, sessionsIn(t, s), newCache(t, respcache.Config{Keys: respcache.KeyConfig{Session: true}}))
		b := newBrowser(app)
		b.do("POST", "/set?to=anna")
		for range 3 {
			b.want(t, "/name", " is called anna")
			newBrowser(app).want(t, "/name", " is called -")
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := b.get("/name"); w.Code != http.StatusServiceUnavailable || isHit(w) {
			t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
		}
	})
}

// Sessions are not kinds that anybody can make up: each has its pages.
func TestManySessionsHavePagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	sessions, c := newSessions(t), newCache(t, respcache.Config{TTL: time.Hour, Keys: respcache.KeyConfig{Session: true}})
	app := frameworks["net/http"](func(c middleware.Context) error {
		if c.Request().Method == http.MethodPost {
			return account(c)
		}
		agent, _ := ctxinfo.From(c).Headers().Get("User-Agent")
		return text(c, name.Get(sessionstate.From(c))+agent)
	}, middleware.Must(ctxinfo.New(ctxinfo.Config{})), sessions, c)
	hits := 0
	for i := range 150 {
		b := newBrowser(app)
		b.do("POST", fmt.Sprint("/set?to=", i))
		for j := range 4 {
			w := b.get("/", "User-Agent", "x")
			if w.Body.String() != fmt.Sprint(i, "x") {
				t.Errorf("session %d: %q", i, w.Body)
			}
			if j == 3 && isHit(w) {
				hits++
			}
		}
	}
	if hits != 150 {
		t.Errorf("%d of 150 sessions got a replay", hits)
	}
	b, hits := newBrowser(app), 0
	for range 2 {
		for i := range 100 {
			agent := fmt.Sprint("agent", i)
			w := b.get("/", "User-Agent", agent)
			if w.Body.String() != "-"+agent {
				t.Errorf("%s: %q", agent, w.Body)
			}
			if isHit(w) {
				hits++
			}
		}
	}
	if hits > 64 {
		t.Errorf("one session has %d kinds of a page, want 64 at most", hits)
	}
}
