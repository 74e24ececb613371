package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// browser takes our self-signed certificates, finds all sites on this machine,
// and keeps third parties from unpartitioned cookies, as browsers come to do.
var browser = chromiumtest.Browser{Flags: map[string]any{
	"host-resolver-rules":              "MAP *.test 127.0.0.1",
	"ignore-certificate-errors":        true,
	"test-third-party-cookie-phaseout": true,
}}

// at is the server's address under another host name.
func at(s *httptest.Server, host string) string {
	u, _ := url.Parse(s.URL) // it is a URL
	return u.Scheme + "://" + host + ":" + u.Port()
}

func logIn(b *chromiumtest.Tab, address string) {
	b.Open(address)
	b.Types("#name", "ada")
	b.Types("#password", "engine")
	b.Click("#login")
}

// cookies are those that the tab keeps for its page, by name.
func cookies(t *testing.T, b *chromiumtest.Tab) map[string]*network.Cookie {
	t.Helper()
	res, err := chromedp.Call(b.Context(), network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*network.Cookie)
	for _, c := range res.Cookies {
		byName[c.Name] = c
	}
	return byName
}

// counter is an app that counts the visits of a session, with cookies as the
// config says. Its other pages are what the tests need: one with a frame, one
// with a link and a form to another site, one that sets a cookie of some size,
// and two that fill a session and read it.
func counter(t *testing.T, cookie sessionstate.CookieConfig) *httptest.Server {
	t.Helper()
	m, err := sessionstate.New(sessionstate.Config{Cookie: cookie, Observer: unheard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) }) // nothing is in flight
	e := echo.New()
	e.Use(echov4.Use(m))
	e.Any("/", func(c echo.Context) error {
		n, err := sessionstate.Incr(visits, sessionstate.From(c), 1)
		if err != nil {
			return err
		}
		return c.HTML(http.StatusOK, fmt.Sprintf("<title>counter</title><p>visits: %[1]d</p><script>parent.postMessage('visits: %[1]d', '*')</script>", n))
	})
	e.GET("/frame", func(c echo.Context) error {
		return c.HTML(http.StatusOK, fmt.Sprintf(`<title>frame</title><script>addEventListener('message', e => document.title = e.data)</script><iframe src=%q></iframe>`, c.QueryParam("of")))
	})
	e.GET("/links", func(c echo.Context) error {
		return c.HTML(http.StatusOK, fmt.Sprintf(`<title>links</title><a href=%[1]q>go</a><form method=post action=%[1]q><button>send</button></form>`, c.QueryParam("to")))
	})
	e.GET("/size", func(c echo.Context) error {
		size, err := strconv.Atoi(c.QueryParam("of"))
		if err != nil {
			return err
		}
		c.Response().Header().Add("Set-Cookie", "__Host-raw="+strings.Repeat("x", size-len("__Host-raw"))+"; Path=/; Secure")
		return c.HTML(http.StatusOK, "<title>size</title>")
	})
	e.GET("/fill", func(c echo.Context) error {
		s := sessionstate.From(c)
		for n := 4096; ; n-- {
			err := filling.Set(s, strings.Repeat("x", n))
			if err == nil {
				return c.HTML(http.StatusOK, fmt.Sprintf("<title>fill</title><p>filled with %d</p>", n))
			}
			if !errors.Is(err, sessionstate.ErrTooLarge) {
				return err
			}
		}
	})
	e.GET("/filled", func(c echo.Context) error {
		return c.HTML(http.StatusOK, fmt.Sprintf("<title>filled</title><p>filled with %d</p>", len(filling.Get(sessionstate.From(c)))))
	})
	s := httptest.NewTLSServer(e)
	t.Cleanup(s.Close)
	return s
}

// unheard keeps what a Manager says of its config out of the tests' output.
var unheard observe.Func = func(context.Context, observe.Event) {}

