package sessionstate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/sessionstate"
)

type prefs struct {
	Theme    string `json:"theme"`
	PageSize int    `json:"page_size"`
}

// The seven keys of a usual session. gorilla's CookieStore with both keys needs
// 796 bytes for them.
var (
	kUser   = sessionstate.NewKey("user_id", sessionstate.KeyConfig[int]{})
	kEmail  = sessionstate.NewKey("email", sessionstate.KeyConfig[string]{})
	kRoles  = sessionstate.NewKey("roles", sessionstate.KeyConfig[[]string]{})
	kCart   = sessionstate.NewKey("cart", sessionstate.KeyConfig[[]int]{})
	kPrefs  = sessionstate.NewKey("prefs", sessionstate.KeyConfig[prefs]{})
	kCSRF   = sessionstate.NewKey("csrf", sessionstate.KeyConfig[string]{})
	kVisits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})
)

func fill(c echo.Context, s *sessionstate.State) error {
	for _, err := range []error{
		kUser.Set(s, 1234567),
		kEmail.Set(s, "ada.lovelace@example.org"),
		kRoles.Set(s, []string{"admin", "editor"}),
		kCart.Set(s, []int{1001, 1002, 1003}),
		kPrefs.Set(s, prefs{"dark", 50}),
		kCSRF.Set(s, "q8Jt2yq1Yw0b3l7m9n5c4v"),
		kVisits.Set(s, 41),
	} {
		if err != nil {
			return err
		}
	}
	return c.NoContent(http.StatusNoContent)
}

func TestCookieOfSevenKeysIsSmall(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	a.handle("/fill", fill)
	v := a.visitor()
	v.get(t, "/fill").status(t, http.StatusNoContent)
	if n := len(v.cookie()); n == 0 || n > 360 {
		t.Errorf("seven keys take %d bytes of cookie, want at most 360", n)
	} else {
		t.Logf("seven keys take %d bytes of cookie", n)
	}
}

// Of 4,096 bytes of name and value 3,035 can be sealed: the id, the times and
// the user, and what is left for keys.
func TestCookieHoldsAlmostThreeThousandBytesOfOneValue(t *testing.T) {
	t.Parallel()
	a := newApp(t, sessionstate.Config{})
	big := sessionstate.NewKey("k", sessionstate.KeyConfig[string]{})
	a.handle("/", func(c echo.Context, s *sessionstate.State) error {
		if err := big.Set(s, strings.Repeat("x", 2975)); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	a.visitor().get(t, "/").status(t, http.StatusNoContent)
}

func BenchmarkSession(b *testing.B) {
	for _, mode := range []struct {
		name   string
		config func() sessionstate.Config
	}{
		{"cookie", func() sessionstate.Config { return sessionstate.Config{} }},
		{"memstore", func() sessionstate.Config { return sessionstate.Config{Store: newMem(b)} }},
	} {
		routes := map[string]func(echo.Context, *sessionstate.State) error{
			"/read": func(c echo.Context, s *sessionstate.State) error {
				if kUser.Get(s) != 1234567 {
					b.Error("wrong value")
				}
				return c.NoContent(http.StatusNoContent)
			},
			"/update": func(c echo.Context, s *sessionstate.State) error {
				if _, err := sessionstate.Incr(kVisits, s, 1); err != nil {
					return err
				}
				return c.NoContent(http.StatusNoContent)
			},
		}
		a := newApp(b, mode.config())
		a.handle("/fill", fill)
		for path, h := range routes {
			a.handle(path, h)
		}
		a.GET("/never", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		bare := echo.New()
		bare.GET("/never", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		v := a.visitor()
		v.get(b, "/fill")
		run := func(name, path string, h http.Handler) {
			b.Run(mode.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				r := v.request(path)
				w := &sink{header: http.Header{}}
				for b.Loop() {
					clear(w.header)
					h.ServeHTTP(w, r)
				}
			})
		}
		run("without", "/never", bare)
		run("never", "/never", a)
		run("read", "/read", a)
		run("update", "/update", a)
	}
}

// sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

var _ http.ResponseWriter = (*sink)(nil)
