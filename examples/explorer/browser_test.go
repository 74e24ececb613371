package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The browser of these tests is Chromium, headless. Without it they fail.
const installChromium = "no Chromium: install it with `apt-get install -y chromium`"

// screenshots is where the tests leave pictures of what they saw; git ignores it.
var screenshots = filepath.Join("..", "..", "artifacts", "explorer")

// chromium is one browser process for all tests. Each test gets contexts of
// its own in it, which share nothing.
type chromium struct {
	once sync.Once
	ctx  context.Context
	err  error
}

var theBrowser chromium

func (b *chromium) start() {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		b.err = errors.New(installChromium)
		return
	}
	profile, err := os.MkdirTemp("", "explorer-chromium-")
	if err != nil {
		b.err = err
		return
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancel := chromedp.NewContext(alloc)
	b.ctx = ctx
	atEnd(func() error {
		cancel()
		cancelAlloc() // waits for the process
		return os.RemoveAll(profile)
	})
	b.err = chromedp.Do(ctx)
}

// A tab is a window of a fresh browser profile.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// newTab opens a window, which is closed when the test ends. What its console
// then has to say fails the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	theBrowser.once.Do(theBrowser.start)
	if theBrowser.err != nil {
		t.Fatal(theBrowser.err)
	}
	window, closeWindow := chromedp.NewContext(theBrowser.ctx, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: window}
	b.do() // opens it; its life must not end with the deadline
	ctx, cancel := context.WithTimeout(window, 3*time.Minute)
	b.ctx = ctx
	messages := chromedp.Console(window)
	t.Cleanup(func() {
		cancel()
		closeWindow()
		for m, err := range messages {
			if err != nil {
				break // that was the last
			}
			if m.IsException() || m.Type == chromedp.ConsoleError && !strings.Contains(m.Text, "status of 400") {
				t.Errorf("the console says: %v", m)
			}
		}
	})
	b.scheme("light")
	b.size(1360, 900)
	return b
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// scheme is the colours that the device asks for: light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)))
}

// open goes to an address and waits until the page is whole.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("#results")))
}

// eval is the value of an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true, from one page to the next if need
// be. If it does not become true, the test fails with what the page shows.
func (b *tab) until(expression string) {
	b.t.Helper()
	var err error
	for range 400 {
		var yes bool
		if yes, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`)); err == nil && yes {
			return
		}
		if b.ctx.Err() != nil {
			break
		}
		time.Sleep(50 * time.Millisecond) // the browser has no clock of ours
	}
	b.t.Fatalf("%s does not become true (%v) at %s", expression, err,
		eval[string](b, `location.href + "\n" + document.getElementById('results').innerText.slice(0, 600)`))
}

// shows waits for a text on the page.
func (b *tab) shows(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
	}
}

// at waits for the path and query of the address bar.
func (b *tab) at(address string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`location.pathname + location.search === %q`, address))
}

// picks chooses an option of a list, as a visitor does.
func (b *tab) picks(id, value string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(e => { e.value = %q; return e.dispatchEvent(new Event('change', {bubbles: true})) })(document.getElementById(%q))`, value, id))
}

func (b *tab) click(selector chromedp.CSS) {
	b.t.Helper()
	b.do(chromedp.ScrollIntoView(selector), chromedp.Click(selector))
}

func (b *tab) types(selector chromedp.CSS, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(selector, text))
}