var filling = sessionstate.NewKey("filling", sessionstate.KeyConfig[string]{})

func TestBrowserHostCookiesAreKeptOverHTTPSAndOnLoopback(t *testing.T) {
	t.Parallel()
	secure, plain := site(t), httptest.NewServer(testApp(t))
	t.Cleanup(plain.Close)
	for _, address := range []string{secure.URL, at(secure, "shop.test"), plain.URL, at(plain, "localhost")} {
		b := browser.NewTab(t)
		logIn(b, address)
		b.Shows("Welcome, ada.", "Hello, ada")
		b.Do(chromedp.Reload())
		b.Shows("Hello, ada", "in this session: 3")
		c := cookies(t, b)["__Host-id"]
		if c == nil || !c.Secure || !c.HTTPOnly || c.Path != "/" || c.SameSite != network.CookieSameSiteLax || !c.Session {
			t.Errorf("%s: the cookie is %+v", address, c)
		}
		if got := chromiumtest.Eval[string](b, `document.cookie`); got != "" {
			t.Errorf("%s: a script can read %q", address, got)
		}
	}
}

func TestBrowserHostCookiesAreRefusedOverHTTPOnAnotherHost(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(testApp(t))
	t.Cleanup(plain.Close)
	b := browser.NewTab(t)
	b.Allow("status of 403")
	logIn(b, at(plain, "shop.test"))
	b.Shows("This form has expired.") // there is no session that the form could be of
	if got := cookies(t, b); len(got) != 0 {
		t.Errorf("the browser keeps %v", got)
	}
}

func TestBrowserTabsShareASessionAndPrivateWindowsDoNot(t *testing.T) {
	t.Parallel()
	s := site(t)
	one, private := browser.NewTab(t), browser.NewTab(t)
	two := one.Another()
	logIn(one, s.URL)
	one.Shows("Hello, ada")
	two.Open(s.URL)
	two.Shows("Hello, ada", "this device")
	private.Open(s.URL)
	private.Shows("Log in")

	logIn(private, s.URL) // a second device
	private.Shows("Hello, ada")
	two.Do(chromedp.Reload())
	two.Until(`document.querySelectorAll('.other').length === 1`)
	two.Click(".other")
	two.Shows("The device is logged out.")
	private.Do(chromedp.Reload())
	private.Shows("Log in")

	two.Click("#logout")
	two.Shows("You are logged out on this device.")
	one.Do(chromedp.Reload())
	one.Shows("Log in")
}

func TestBrowserACookieInAFrameIsPartitioned(t *testing.T) {
	t.Parallel()
	inner := counter(t, sessionstate.CookieConfig{Partitioned: true, SameSite: http.SameSiteNoneMode})
	loose := counter(t, sessionstate.CookieConfig{SameSite: http.SameSiteNoneMode})
	shell := counter(t, sessionstate.CookieConfig{})
	framed := func(b *chromiumtest.Tab, top, of string) string {
		b.Open(at(shell, top) + "/frame?of=" + url.QueryEscape(of))
		b.Until(`document.title.startsWith('visits')`)
		return chromiumtest.Eval[string](b, `document.title`)
	}
	b := browser.NewTab(t)
	for i, want := range []string{"visits: 1", "visits: 2"} {
		if got := framed(b, "one.test", at(inner, "inner.test")); got != want {
			t.Errorf("visit %d in a frame of one.test: %q, want %q", i+1, got, want)
		}
	}
	if got := framed(b, "two.test", at(inner, "inner.test")); got != "visits: 1" {
		t.Errorf("in a frame of two.test: %q, want a session of its own", got)
	}
	b.Open(at(inner, "inner.test"))
	b.Shows("visits: 1") // nor is it that of the site itself
	if c := cookies(t, b)["__Host-id"]; c == nil || c.PartitionKey == nil || !strings.Contains(c.PartitionKey.TopLevelSite, "inner.test") {
		t.Errorf("the cookie is %+v, want it partitioned", c)
	}
	for range 2 { // a browser that blocks third parties keeps no other
		if got := framed(b, "one.test", at(loose, "loose.test")); got != "visits: 1" {
			t.Errorf("without Partitioned: %q, want no cookie", got)
		}
	}
}

