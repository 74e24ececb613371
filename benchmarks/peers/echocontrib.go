package peers

import (
	"bytes"
	"net/http"

	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
)

// EchoContrib is labstack/echo-contrib/session with gorilla's CookieStore,
// authenticated and encrypted.
func EchoContrib() SessionLibrary {
	return EchoContribIn(sessions.NewCookieStore(bytes.Repeat([]byte("0123456789abcdef"), 4), bytes.Repeat([]byte("fedcba9876543210"), 2)))
}

// EchoContribIn is labstack/echo-contrib/session with a store of gorilla's contract.
func EchoContribIn(store sessions.Store) SessionLibrary {
	registerSession()
	const name = "__Host-id"
	return SessionLibrary{
		Use: func(e *echo.Echo) http.Handler {
			e.Use(session.Middleware(store))
			return e
		},
		Fill: func(c echo.Context, v Visitor) error {
			s, err := session.Get(name, c)
			if err != nil {
				return err
			}
			s.Values["user_id"], s.Values["email"], s.Values["roles"] = v.User, v.Email, v.Roles
			s.Values["cart"], s.Values["prefs"], s.Values["csrf"], s.Values["visits"] = v.Cart, v.Prefs, v.CSRF, v.Visits
			return s.Save(c.Request(), c.Response())
		},
		User: func(c echo.Context) (int, error) {
			s, err := session.Get(name, c)
			if err != nil {
				return 0, err
			}
			n, _ := s.Values["user_id"].(int)
			return n, nil
		},
		Visit: func(c echo.Context) (int, error) {
			s, err := session.Get(name, c)
			if err != nil {
				return 0, err
			}
			n, _ := s.Values["visits"].(int)
			n++
			s.Values["visits"] = n
			return n, s.Save(c.Request(), c.Response())
		},
	}
}
