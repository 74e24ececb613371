package ctxinfo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
)

func Example() {
	info := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{
		AllowedHosts: []string{"example.com"},
		Locales:      []language.Tag{language.English, language.German},
	}))
	e := echo.New()
	e.Use(echov4.Use(info))
	e.GET("/", func(c echo.Context) error {
		in := ctxinfo.From(c)
		return c.String(http.StatusOK, fmt.Sprintf("%s reads %s, in %s, from %s\n",
			in.IP(), in.URL(), in.Locale(), in.Source(ctxinfo.FacetLocale)))
	})

	r := httptest.NewRequest(http.MethodGet, "/?page=2", http.NoBody)
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header.Set("Accept-Language", "de-CH, en;q=0.5")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	fmt.Print(w.Body)
	fmt.Println("Vary:", w.Header().Get("Vary"))
	// Output:
	// 203.0.113.9 reads http://example.com/?page=2, in de, from header Accept-Language
	// Vary: Accept-Language, Cookie
}

// A client can write any X-Forwarded-For. Which part of it is true depends on
// the proxies in front, and on nothing in the request: so there is no right
// default but none, and a wrong choice is as bad as trusting everybody.
func ExampleConfig_proxies() {
	// The attacker, at 198.51.100.7, claims to be 6.6.6.6. The load balancer
	// at 10.0.3.4 appends what it saw; nothing else does.
	attack := &http.Request{RemoteAddr: "10.0.3.4:4711", Header: http.Header{
		"X-Forwarded-For": {"6.6.6.6, 198.51.100.7"},
	}}
	// The same claim, made on a connection past the load balancer.
	direct := &http.Request{RemoteAddr: "198.51.100.7:4711", Header: http.Header{
		"X-Forwarded-For": {"6.6.6.6"},
	}}

	choices := []struct {
		name string
		cfg  ctxinfo.Config
	}{
		{"nobody (the default)", ctxinfo.Config{}},
		{"the load balancers' network", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Prefixes("10.0.3.0/28"))}},
		{"whoever connects", ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.TrustPeer())}},
	}
	for _, choice := range choices {
		info := ctxinfo.Must(ctxinfo.New(choice.cfg))
		fmt.Printf("%-28s behind: %-13s direct: %s\n", choice.name, info.ClientIP(attack), info.ClientIP(direct))
	}
	// Output:
	// nobody (the default)         behind: 10.0.3.4      direct: 198.51.100.7
	// the load balancers' network  behind: 198.51.100.7  direct: 198.51.100.7
	// whoever connects             behind: 198.51.100.7  direct: 6.6.6.6
}

// Every value says where it came from, and whether somebody trustworthy
// vouches for it.
func ExampleInfo_Source() {
	info := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{Proxies: ctxinfo.Behind(ctxinfo.Loopback())}))
	in := info.FromRequest(&http.Request{RemoteAddr: "127.0.0.1:4711", Header: http.Header{
		"X-Forwarded-For": {"198.51.100.7"},
		"Cookie":          {"ctx_theme=dark"},
	}})
	for _, f := range []ctxinfo.Facet{ctxinfo.FacetIP, ctxinfo.FacetTheme, ctxinfo.FacetTimezone} {
		s := in.Source(f)
		fmt.Printf("%s: %s, trusted: %v\n", f, s, s.Trusted)
	}
	// Output:
	// ip: header X-Forwarded-For, trusted: true
	// theme: cookie ctx_theme, trusted: false
	// time zone: default, trusted: false
}

// JavaScript counts the offset west of Greenwich, Go counts it east.
func ExampleInfo_TimezoneOffset() {
	info := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))
	in := info.FromRequest(&http.Request{Header: http.Header{"Cookie": {"ctx_tz=+05:30"}}})
	js, _ := in.TimezoneOffset()
	_, seconds := time.Now().In(in.Timezone()).Zone()
	fmt.Println(js, time.Duration(seconds)*time.Second)
	// Output:
	// -330 5h30m0s
}

// A button that switches the theme: the choice is a cookie, and wins over what
// the browser says.
func ExampleInfo_PreferenceCookie() {
	info := ctxinfo.Must(ctxinfo.New(ctxinfo.Config{}))
	e := echo.New()
	e.Use(echov4.Use(info))
	e.POST("/theme", func(c echo.Context) error {
		cookie, err := ctxinfo.From(c).PreferenceCookie(ctxinfo.ThemeCookie, c.FormValue("theme"))
		if err != nil { // neither light nor dark
			return echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
		}
		c.SetCookie(cookie)
		return c.Redirect(http.StatusSeeOther, "/")
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/theme?theme=dark", http.NoBody))
	fmt.Println(w.Header().Get("Set-Cookie"))
	// Output:
	// ctx_theme=dark; Path=/; Max-Age=31536000; SameSite=Lax
}
