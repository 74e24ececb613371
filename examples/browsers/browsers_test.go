//go:build browsers

package browsers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// name is a host name that the browsers take for this machine.
const name = "shop.test"

var visits = sessionstate.NewKey("visits", sessionstate.KeyConfig[int]{})

// site counts the visits of a session, and logs in and out.
func site(t *testing.T, cfg sessionstate.Config, start func(http.Handler) *httptest.Server) *httptest.Server {
	cfg.Observer = observe.Func(func(context.Context, observe.Event) {})
	m, err := sessionstate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) }) // nothing is in flight
	e := echo.New()
	e.Use(echov4.Use(m))
	e.GET("/", func(c echo.Context) error {
		s := sessionstate.From(c)
		n, err := sessionstate.Incr(visits, s, 1)
		if err != nil {
			return err
		}
		return c.HTML(http.StatusOK, fmt.Sprintf("<title>%d</title><p>%s</p>", n, s.User()))
	})
	e.GET("/page", func(c echo.Context) error { // it sets no cookie of its own
		return c.HTML(http.StatusOK, "<title>page</title><p>of "+sessionstate.From(c).User()+"</p>")
	})
	e.GET("/login", func(c echo.Context) error {
		if err := sessionstate.From(c).Login("ada"); err != nil {
			return err
		}
		return c.HTML(http.StatusOK, "<title>in</title>")
	})
	e.GET("/logout", func(c echo.Context) error {
		if err := sessionstate.From(c).Destroy(); err != nil {
			return err
		}
		return c.HTML(http.StatusOK, "<title>out</title>")
	})
	s := start(e)
	t.Cleanup(s.Close)
	return s
}

var browsers = map[string]func(t *testing.T) browser{
	"Chromium": func(t *testing.T) browser {
		return startDriver(t, map[string]any{"acceptInsecureCerts": true, "goog:chromeOptions": map[string]any{"args": []string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP " + name + " 127.0.0.1",
		}}}, "chromedriver")
	},
	"Firefox": startFirefox,
	"WebKit": func(t *testing.T) browser {
		program, args := withName(t, "WebKitWebDriver")
		return startDriver(t, map[string]any{"acceptInsecureCerts": true, "webkitgtk:browserOptions": map[string]any{
			"binary": "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser", "args": []string{"--automation"},
		}}, program, args...)
	},
}

// sticks are the addresses where a browser keeps the cookie of a Manager.
var sticks = map[string]map[string][]string{
	"default": {
		"Chromium": {"http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost", "https://" + name},
		"Firefox":  {"http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost", "https://" + name},
		"WebKit":   {"https://127.0.0.1", "https://localhost", "https://" + name},
	},
	"Insecure": {
		"Chromium": {"http://127.0.0.1", "http://localhost", "http://" + name},
		"Firefox":  {"http://127.0.0.1", "http://localhost", "http://" + name},
		"WebKit":   {"http://127.0.0.1", "http://localhost", "http://" + name},
	},
	"InsecureLocalhost": {
		"Chromium": {"http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost", "https://" + name},
		"Firefox":  {"http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost", "https://" + name},
		"WebKit":   {"http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost", "https://" + name},
	},
}

var configs = map[string]sessionstate.Config{
	"default": {}, "Insecure": {Insecure: true}, "InsecureLocalhost": {InsecureLocalhost: true},
}

func TestCookiesStickWhereTheDocumentationSaysSo(t *testing.T) {
	for of, open := range browsers {
		t.Run(of, func(t *testing.T) {
			b := open(t)
			do := func(method, path string, args map[string]any) any {
				t.Helper()
				v, err := b.call(method, path, args)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			visit := func(address string) { t.Helper(); do(http.MethodPost, "/url", map[string]any{"url": address}) }
			text := func(expression string) string {
				t.Helper()
				s, _ := do(http.MethodPost, "/execute/sync", map[string]any{"script": "return String(" + expression + ")", "args": []any{}}).(string)
				return s
			}
			for with, cfg := range configs {
				var got []string
				for scheme, start := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
					if scheme == "https" && with == "Insecure" {
						continue // nobody does that
					}
					for _, host := range []string{"localhost", "127.0.0.1", name} {
						s := site(t, cfg, start)
						u, err := url.Parse(s.URL)
						if err != nil {
							t.Fatal(err)
						}
						address := scheme + "://" + host
						at := address + ":" + u.Port()
						visit(at + "/")
						visit(at + "/")
						switch title := text("document.title"); title {
						case "2":
							got = append(got, address)
						case "1":
						default:
							t.Errorf("%s, %s: the title is %q", with, address, title)
						}
						if seen := text("document.cookie"); seen != "" {
							t.Errorf("%s, %s: a script can read %q", with, address, seen)
						}
					}
				}
				slices.Sort(got)
				t.Logf("%-17s %s", with, strings.Join(got, " "))
				if want := sticks[with][of]; !slices.Equal(got, want) {
					t.Errorf("%s: cookies stick on %v, want %v", with, got, want)
				}
			}

			// The back button, after the logout.
			s := site(t, sessionstate.Config{}, httptest.NewTLSServer)
			visit(s.URL + "/login")
			visit(s.URL + "/page")
			if got := text("document.body.innerText"); !strings.Contains(got, "of ada") {
				t.Errorf("after the login the page says %q", got)
			}
			visit(s.URL + "/logout")
			do(http.MethodPost, "/back", map[string]any{})
			if got := text("document.body.innerText"); strings.Contains(got, "ada") {
				t.Errorf("after the logout the back button shows %q", got)
			}
		})
	}
}