func TestBrowserSameSiteIsKept(t *testing.T) {
	t.Parallel()
	other := counter(t, sessionstate.CookieConfig{})
	for mode, want := range map[http.SameSite]struct{ link, form string }{
		http.SameSiteLaxMode:    {"visits: 2", "visits: 1"},
		http.SameSiteStrictMode: {"visits: 1", "visits: 1"},
		http.SameSiteNoneMode:   {"visits: 2", "visits: 2"},
	} {
		shop := counter(t, sessionstate.CookieConfig{SameSite: mode})
		from := func(selector chromedp.CSS) *chromiumtest.Tab {
			b := browser.NewTab(t)
			b.Open(at(shop, "shop.test"))
			b.Shows("visits: 1")
			b.Open(at(other, "other.test") + "/links?to=" + url.QueryEscape(at(shop, "shop.test")))
			b.Click(selector)
			return b
		}
		from("a").Shows(want.link)
		from("button").Shows(want.form)
	}
}

func TestBrowserAPlantedCookieIsWorthNothingAfterTheLogin(t *testing.T) {
	t.Parallel()
	s := site(t)
	attacker := newVisitor(t, s)
	attacker.get()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	planted := attacker.client.Jar.Cookies(u)[0]
	victim := browser.NewTab(t)
	_, err = chromedp.Call(victim.Context(), network.SetCookie, network.SetCookieParams{
		Name: planted.Name, Value: planted.Value, URL: s.URL, Path: "/", Secure: new(true), HTTPOnly: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	victim.Open(s.URL)
	victim.Shows("in this session: 2") // the attacker's session
	logIn(victim, s.URL)
	victim.Shows("Hello, ada")
	if got := cookies(t, victim)[planted.Name]; got == nil || got.Value == planted.Value {
		t.Error("the victim still has the planted cookie")
	}
	attacker.get()
	attacker.lacks("ada")
}

func TestBrowserTheBackButtonShowsNothingAfterTheLogout(t *testing.T) {
	t.Parallel()
	b, s := browser.NewTab(t), site(t)
	logIn(b, s.URL)
	b.Shows("Hello, ada")
	b.Open(s.URL + "/?again")
	b.Shows("Hello, ada")
	b.Click("#logout")
	b.Shows("You are logged out on this device.")
	b.Do(chromedp.NavigateBack())
	b.At("/?again")
	b.Shows("Log in")
	if got := chromiumtest.Eval[string](b, `document.body.innerText`); strings.Contains(got, "ada") {
		t.Errorf("after the logout the back button shows:\n%s", got)
	}
}

func TestBrowserCookiesOfFullSizeAreKept(t *testing.T) {
	t.Parallel()
	b, s := browser.NewTab(t), counter(t, sessionstate.CookieConfig{})
	for size, kept := range map[int]bool{4096: true, 4097: false} {
		b.Open(s.URL + "/size?of=" + strconv.Itoa(size))
		if _, ok := cookies(t, b)["__Host-raw"]; ok != kept {
			t.Errorf("a cookie of %d bytes: kept %v, want %v", size, ok, kept)
		}
		if _, err := chromedp.Call(b.Context(), network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	b.Open(s.URL + "/fill")
	filled := chromiumtest.Eval[string](b, `document.querySelector('p').innerText`)
	c := cookies(t, b)["__Host-id"]
	if c == nil || c.Size < 4080 || c.Size > 4096 {
		t.Fatalf("the session's cookie is %+v, want one of almost 4096 bytes", c)
	}
	b.Open(s.URL + "/filled")
	b.Shows(filled)
}
