// Package visitorscript_test runs ctxinfo's script in a real browser, on a
// small site of its own, on two hosts and over https.
package visitorscript_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/echov4"
	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
)

// browser finds every host under .test on this machine, and knows no
// certificates.
var browser = chromiumtest.Browser{Flags: map[string]any{
	"host-resolver-rules":       "MAP *.test 127.0.0.1",
	"ignore-certificate-errors": true,
}}

// darkBrowser runs on a device that wants dark colours and less motion.
var darkBrowser = chromiumtest.Browser{Flags: map[string]any{
	"host-resolver-rules":          "MAP *.test 127.0.0.1",
	"ignore-certificate-errors":    true,
	"force-dark-mode":              true,
	"force-prefers-reduced-motion": true,
}}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := errors.Join(browser.Close(), darkBrowser.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// facts are what the server knew when it made a page.
type facts struct {
	Zone, ZoneSource   string
	Theme, ThemeSource string
	Motion             bool
	Contrast           string
	Offset             int // minutes, as JavaScript has it
	Locale             string
	Embedded, Known    bool
	EmbeddedSource     string
}

func factsOf(in *ctxinfo.Info) facts {
	yes, known := in.IsEmbedded()
	offset, _ := in.TimezoneOffset()
	return facts{
		Zone: in.TimezoneName(), ZoneSource: in.Source(ctxinfo.FacetTimezone).String(),
		Theme: in.Theme().Type, ThemeSource: in.Source(ctxinfo.FacetTheme).String(),
		Motion: in.Theme().ReducedMotion, Contrast: in.Theme().Contrast, Offset: offset, Locale: in.Locale().String(),
		Embedded: yes, Known: known, EmbeddedSource: in.Source(ctxinfo.FacetEmbedded).String(),
	}
}

var page = template.Must(template.New("").Parse(`<!doctype html><title>page</title><head><link rel="icon" href="data:,">{{.Script}}</head>
<script nonce="n0nce">self.changes = 0; addEventListener("ctx:change", () => changes++)</script>
<pre id="facts">{{.Facts}}</pre>
{{with .Frame}}<iframe src="{{.}}"></iframe>{{end}}`))

// site serves "/" with the script, "/frame" with "/" of another host in a
// frame, and "/facts" as JSON; all under a policy that runs only what has the
// nonce, which "/blocked" leaves out.
func site(t *testing.T, cfg ctxinfo.Config) (url string) {
	t.Helper()
	info := ctxinfo.Must(ctxinfo.New(cfg))
	e := echo.New()
	e.Use(echov4.Use(info))
	show := func(nonce, frame string) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", "script-src 'nonce-n0nce'")
			text, err := json.Marshal(factsOf(ctxinfo.From(c)))
			if err != nil {
				return err
			}
			var b strings.Builder
			err = page.Execute(&b, map[string]any{"Script": ctxinfo.Script(nonce), "Facts": string(text), "Frame": frame})
			if err != nil {
				return err
			}
			return c.HTML(http.StatusOK, b.String())
		}
	}
	e.GET("/", show("n0nce", ""))
	e.GET("/blocked", show("", ""))
	e.GET("/facts", func(c echo.Context) error { return c.JSON(http.StatusOK, factsOf(ctxinfo.From(c))) })
	server := httptest.NewTLSServer(e)
	t.Cleanup(server.Close)
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	e.GET("/frame", show("n0nce", "https://inner.test"+port+"/"))
	return "https://outer.test" + port
}

// shown is what the page says that the server knew.
func shown(t *testing.T, b *chromiumtest.Tab) facts {
	t.Helper()
	return parse(t, chromiumtest.Eval[string](b, `document.getElementById("facts").textContent`))
}

func parse(t *testing.T, text string) (f facts) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func zone(t *testing.T, b *chromiumtest.Tab, name string) {
	t.Helper()
	if _, err := chromedp.Call(b.Context(), emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name}); err != nil {
		t.Fatal(err)
	}
}

