package sessionstate_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/storetest"
)

// misfortunes are what a store can do to one call.
var misfortunes = map[string]storetest.Fault{
	"fails":      {},
	"hangs":      {Hang: true},
	"is slow":    {Delay: time.Second},
	"is late":    {Delay: time.Hour},
	"loses":      {Lost: true},
	"garbage":    {Answer: func(_ string, it store.Item) store.Item { it.Value = []byte("garbage"); return it }},
	"truncates":  {Answer: func(_ string, it store.Item) store.Item { it.Value = it.Value[:len(it.Value)/2]; return it }},
	"no version": {Answer: func(_ string, it store.Item) store.Item { it.Version = 0; return it }},
}

// Whatever a store does to any one call of a request, the answer is right or
// the documented 503, the next requests are served, and no log line holds an
// id, a cookie or a key of the store.
func TestWhateverAStoreDoesTheAnswerIsRightOrA503(t *testing.T) {
	t.Parallel()
	for misfortune, fault := range misfortunes {
		for _, mode := range []string{"cookie", "memstore"} {
			t.Run(misfortune+"/"+mode, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					for _, op := range []string{"get", "put", "swap", "delete", "touch", "scan"} {
						for _, path := range []string{"/", "/incr", "/login", "/renew", "/logout", "/flash"} {
							for after := range 2 {
								unlucky(t, mode, path, fault, op, after)
							}
						}
					}
				})
			})
		}
	}
}

// unlucky lets one call of a request to path go wrong.
func unlucky(t *testing.T, mode, path string, fault storetest.Fault, op string, after int) {
	t.Helper()
	var logged bytes.Buffer
	s := storetest.Faulty(newMem(t))
	cfg := sessionstate.Config{Observer: observe.Slog(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))}
	if mode == "cookie" {
		cfg.CookieMode.Revocations = s
	} else {
		cfg.Store, cfg.Limits.PerUser = s, 2
	}
	a := newVisit(t, cfg)
	v := a.visitor()
	v.get(t, "/login").status(t, 200)
	v.get(t, "/incr").wants(t, 200, "1")
	time.Sleep(10 * time.Minute) // a touch is due
	before := v.clone()
	fault.Op, fault.After = op, after
	s.Inject(fault)
	what := fmt.Sprintf("%s, %s no. %d", path, op, after+1)
	r := v.get(t, path)
	s.Heal()
	switch {
	case r.StatusCode == http.StatusServiceUnavailable:
		wants503(t, r, what)
	case r.StatusCode != http.StatusOK:
		t.Errorf("%s: %d %q, want the answer or a 503", what, r.StatusCode, r.body)
	case path == "/logout" && v.cookie() != "":
		t.Errorf("%s: logged out, and the cookie is still there", what)
	}
	if path == "/logout" && r.StatusCode == http.StatusOK {
		for _, copied := range []*visitor{v, before} {
			copied.get(t, "/who").wants(t, 200, "0")
		}
	}
	// Neither this visitor nor a new one is shut out.
	for _, next := range []*visitor{v, before.clone(), a.visitor()} {
		first := next.get(t, "/incr")
		n, err := strconv.Atoi(first.body)
		if first.StatusCode != http.StatusOK || err != nil || n > 5 {
			t.Errorf("%s: then %d %q", what, first.StatusCode, first.body)
		}
		next.get(t, "/incr").wants(t, 200, strconv.Itoa(n+1))
	}
	for _, secret := range []string{before.cookie(), v.cookie()} {
		if secret != "" && strings.Contains(logged.String(), secret[:16]) {
			t.Errorf("%s: a cookie was logged:\n%s", what, logged.String())
		}
	}
	for _, call := range s.Calls() {
		for _, key := range call.Keys {
			if digest := key[strings.LastIndexByte(key, '/')+1:]; len(digest) > 20 && strings.Contains(logged.String(), digest) {
				t.Errorf("%s: a store's key was logged whole:\n%s", what, logged.String())
			}
		}
	}
}

func TestASessionThatCannotBeReadCanBeEnded(t *testing.T) {
	t.Parallel()
	garbage := storetest.Fault{Op: "get", Times: -1, Answer: func(_ string, it store.Item) store.Item {
		it.Value = append([]byte{77}, it.Value...) // the format of a version to come
		return it
	}}
	for _, healed := range []bool{false, true} {
		s := storetest.Faulty(newMem(t))
		a := newVisit(t, sessionstate.Config{Store: s})
		v := a.visitor()
		v.get(t, "/login")
		copied := v.clone()
		a.handle("/twice", func(c echo.Context, st *sessionstate.State) error {
			if err := st.Err(); err != nil {
				return err
			}
			if healed {
				s.Heal() // the store recovers between the load and the logout
			}
			return errors.Join(st.Destroy(), st.Destroy())
		})
		s.Inject(garbage)
		v.get(t, "/twice").status(t, 200)
		s.Heal()
		if v.cookie() != "" {
			t.Error("the cookie is still there")
		}
		copied.get(t, "/who").wants(t, 200, "0")

		// Revert takes the logout back.
		v.get(t, "/login")
		copied = v.clone()
		a.handle("/undecided", func(_ echo.Context, st *sessionstate.State) error {
			err := st.Destroy()
			st.Revert()
			return err
		})
		s.Inject(garbage)
		v.get(t, "/undecided").status(t, 200)
		s.Heal()
		copied.get(t, "/who").wants(t, 200, "ada 0")
	}
}