// picture saves the whole page.
func (b *tab) picture(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// untouched marks the document, to tell a partial update from a new page.
const untouched = `window.untouched === true`

func (b *tab) mark() { b.t.Helper(); eval[bool](b, `window.untouched = true`) }

func TestBrowserFilterPageSortAndBack(t *testing.T) {
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.shows("1 to 25 of 10,000")
	b.mark()

	b.picks("state", "Texas")
	b.shows("of 1,495")
	b.at("/?state=Texas")
	if !eval[bool](b, `document.activeElement !== null && document.getElementById('state').value === 'Texas'`) {
		t.Error("the form forgot the choice")
	}
	b.click(`.pages a[rel="next"]`)
	b.shows("26 to 50 of 1,495")
	b.at("/?state=Texas&page=2")
	b.click(`.strikes thead th:last-child a`)
	b.at("/?state=Texas&sort=-cost")
	b.until(`document.querySelector('[aria-sort=descending]')?.textContent.includes('Cost')`)
	if !eval[bool](b, untouched) {
		t.Error("these were new pages, not partial updates")
	}
	b.click(`.plot a.row`)
	b.until(`location.search.includes('species=')`)

	b.do(chromedp.NavigateBack())
	b.at("/?state=Texas&sort=-cost")
	b.shows("1 to 25 of 1,495")
	b.do(chromedp.NavigateBack())
	b.shows("26 to 50 of 1,495")
	b.do(chromedp.NavigateForward())
	b.until(`document.querySelector('[aria-sort=descending]')?.textContent.includes('Cost')`)
	b.do(chromedp.NavigateBack(), chromedp.NavigateBack(), chromedp.NavigateBack())
	b.at("/")
	b.shows("1 to 25 of 10,000")
	if got := eval[string](b, `document.getElementById('state').value`); got != "" {
		t.Errorf("after going back the form says %q", got)
	}
	b.do(chromedp.Reload())
	b.shows("1 to 25 of 10,000")
}

func TestBrowserSavesFiltersAcrossReloadAndRestart(t *testing.T) {
	b, other, state := newTab(t), newTab(t), t.TempDir()
	p := start(t, "-addr", "127.0.0.1:0", "-state", state)
	b.open(p.URL + "/?species=Canada+goose&mincost=1000")
	other.open(p.URL)
	b.types("#name", "Costly geese")
	b.click(".save button")
	b.shows("Saved as “Costly geese”.")
	b.at("/?species=Canada+goose&mincost=1000")
	b.do(chromedp.Reload())
	b.shows("Costly geese")
	if eval[bool](b, `document.body.innerText.includes('Saved as')`) {
		t.Error("the message is shown twice")
	}

	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, "-addr", strings.TrimPrefix(p.URL, "http://"), "-state", state)
	b.open(p.URL)
	b.shows("Costly geese")
	b.click(".saved li a")
	b.at("/?species=Canada+goose&mincost=1000")
	visits := `[...document.querySelectorAll('.visitor dt')].find(e => e.textContent === 'Visits').nextElementSibling.innerText.split('\n')[0]`
	if got := eval[string](b, visits); !strings.HasPrefix(got, "3") {
		t.Errorf("after three pages the counter says %q", got)
	}

	other.open(p.URL)
	other.shows("None yet.")
	if got := eval[string](other, visits); !strings.HasPrefix(got, "2") {
		t.Errorf("the other visitor's counter says %q", got)
	}
	b.click(".saved li button")
	b.shows("Deleted “Costly geese”.", "None yet.")
}

func TestBrowserClearsAPanel(t *testing.T) {
	b, p := newTab(t), program(t)
	b.open(p.URL + "/?state=Ohio&mincost=77")
	badge := func(panel, kind string) string {
		return fmt.Sprintf(`document.querySelector('#cache-%s .badge')?.classList.contains(%q)`, panel, kind)
	}
	b.until(badge("species", "miss"))
	b.do(chromedp.Reload())
	b.until(badge("species", "hit"))
	b.mark()
	b.click("#clear-species")
	b.shows("Cleared one result.")
	b.until(badge("species", "miss"))
	b.until(badge("phases", "hit"))
	b.at("/?state=Ohio&mincost=77")
	b.click("#clear-all")
	b.shows("Cleared all cached results.")
	b.until(badge("phases", "miss"))
	if !eval[bool](b, untouched) {
		t.Error("these were new pages, not partial updates")
	}
}

func TestBrowserWrongAddress(t *testing.T) {
	b, p := newTab(t), program(t)
	b.do(chromedp.Navigate(p.URL + "/?state=Texass&rows=7&page=2"))
	b.shows("This address cannot be read", "Texass", "Tennessee, Texas, Utah", "10, 25, 50")
	b.picture("error")
	b.click(".error .primary")
	b.at("/?page=2")
	b.shows("26 to 50 of 10,000")
}