func TestTimeZone(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	zone(t, b, "Asia/Kolkata")
	b.Open(url)
	if got := shown(t, b); got.Zone != "" || got.ZoneSource != "default" {
		t.Errorf("first page: %+v, want no zone: nobody has told it", got)
	}
	b.Open(url)
	if got := shown(t, b); got.Zone != "Asia/Kolkata" && got.Zone != "Asia/Calcutta" || got.ZoneSource != "cookie ctx" {
		t.Errorf("second page: %+v, want the zone by the script", got)
	}
	if got, want := shown(t, b).Offset, chromiumtest.Eval[int](b, `new Date().getTimezoneOffset()`); got != want || got != -330 {
		t.Errorf("the offset is %d, in JavaScript %d, want -330", got, want)
	}
	if n := chromiumtest.Eval[int](b, `changes`); n != 0 {
		t.Errorf("ctx:change came %d times, and nothing changed", n)
	}

	// The visitor lands elsewhere and comes back to the page.
	zone(t, b, "America/New_York")
	chromiumtest.Eval[bool](b, `document.dispatchEvent(new Event("visibilitychange", {bubbles: true}))`)
	b.Until(`changes === 1 && document.cookie.includes("tz=America/New_York")`)
	b.Open(url)
	if got := shown(t, b); got.Zone != "America/New_York" {
		t.Errorf("after the flight: %+v", got)
	}
}

func TestThemeAndItsLiveChange(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	b.Scheme("dark")
	b.Open(url)
	b.Open(url)
	if got := shown(t, b); got.Theme != "dark" || got.ThemeSource != "cookie ctx" || got.Motion {
		t.Errorf("dark: %+v", got)
	}
	b.Scheme("light")
	b.Until(`changes === 1 && document.cookie.includes("css=0000")`)
	b.Open(url)
	if got := shown(t, b); got.Theme != "light" {
		t.Errorf("after the change: %+v", got)
	}
	media(t, b, "prefers-color-scheme", "light", "prefers-reduced-motion", "reduce")
	b.Until(`document.cookie.includes("css=0100")`)
	b.Open(url)
	if got := shown(t, b); !got.Motion || got.Theme != "light" || got.Contrast != "" {
		t.Errorf("less motion: %+v", got)
	}
	for digits, contrast := range map[string]string{"1010": "more", "1001": "less"} {
		media(t, b, "prefers-color-scheme", "dark", "prefers-contrast", contrast)
		b.Until(`document.cookie.includes("css=` + digits + `")`)
		b.Open(url)
		if got := shown(t, b); got.Contrast != contrast || got.Motion || got.Theme != "dark" {
			t.Errorf("contrast %s: %+v", contrast, got)
		}
	}
}

// media makes the device ask for what the media features say, and nothing else.
func media(t *testing.T, b *chromiumtest.Tab, features ...string) {
	t.Helper()
	var params emulation.SetEmulatedMediaParams
	for i := 0; i < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	if _, err := chromedp.Call(b.Context(), emulation.SetEmulatedMedia, params); err != nil {
		t.Fatal(err)
	}
}

