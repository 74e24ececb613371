package peers

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/boj/redistore"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	others "github.com/reecho-go/reecho/benchmarks/peers"
	"github.com/reecho-go/reecho/benchmarks/workloads"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/store/redisstore"
)

// SessionLibrary is sessions in a Redis server.
type SessionLibrary struct {
	Name  string
	Lacks string // what it does not promise, and ours does
	Open  func(addr string) (others.SessionLibrary, error)
}

// The rows of sessions.
const (
	SCS       = "scs + go-redis"
	Redistore = "echo-contrib + redistore"
)

// SessionLibraries are all of them, ours first.
func SessionLibraries() []SessionLibrary {
	return []SessionLibrary{
		{Ours, "", reechoSessions},
		{SCS, "parallel requests of a visitor lose updates; a session that was ended can come back by a request under way", scsSessions},
		{Redistore, "parallel requests of a visitor lose updates; a session that was ended can come back by a request under way", redistoreSessions},
		{
			Rueidis, "no library of sessions but JSON by hand; reads what the client remembers, also of a session that was ended elsewhere until the client hears of it; parallel requests lose updates",
			rueidisSessions,
		},
	}
}

func reechoSessions(addr string) (others.SessionLibrary, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		return others.SessionLibrary{}, err
	}
	s, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		client.Close()
		return others.SessionLibrary{}, err
	}
	lib, err := workloads.Sessions(sessionstate.Config{Store: s})
	if err != nil {
		client.Close()
		return lib, err
	}
	end := lib.Close
	lib.Close = func() {
		end()
		client.Close()
	}
	return lib, nil
}

func scsSessions(addr string) (others.SessionLibrary, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	lib := others.SCSIn(goredisstore.New(client))
	lib.Close = func() { _ = client.Close() } // nothing is in flight
	return lib, nil
}

func redistoreSessions(addr string) (others.SessionLibrary, error) {
	s, err := redistore.NewRediStore(10, "tcp", addr, "", "", []byte("hZ6uWqk0Jm2nT8sPx4vRb1yLd7fGc3eA"))
	if err != nil {
		return others.SessionLibrary{}, err
	}
	lib := others.EchoContribIn(s)
	lib.Close = func() { _ = s.Close() } // nothing is in flight
	return lib, nil
}

// rueidisSessions is the least: a random id in the cookie, and JSON under it, read
// through the client-side cache.
func rueidisSessions(addr string) (others.SessionLibrary, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		return others.SessionLibrary{}, err
	}
	const name = "__Host-id"
	keyOf := func(c echo.Context) (string, error) {
		cookie, err := c.Cookie(name)
		if err != nil {
			return "", err
		}
		return "session:" + cookie.Value, nil
	}
	decode := func(m rueidis.RedisResult) (v others.Visitor, err error) {
		b, err := m.AsBytes()
		if err == nil {
			err = json.Unmarshal(b, &v)
		}
		return v, err
	}
	set := func(c echo.Context, key string, v others.Visitor) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return client.Do(c.Request().Context(), client.B().Set().Key(key).Value(rueidis.BinaryString(b)).Px(lives).Build()).Error()
	}
	return others.SessionLibrary{
		Use: func(e *echo.Echo) http.Handler { return e },
		Fill: func(c echo.Context, v others.Visitor) error {
			id := rand.Text()
			c.SetCookie(&http.Cookie{Name: name, Value: id, Path: "/", Secure: true, HttpOnly: true})
			return set(c, "session:"+id, v)
		},
		User: func(c echo.Context) (int, error) {
			key, err := keyOf(c)
			if err != nil {
				return 0, err
			}
			v, err := decode(client.DoCache(c.Request().Context(), client.B().Get().Key(key).Cache(), lives))
			return v.User, err
		},
		Visit: func(c echo.Context) (int, error) {
			key, err := keyOf(c)
			if err != nil {
				return 0, err
			}
			// What is remembered may be from before this client's own last write.
			v, err := decode(client.Do(c.Request().Context(), client.B().Get().Key(key).Build()))
			if err != nil {
				return 0, err
			}
			v.Visits++
			return v.Visits, set(c, key, v)
		},
		Close: client.Close,
	}, nil
}
