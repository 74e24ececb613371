package sessionstate

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

// Only this package can look into a cookie: the id in it must not be in the
// log in any spelling.
func TestASVS16_2_5_NoIDIsLogged(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cookie", "memstore"} {
		var logged bytes.Buffer
		faulty := storetest.Faulty(memstore.Must(memstore.New(memstore.Config{})))
		cfg := Config{Observer: observe.Slog(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))}
		kind := boxRecord
		if mode == "memstore" {
			cfg.Store, kind = faulty, boxID
		} else {
			cfg.Revocations = faulty
		}
		m := Must(New(cfg))
		e := echo.New()
		e.Use(echov4.Use(m))
		e.GET("/login", func(c echo.Context) error { return From(c).Login("ada") })
		e.GET("/logout", func(c echo.Context) error { return From(c).Destroy() })
		var cookie string
		var ids []sessionID
		get := func(path string) {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Header.Set("Cookie", "__Host-id="+cookie)
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, r)
			logged.WriteString(rec.Body.String())
			for _, c := range rec.Result().Cookies() {
				if c.Value == "" {
					continue
				}
				cookie = c.Value
				plain, _, err := m.codec.open(kind, c.Name, c.Value)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, sessionID(plain[:idSize]))
			}
		}
		get("/login")
		get("/login")
		faulty.Inject(storetest.Fault{Times: -1})
		get("/login")
		get("/logout")
		faulty.Heal()
		get("/logout")
		get("/login")
		if len(ids) != 3 || strings.Count(logged.String(), "session.life") < 4 {
			t.Fatalf("%s: %d ids, and the log\n%s", mode, len(ids), logged.String())
		}
		for _, id := range ids {
			for _, form := range []string{
				string(id[:8]), hex.EncodeToString(id[:8]), base64.StdEncoding.EncodeToString(id[:])[:10], encoding.EncodeToString(id[:])[:10],
				strings.Trim(fmt.Sprintf("%d", id[:8]), "[]"),
			} {
				if strings.Contains(logged.String(), form) {
					t.Errorf("%s: an id was logged as %q:\n%s", mode, form, logged.String())
				}
			}
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