func TestBrowserColours(t *testing.T) {
	b, p := newTab(t), program(t)
	background := `getComputedStyle(document.body).backgroundColor`
	const light, dark = "rgb(244, 245, 241)", "rgb(14, 20, 18)"
	b.open(p.URL)
	if got := eval[string](b, background); got != light {
		t.Errorf("light: %s", got)
	}
	b.click(`.choices button[value=dark]`)
	b.until(background + ` === ` + fmt.Sprintf("%q", dark))
	b.do(chromedp.Reload())
	b.until(background + ` === ` + fmt.Sprintf("%q", dark))
	b.click(`.choices button[value=""]`)
	b.until(background + ` === ` + fmt.Sprintf("%q", light))
	b.scheme("dark")
	b.until(background + ` === ` + fmt.Sprintf("%q", dark))
}

func TestBrowserLanguage(t *testing.T) {
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.picks("language", "de")
	b.picks("units", "km/h")
	b.click(".settings button")
	b.shows("Einstellungen gespeichert.", "10.000", "km/h", "Kollisionen pro Monat")
	b.picture("german")
}

// Without JavaScript every control still works, with whole pages.
func TestBrowserWithoutJavaScript(t *testing.T) {
	b, p := newTab(t), program(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open(p.URL)
	if eval[bool](b, `'htmx' in window`) {
		t.Fatal("scripts run")
	}
	b.do(chromedp.SetValue(chromedp.CSS("#state"), "Texas"))
	b.click("#filter .primary")
	b.shows("1 to 25 of 1,495")
	b.click(`.pages a[rel="next"]`)
	b.shows("26 to 50 of 1,495")
	b.at("/?state=Texas&page=2")
	b.click(`.strikes thead th:last-child a`)
	b.shows("1 to 25 of 1,495")
	b.types("#name", "Texas")
	b.click(".save button")
	b.shows("Saved as “Texas”.")
	b.click("#clear-months")
	b.shows("Cleared one result.")
	b.click(`.choices button[value=dark]`)
	b.until(`document.documentElement.dataset.theme === 'dark'`)
	b.at("/?state=Texas&sort=-cost")
	b.do(chromedp.NavigateBack())
	b.shows("1 to 25 of 1,495")
	b.click(".saved li button")
	b.shows("Deleted “Texas”.")
}

// The keyboard alone reaches and works everything: first the skip link, then
// every control, each with a visible focus and a name.
func TestBrowserKeyboardAndNames(t *testing.T) {
	b, p := newTab(t), program(t)
	b.open(p.URL + "/?state=Ohio")
	b.do(chromedp.KeyEvent("\t"))
	if got := eval[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop of the tab key is %q", got)
	}
	nameless := eval[[]string](b, `[...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, summary')]
		.filter(e => !(e.getAttribute('aria-label') || e.innerText?.trim() || e.textContent?.trim() || e.labels?.length))
		.map(e => e.outerHTML.slice(0, 80))`)
	if len(nameless) > 0 {
		t.Errorf("controls without a name: %q", nameless)
	}
	twice := eval[[]string](b, `(ids => ids.filter((id, i) => ids.indexOf(id) !== i))([...document.querySelectorAll('[id]')].map(e => e.id))`)
	if len(twice) > 0 {
		t.Errorf("ids that are there twice: %q", twice)
	}
	broken := eval[[]string](b, `[...document.querySelectorAll('[aria-labelledby], label[for]')]
		.flatMap(e => (e.getAttribute('aria-labelledby') ?? e.htmlFor).split(' ')).filter(id => !document.getElementById(id))`)
	if len(broken) > 0 {
		t.Errorf("labels that refer to nothing: %q", broken)
	}
	b.do(chromedp.Focus(chromedp.CSS(".plot a.row")), chromedp.KeyEvent("\r"))
	b.until(`location.search.includes('species=')`)
}

// No text is cut off and nothing scrolls sideways, from small phones to wide
// screens, in both colour schemes. The pictures are there to be looked at.
func TestBrowserLayouts(t *testing.T) {
	b, p := newTab(t), program(t)
	for name, width := range map[string]int64{"phone": 390, "small": 320, "tablet": 820, "desktop": 1360, "wide": 1920} {
		for _, scheme := range []string{"light", "dark"} {
			b.size(width, 900)
			b.scheme(scheme)
			b.open(p.URL + "/?size=Large&size=Medium&sort=-cost&rows=10")
			if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s: the page is %d pixels too wide", name, over)
			}
			b.picture(name + "-" + scheme)
		}
	}
}
