package sessionstatetest_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/sessionstate"
	"github.com/reecho-go/reecho/sessionstate/sessionstatetest"
	"github.com/reecho-go/reecho/store/memstore"
)

var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

func newApp(m *sessionstate.Manager) http.Handler {
	e := echo.New()
	e.Use(echov4.Use(m))
	e.GET("/", func(c echo.Context) error {
		n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(n))
	})
	return e
}

func body(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestClientSeedAndInspect(t *testing.T) {
	t.Parallel()
	mem := memstore.Must(memstore.New(memstore.Config{}))
	defer mem.Close(t.Context())
	for _, cfg := range []sessionstate.Config{
		{},
		{Store: mem},
		{Insecure: true},
		{Cookie: sessionstate.CookieConfig{Domain: "app.example.org", Path: "/app"}},
	} {
		m := sessionstate.Must(sessionstate.New(cfg))
		c := sessionstatetest.NewClient(newApp(m))
		sessionstatetest.Seed(t, c, m, func(s *sessionstate.State) {
			if err := visits.Set(s, 41); err != nil {
				t.Error(err)
			}
		})
		if got := body(t, c.Get("/")); got != "42" {
			t.Errorf("after Seed: %s, want 42", got)
		}
		thief := c.Clone()
		sessionstatetest.Inspect(t, c, m, func(s *sessionstate.State) {
			if got := visits.Get(s); got != 42 || s.IsNew() {
				t.Errorf("Inspect sees %d, want 42", got)
			}
			if err := visits.Set(s, 7); err != nil {
				t.Error(err)
			}
			if err := s.Destroy(); err != nil {
				t.Error(err)
			}
		})
		if got := body(t, c.Get("/")); got != "43" {
			t.Errorf("after Inspect: %s, want 43", got)
		}
		if thief.Cookie("nothing") != "" || body(t, sessionstatetest.NewClient(newApp(m)).Get("/")) != "1" {
			t.Error("a new client has a session")
		}
		sessionstatetest.Inspect(t, thief, m, func(s *sessionstate.State) {
			if s.IsNew() {
				t.Error("a clone has no session")
			}
		})
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func ExampleSeed() {
	m := sessionstate.Must(sessionstate.New(sessionstate.Config{}))
	app := newApp(m)

	var t testing.TB = new(testing.T) // in a test: its own
	client := sessionstatetest.NewClient(app)
	sessionstatetest.Seed(t, client, m, func(s *sessionstate.State) {
		_ = visits.Set(s, 99)
	})
	b, _ := io.ReadAll(client.Get("/").Body)
	fmt.Println(string(b))
	// Output: 100
}
