package peers

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/labstack/echo/v4"
)

// SCS is alexedwards/scs with its memstore. It stands around the whole app,
// since it does not work through echo.WrapMiddleware.
func SCS() SessionLibrary { return SCSIn(memstore.NewWithCleanupInterval(0)) }

// SCSIn is alexedwards/scs with a store.
func SCSIn(store scs.Store) SessionLibrary {
	registerSession()
	m := scs.New()
	m.Store = store
	m.Cookie.Name, m.Cookie.Secure = "__Host-id", true
	return SessionLibrary{
		Use: func(e *echo.Echo) http.Handler { return m.LoadAndSave(e) },
		Fill: func(c echo.Context, v Visitor) error {
			ctx := c.Request().Context()
			for key, value := range map[string]any{
				"user_id": v.User, "email": v.Email, "roles": v.Roles, "cart": v.Cart, "prefs": v.Prefs, "csrf": v.CSRF, "visits": v.Visits,
			} {
				m.Put(ctx, key, value)
			}
			return nil
		},
		User: func(c echo.Context) (int, error) { return m.GetInt(c.Request().Context(), "user_id"), nil },
		Visit: func(c echo.Context) (int, error) {
			ctx := c.Request().Context()
			n := m.GetInt(ctx, "visits") + 1
			m.Put(ctx, "visits", n)
			return n, nil
		},
	}
}
