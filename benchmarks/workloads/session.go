package workloads

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/benchmarks/bench"
	"github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/memstore"
)

// The rows of sessions.
const (
	OursInCookie = Ours + ", cookie"
	OursInMemory = Ours + ", memory"
	EchoContrib  = "echo-contrib + gorilla, cookie"
	SCS          = "scs, memory"
)

// Session is one request of a visitor whose session has seven keys, through
// echo, in the modes that keep it in the cookie and those that keep it in
// memory.
func Session() []bench.Workload {
	return []bench.Workload{
		session("a route that does not use the session", "/never"),
		session("read one of seven keys", "/user"),
		session("read, update, save one of seven keys", "/visit"),
	}
}

func session(name, path string) bench.Workload {
	return bench.Workload{Group: "session", Name: name, Reference: OursInCookie, Prepare: func() ([]bench.Row, error) {
		var rows []bench.Row
		if path == "/never" {
			rows = append(rows, bare("echo alone", path), bare("echo with one empty middleware", path, pass))
		}
		for _, lib := range []struct {
			peer string
			open func() (peers.SessionLibrary, error)
		}{
			{OursInCookie, func() (peers.SessionLibrary, error) { return Sessions(sessionstate.Config{}) }},
			{EchoContrib, func() (peers.SessionLibrary, error) { return peers.EchoContrib(), nil }},
			{OursInMemory, inMemory},
			{SCS, func() (peers.SessionLibrary, error) { return peers.SCS(), nil }},
		} {
			l, err := lib.open()
			if err != nil {
				return rows, err
			}
			row := bench.Row{Peer: lib.peer, Close: l.Close}
			site, err := peers.NewSite(l)
			if err != nil {
				return append(rows, row), err
			}
			row.Op = func(int) error { return site.Get(path) }
			row.Check = site.Check
			row.Note = fmt.Sprintf("a cookie of %d bytes", len(site.Cookie()))
			rows = append(rows, row)
		}
		return rows, nil
	}}
}

// bare is a row without sessions.
func bare(peer, path string, mws ...echo.MiddlewareFunc) bench.Row {
	site := peers.NewBareSite(mws...)
	get := func() error { return site.Get(path) }
	return bench.Row{Peer: peer, Op: func(int) error { return get() }, Check: get}
}

// inMemory is server mode on our own store.
func inMemory() (peers.SessionLibrary, error) {
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		return peers.SessionLibrary{}, err
	}
	lib, err := Sessions(sessionstate.Config{Store: s})
	lib.Close = func() { _ = s.Close(context.Background()) } // nothing is in flight
	return lib, err
}

var (
	userKey   = sessionstate.NewKey("user_id", sessionstate.KeyConfig[int]{})
	emailKey  = sessionstate.NewKey("email", sessionstate.KeyConfig[string]{})
	rolesKey  = sessionstate.NewKey("roles", sessionstate.KeyConfig[[]string]{})
	cartKey   = sessionstate.NewKey("cart", sessionstate.KeyConfig[[]int]{})
	prefsKey  = sessionstate.NewKey("prefs", sessionstate.KeyConfig[peers.Preferences]{})
	csrfKey   = sessionstate.NewKey("csrf", sessionstate.KeyConfig[string]{})
	visitsKey = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
)

// Sessions is our sessions, as a library among others.
func Sessions(cfg sessionstate.Config) (peers.SessionLibrary, error) {
	cfg.Observer = unread
	cfg.Secrets = []sessionstate.Secret{{ID: "bench", Key: []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA")}}
	m, err := sessionstate.New(cfg)
	if err != nil {
		return peers.SessionLibrary{}, err
	}
	return peers.SessionLibrary{
		Use: func(e *echo.Echo) http.Handler {
			e.Use(echov4.Use(m))
			return e
		},
		Fill: func(c echo.Context, v peers.Visitor) error {
			s := sessionstate.From(c)
			for _, err := range []error{
				userKey.Set(s, v.User), emailKey.Set(s, v.Email), rolesKey.Set(s, v.Roles), cartKey.Set(s, v.Cart),
				prefsKey.Set(s, v.Prefs), csrfKey.Set(s, v.CSRF), visitsKey.Set(s, v.Visits),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		},
		User: func(c echo.Context) (int, error) { return userKey.Get(sessionstate.From(c)), nil },
		Visit: func(c echo.Context) (int, error) {
			return sessionstate.Incr(visitsKey, sessionstate.From(c), 1)
		},
		Close: func() { _ = m.Close(context.Background()) }, // nothing is in flight
	}, nil
}
