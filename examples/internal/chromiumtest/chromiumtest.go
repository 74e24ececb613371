// Package chromiumtest drives a headless Chromium in tests: a [Browser] is one
// process for all tests of a package, and a [Tab] is a window in it that waits
// for what a visitor would wait for.
//
//	var browser chromiumtest.Browser // closed in TestMain
//
//	func TestBrowserSaysHello(t *testing.T) {
//		tab := browser.NewTab(t)
//		tab.Open(url)
//		tab.Shows("Hello")
//	}
//
// Chromium must be installed; without it the tests fail and say how.
package chromiumtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for something: a busy machine takes its time.
const patience = 2 * time.Minute

const installChromium = "no Chromium: install it with `apt-get install -y chromium`"

// Browser is one browser process, which the first [Browser.NewTab] starts. Its
// zero value is ready. It is safe for concurrent use, and must not be copied.
type Browser struct {
	// Flags are added to the command line, without their dashes, such as
	// "host-resolver-rules": "MAP *.test 127.0.0.1". True sets a flag without a
	// value. Default: none.
	Flags map[string]any

	once  sync.Once
	ctx   context.Context
	err   error
	close func() error
}

func (b *Browser) start() {
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
	profile, err := os.MkdirTemp("", "chromiumtest-")
	if err != nil {
		b.err = err
		return
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("headless", "new"), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true),
		chromedp.WSURLReadTimeout(patience),
	}
	for _, name := range slices.Sorted(maps.Keys(b.Flags)) {
		options = append(options, chromedp.Flag(name, b.Flags[name]))
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	b.ctx = ctx
	b.close = func() error {
		cancel()
		cancelAlloc() // waits for the process
		return os.RemoveAll(profile)
	}
	b.err = chromedp.Do(ctx)
}

// Close ends the process, if it was started, and removes its files. Tabs must
// be closed, as they are when TestMain calls it after the tests.
func (b *Browser) Close() error {
	b.once.Do(func() { b.err = errors.New("chromiumtest: the browser is closed") })
	if b.close == nil {
		return nil
	}
	return b.close()
}

// Tab is a window. Its methods fail the test when the browser does. It belongs
// to the test that opened it.
type Tab struct {
	t       testing.TB
	window  context.Context
	ctx     context.Context
	allowed []string
}

// NewTab opens a window of a fresh browser profile, as an incognito window
// has: it shares nothing with other tabs. It is closed when the test ends; an
// exception of a script or an error on its console then fails the test, but for
// what [Tab.Allow] allows. It is 1360 by 900 pixels, in light colours.
func (b *Browser) NewTab(t testing.TB) *Tab {
	t.Helper()
	b.once.Do(b.start)
	if b.err != nil {
		t.Fatal(b.err)
	}
	return newTab(t, b.ctx, chromedp.WithNewBrowserContext())
}

// Another opens a second window of the same profile: it shares the cookies.
func (b *Tab) Another() *Tab {
	b.t.Helper()
	return newTab(b.t, b.window)
}

func newTab(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	window, closeWindow := chromedp.NewContext(parent, options...)
	b := &Tab{t: t, window: window, ctx: window}
	b.Do()                                                 // opens it; its life must not end with the deadline
	ctx, cancel := context.WithTimeout(window, 5*patience) // so that a test that hangs says where
	b.ctx = ctx
	messages := chromedp.Console(window)
	t.Cleanup(func() {
		cancel()
		closeWindow()
		for m, err := range messages {
			if err != nil {
				break // that was the last
			}
			if m.IsException() || m.Type == chromedp.ConsoleError && !b.allows(m.Text) {
				t.Errorf("the console says: %v", m)
			}
		}
	})
	b.Scheme("light")
	b.Size(1360, 900)
	return b
}

// Allow lets errors on the console pass that contain one of these texts, such
// as "status of 400" where a test asks for a page that is refused.
func (b *Tab) Allow(texts ...string) { b.allowed = append(b.allowed, texts...) }

func (b *Tab) allows(text string) bool {
	return slices.ContainsFunc(b.allowed, func(s string) bool { return strings.Contains(text, s) })
}

// Context is for chromedp's own functions.
func (b *Tab) Context() context.Context { return b.ctx }

// Do runs chromedp's actions.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Scheme is the colours that the device asks for: light or dark.
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Size is that of the window in pixels.
func (b *Tab) Size(width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)))
}

// Open goes to an address and waits until the page is loaded.
func (b *Tab) Open(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url))
}

// Eval is the value of an expression in the page.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Await is the value that the promise of an expression in the page yields.
func Await[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Until waits for an expression to be true, from one page to the next if need
// be. If it does not become true, the test fails with what the page shows.
func (b *Tab) Until(expression string) {
	b.t.Helper()
	var err error
	for end := time.Now().Add(patience); b.ctx.Err() == nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // the browser has no clock of ours
		var yes bool
		if yes, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`)); err == nil && yes {
			return
		}
	}
	b.t.Fatalf("%s does not become true (%v) at %s", expression, err,
		Eval[string](b, `location.href + "\n" + document.body.innerText.slice(0, 1000)`))
}

// Shows waits for texts on the page.
func (b *Tab) Shows(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.Until(fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
	}
}

// At waits for the path and query of the address bar.
func (b *Tab) At(address string) {
	b.t.Helper()
	b.Until(fmt.Sprintf(`location.pathname + location.search === %q`, address))
}

// Picks chooses an option of a list, as a visitor does.
func (b *Tab) Picks(id, value string) {
	b.t.Helper()
	Eval[bool](b, fmt.Sprintf(`(e => { e.value = %q; return e.dispatchEvent(new Event('change', {bubbles: true})) })(document.getElementById(%q))`, value, id))
}

// Click clicks on what is there or comes.
func (b *Tab) Click(selector chromedp.CSS) {
	b.t.Helper()
	b.onNode(chromedp.ScrollIntoView(selector), chromedp.Click(selector))
}

// onNode does something to an element. An element can be found in a page and
// be gone a moment later, since the next page replaced it: then nothing was
// done, and it is looked for again.
func (b *Tab) onNode(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for {
		b.Until(`document.readyState === 'complete'`)
		err := chromedp.Do(b.ctx, actions...)
		if err == nil {
			return
		}
		if b.ctx.Err() != nil || !strings.Contains(err.Error(), "node with given id") && !strings.Contains(err.Error(), "not have a layout object") {
			b.t.Fatal(err)
		}
	}
}

// Types presses keys in a field.
func (b *Tab) Types(selector chromedp.CSS, text string) {
	b.t.Helper()
	b.onNode(chromedp.SendKeys(selector, text))
}