// With Config.HintTheme a Chromium tells its colours with the very first
// request, also when scripts are off, and the page says so in Vary.
func TestHints(t *testing.T) {
	url, b := site(t, ctxinfo.Config{HintTheme: true}), darkBrowser.NewTab(t)
	if _, err := chromedp.Call(b.Context(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Open(url)
	if got := shown(t, b); got.Theme != "dark" || got.ThemeSource != "header Sec-Ch-Prefers-Color-Scheme" || !got.Motion {
		t.Errorf("first page: %+v", got)
	}
}

// SC8: what the cookie is like, outside and inside a frame of another site.
func TestCookieAttributes(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	b.Open(url + "/frame")
	await(t, inFrame(t, b), `new Promise(r => setTimeout(r, 0)).then(() => "")`)
	found, err := chromedp.Call(b.Context(), network.GetCookies, network.GetCookiesParams{URLs: []string{url, strings.Replace(url, "outer", "inner", 1)}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range found.Cookies {
		if c.Name != "ctx" {
			continue
		}
		seen[c.Domain] = true
		site, partitioned := network.CookieSameSiteLax, false
		if c.Domain == "inner.test" {
			site, partitioned = network.CookieSameSiteNone, true
		}
		if c.HTTPOnly || !c.Secure || !c.Session || c.Path != "/" || c.SameSite != site || (c.PartitionKey != nil) != partitioned {
			t.Errorf("the cookie of %s is %+v, want Path=/, Secure, SameSite=%s, for scripts too, until the browser ends, partitioned: %v", c.Domain, c, site, partitioned)
		}
		if len(c.Name)+len(c.Value) > 256 {
			t.Errorf("the cookie of %s has %d bytes", c.Domain, len(c.Name)+len(c.Value))
		}
	}
	if !seen["outer.test"] || !seen["inner.test"] || len(seen) != 2 {
		t.Errorf("cookies are at %v, want one on each site", seen)
	}
}

func TestLocale(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	agent := chromiumtest.Eval[string](b, `navigator.userAgent`)
	_, err := chromedp.Call(b.Context(), emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: "de-CH"})
	if err != nil {
		t.Fatal(err)
	}
	b.Open(url)
	if got := shown(t, b); got.Locale != "de-CH" {
		t.Errorf("by the header: %+v", got)
	}
	if got := chromiumtest.Eval[string](b, `document.cookie`); !strings.Contains(got, "&lang=de-CH&") {
		t.Errorf("the cookie is %q", got)
	}
}

// In a frame of another site the cookie is partitioned, so that it comes back
// there, and the page says that it is embedded.
func TestCrossSiteFrame(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	b.Open(url + "/frame")
	if got := shown(t, b); got.Embedded || !got.Known {
		t.Errorf("outside: %+v, want a page that is known to be in no frame", got)
	}
	frame := inFrame(t, b)
	if got := parse(t, eval[string](t, frame, `document.getElementById("facts").textContent`)); !got.Embedded || got.EmbeddedSource != "header Sec-Fetch-Dest" || got.Zone != "" {
		t.Errorf("inside, first: %+v", got)
	}
	const fetched = `fetch("/facts", {headers: %s}).then(r => r.text())`
	got := parse(t, await(t, frame, fmt.Sprintf(fetched, "{}")))
	if got.Known || got.ZoneSource != "cookie ctx" {
		t.Errorf("inside, fetched: %+v, want the zone of the partitioned cookie, and nothing known of the frame", got)
	}
	// What htmx does before each request: versions 1 and 2, then 4.
	for _, event := range []string{
		`(d => {dispatchEvent(new CustomEvent("htmx:configRequest", {detail: d})); return d.headers})({headers: {}})`,
		`(d => {dispatchEvent(new CustomEvent("htmx:config:request", {detail: d})); return d.ctx.request.headers})({ctx: {request: {headers: {}}}})`,
	} {
		got := parse(t, await(t, frame, fmt.Sprintf(fetched, event)))
		if !got.Embedded || got.EmbeddedSource != "header "+ctxinfo.EmbeddedHeader {
			t.Errorf("inside, by htmx: %+v", got)
		}
	}
	if got := chromiumtest.Eval[string](b, `document.cookie`); !strings.HasPrefix(got, "ctx=1&") {
		t.Errorf("the outer page's cookie is %q", got)
	}
}

// inFrame attaches to the frame of another site, which has a process of its own.
func inFrame(t *testing.T, b *chromiumtest.Tab) context.Context {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // the browser has no clock of ours
		targets, err := chromedp.Targets(b.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range targets {
			if info.Type == "iframe" && strings.HasPrefix(info.URL, "https://inner.test") {
				ctx, cancel := chromedp.NewContext(b.Context(), chromedp.WithTargetID(info.TargetID))
				t.Cleanup(cancel)
				return ctx
			}
		}
	}
	t.Fatal("no frame")
	return nil
}

func eval[T any](t *testing.T, ctx context.Context, expression string, opts ...chromedp.EvaluateOption) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func await(t *testing.T, ctx context.Context, expression string) string {
	t.Helper()
	return eval[string](t, ctx, expression, chromedp.EvalAwaitPromise)
}

func TestWithoutJavaScript(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	if _, err := chromedp.Call(b.Context(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.Open(url)
	b.Open(url)
	if got := shown(t, b); got.Zone != "" || got.Theme != "" || !got.Known || got.Embedded {
		t.Errorf("without scripts: %+v", got)
	}
}

// SC10: the script needs the nonce of the page's policy.
func TestNonce(t *testing.T) {
	url, b := site(t, ctxinfo.Config{}), browser.NewTab(t)
	b.Allow("Content Security Policy")
	b.Open(url + "/blocked")
	if got := chromiumtest.Eval[string](b, `document.cookie`); got != "" {
		t.Errorf("a script without the nonce wrote %q", got)
	}
	b.Open(url)
	if got := chromiumtest.Eval[string](b, `document.cookie`); !strings.HasPrefix(got, "ctx=1&tz=") || len(got) > 256 {
		t.Errorf("the cookie is %q", got)
	}
}
