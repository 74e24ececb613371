package sessionstate_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/internal/soaktest"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/gorillastate"
	"github.com/reecho-go/reecho/store/storetest"
)

// Whatever clients do with all the cookies that a session has ever had, side by
// side, wherever it lives and however its store fails: once a logout or Revoke has
// answered that it is done, no request that begins later finds the session.
func TestASessionThatWasEndedNeverAnswersAgain(t *testing.T) {
	t.Parallel()
	seed := soaktest.Seed()
	for name, mode := range map[string]func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore){
		"cookie": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s}}, s
		},
		"store": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{Store: s, Lifetime: sessionstate.LifetimeConfig{RenewEvery: time.Minute, Grace: time.Minute}}, s
		},
		"spill": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s, Spill: s}}, s
		},
		"third-party cookies": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s, Foreign: gorillastate.KeepIn(sessions.NewCookieStore(gorillaKey))}}, s
		},
		"third-party files": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s, Foreign: gorillastate.KeepIn(sessions.NewFilesystemStore(t.TempDir(), gorillaKey))}}, s
		},
		"legacy": func(t *testing.T) (sessionstate.Config, *storetest.FaultyStore) {
			s := storetest.Faulty(restless{newMem(t)})
			return sessionstate.Config{CookieMode: sessionstate.CookieModeConfig{Revocations: s, Foreign: takenOver(sessions.NewCookieStore(gorillaKey), time.Now().Add(1e6*time.Hour))}}, s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ends := 0
			rounds := soaktest.Rounds(30)
			for round := 0; round < rounds || ends == 0 && round < 20*rounds; round++ { // few rounds may end none
				rnd := rand.New(rand.NewPCG(seed, uint64(round)))
				synctest.Test(t, func(t *testing.T) {
					cfg, s := mode(t)
					cfg.Cookie.Name, cfg.Lifetime.Idle, cfg.Lifetime.Absolute = "app", 30*time.Minute, 2*time.Hour
					h := &history{t: t, app: histApp(t, cfg), revokes: cfg.Store != nil && round%2 == 0}
					if name == "legacy" {
						h.known = []*visitor{bornBefore(t, h.app, sessions.NewCookieStore(gorillaKey))}
					} else {
						h.known = []*visitor{h.app.login(t, "ada")}
					}
					if name == "spill" {
						h.known[0].get(t, "/large").status(t, 200)
					}
					if round%3 > 0 {
						for _, op := range []string{"get", "swap", "put", "delete"} {
							s.Inject(storetest.Fault{Op: op, After: rnd.IntN(20), Times: 1 + rnd.IntN(3), Lost: round%3 == 1})
						}
					}
					h.run(rnd)
					if h.ended.Load() != 0 {
						ends++
					}
					s.Heal()
					time.Sleep(2*time.Hour + time.Minute)
					for _, v := range h.known {
						v.clone().get(t, "/state").wants(t, http.StatusUnauthorized, "nobody")
					}
				})
				if t.Failed() {
					t.Fatalf("seed %d, round %d", seed, round)
				}
			}
			if ends == 0 {
				t.Error("no session was ended")
			}
		})
	}
}

// histApp has the routes of a history; they answer 401 to new visitors.
func histApp(t *testing.T, cfg sessionstate.Config) *app {
	a := userApp(t, cfg)
	for path, f := range map[string]func(s *sessionstate.State) error{
		"/state":   func(*sessionstate.State) error { return nil },
		"/add":     func(s *sessionstate.State) error { _, err := sessionstate.Incr(count, s, 1); return err },
		"/large":   func(s *sessionstate.State) error { return name.Set(s, string(make([]byte, 5000))) },
		"/anew":    (*sessionstate.State).Renew,
		"/again":   func(s *sessionstate.State) error { return s.Login("ada") },
		"/another": func(s *sessionstate.State) error { return s.Login("bob") },
		"/destroy": func(s *sessionstate.State) error { return s.Destroy() },
	} {
		a.handle(path, func(c echo.Context, s *sessionstate.State) error {
			if err := s.Err(); err != nil {
				return err
			}
			if s.IsNew() {
				return c.String(http.StatusUnauthorized, "nobody")
			}
			rest() // others come in between
			if err := f(s); err != nil {
				return err
			}
			return c.String(http.StatusOK, "done")
		})
	}
	return a
}

// history is what clients do with one session.
type history struct {
	t       *testing.T
	app     *app
	revokes bool // by Revoke, and nobody logs in meanwhile

	clock, ended atomic.Int64

	mu    sync.Mutex
	known []*visitor // all cookies that it has ever had
}

func (h *history) run(rnd *rand.Rand) {
	kinds := []string{"/state", "/add", "/add", "/anew", "/again", "/another", "/destroy", "sleep"}
	if h.revokes {
		kinds = []string{"/state", "/add", "/anew", "/anew", "/anew", "sleep", "revoke"}
	}
	var wg sync.WaitGroup
	for range 6 {
		picks := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		wg.Go(func() {
			for range 8 {
				h.step(picks, kinds[picks.IntN(len(kinds))])
			}
		})
	}
	wg.Wait()
	if h.ended.Load() == 0 {
		return
	}
	for _, v := range h.known {
		if r := v.clone().get(h.t, "/state"); r.StatusCode == http.StatusOK {
			h.t.Error("after all, the session is there")
		}
	}
}

func (h *history) step(picks *rand.Rand, kind string) {
	h.mu.Lock()
	v := h.known[max(0, len(h.known)-1-picks.IntN(3))].clone()
	h.mu.Unlock()
	began := h.clock.Add(1)
	switch kind {
	case "sleep":
		time.Sleep(time.Duration(picks.IntN(10)) * time.Minute)
		return
	case "revoke":
		if _, err := h.app.m.Users().Revoke(h.t.Context(), "ada", nil); err == nil {
			h.ended.CompareAndSwap(0, h.clock.Add(1))
		}
		return
	}
	r := v.get(h.t, kind)
	over := h.clock.Add(1)
	switch r.StatusCode {
	case http.StatusOK:
		if at := h.ended.Load(); at != 0 && at < began {
			h.t.Errorf("%s at %d: the session answers, and was ended at %d", kind, began, at)
		}
		if kind == "/destroy" {
			h.ended.CompareAndSwap(0, over)
			return
		}
		h.mu.Lock()
		h.known = append(h.known, v)
		h.mu.Unlock()
	case http.StatusUnauthorized, http.StatusServiceUnavailable:
	default:
		h.t.Error(fmt.Errorf("%s: status %d %q", kind, r.StatusCode, r.body))
	}
}
