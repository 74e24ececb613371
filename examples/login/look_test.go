package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
)

// pictures is where the tests leave what they saw; git ignores it.
var pictures = filepath.Join("..", "..", "artifacts", "login")

// failures of the text colours of a page: each visible text with its contrast to
// what is behind it, if that is less than WCAG 2.2 AA asks of small text. Colours
// are drawn to read them, since a computed one may be in any notation.
const failures = `(() => {
	const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
	const rgba = colour => {
		pen.clearRect(0, 0, 1, 1)
		pen.fillStyle = colour
		pen.fillRect(0, 0, 1, 1)
		return [...pen.getImageData(0, 0, 1, 1).data]
	}
	const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + below[i] * (1 - top[3] / 255))
	const behind = e => {
		const layers = []
		for (; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor))
		return layers.reduceRight((below, layer) => over(layer, below), rgba('Canvas'))
	}
	const luminance = colour => {
		const [r, g, b] = colour.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		return .2126 * r + .7152 * g + .0722 * b
	}
	const contrast = (a, b) => {
		const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
		return (high + .05) / (low + .05)
	}
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	const found = []
	let seen = 0
	const look = (e, text) => {
		const back = behind(e), ratio = contrast(over(rgba(getComputedStyle(e).color), back), back)
		seen++
		if (!(ratio >= 4.5)) found.push(ratio.toFixed(2) + ' ' + text.slice(0, 40))
	}
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement, text = texts.currentNode.data.trim()
		if (text && e.checkVisibility({visibilityProperty: true, opacityProperty: true})) look(e, text)
	}
	for (const e of document.querySelectorAll('input:not([type=hidden], [type=checkbox])')) look(e, 'field ' + e.name)
	return seen ? found : ['no text is visible']
})()`

// tooWide are the elements that reach beyond the window, after how far the page does.
const tooWide = `(() => {
	const over = document.documentElement.scrollWidth - innerWidth
	if (over <= 0) return []
	return [over + 'px', ...[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 80))]
})()`

// checkLook looks at the page of a tab at three widths, in both colour schemes.
func checkLook(t *testing.T, b *chromiumtest.Tab, name string) {
	t.Helper()
	for _, width := range []int64{390, 768, 1280} {
		b.Size(width, 900)
		b.Until(fmt.Sprintf(`innerWidth === %d`, width))
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			background := map[string]string{"light": "rgb(244, 245, 241)", "dark": "rgb(14, 20, 18)"}[scheme]
			b.Until(fmt.Sprintf(`getComputedStyle(document.body).backgroundColor === %q`, background))
			if got := chromiumtest.Eval[[]string](b, tooWide); len(got) > 0 {
				t.Errorf("%s, %d pixels, %s: too wide: %q", name, width, scheme, got)
			}
			if got := chromiumtest.Eval[[]string](b, failures); len(got) > 0 {
				t.Errorf("%s, %d pixels, %s: hard to read: %q", name, width, scheme, got)
			}
			if width != 768 {
				b.Picture(filepath.Join(pictures, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
			}
		}
	}
}

func TestBrowserPagesFitAndCanBeRead(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401", "status of 404")
	b.Open(s.URL)
	checkLook(t, b, "login")

	b.Types("#name", strings.Repeat("w", 300))
	b.Types("#password", "wrong")
	b.Click("#login")
	b.Shows("The name or the password is wrong.")
	checkLook(t, b, "wrong")

	logIn(other, s.URL)
	other.Shows("Hello, ada")
	logIn(b, s.URL)
	b.Shows("Welcome, ada.", "Log out on all other devices")
	checkLook(t, b, "account")

	b.Open(s.URL + "/nowhere")
	b.Shows("There is no page at this address.")
	checkLook(t, b, "not-found")
	b.Click(".card a")
	b.Shows("Hello, ada")
}

// The checks of the look would find what they look for.
func TestBrowserTheChecksFindBadPages(t *testing.T) {
	t.Parallel()
	b := browser.NewTab(t)
	b.Open(site(t).URL)
	chromiumtest.Eval[bool](b, `document.querySelector('h1').style.setProperty('color', '#888') || true`)
	if got := chromiumtest.Eval[[]string](b, failures); len(got) != 1 || !strings.HasSuffix(got[0], " Log in") {
		t.Errorf("a grey heading: %q", got)
	}
	chromiumtest.Eval[bool](b, `document.querySelector('h1').style.setProperty('width', '2000px') || true`)
	if got := chromiumtest.Eval[[]string](b, tooWide); len(got) == 0 {
		t.Error("a wide heading is not found")
	}
}

// tabTo presses the tab key until an element has the focus, which must be seen.
func tabTo(t *testing.T, b *chromiumtest.Tab, selector string) {
	t.Helper()
	has := fmt.Sprintf(`document.activeElement.matches(%q)`, selector)
	b.Until(`document.readyState === 'complete'`)
	for range 30 {
		if chromiumtest.Eval[bool](b, has) {
			if !chromiumtest.Eval[bool](b, `(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`) {
				t.Errorf("%s has the focus and does not show it", selector)
			}
			return
		}
		b.Do(chromedp.KeyEvent("\t"))
	}
	t.Fatalf("the tab key does not reach %s", selector)
}

func TestBrowserWorksWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401")
	logIn(other, s.URL)
	other.Shows("Hello, ada")

	b.Open(s.URL)
	b.Until(`document.activeElement.id === 'name'`) // at once
	b.Do(chromedp.KeyEvent("ada"))
	tabTo(t, b, "#password")
	b.Do(chromedp.KeyEvent("wrong"), chromedp.KeyEvent("\r"))
	b.Shows("The name or the password is wrong.")
	b.Until(`document.activeElement.id === 'password' && document.getElementById('name').value === 'ada'`)
	b.Do(chromedp.KeyEvent("engine"))
	tabTo(t, b, "#remember")
	b.Do(chromedp.KeyEvent(" "))
	b.Until(`document.getElementById('remember').checked`)
	tabTo(t, b, "#login")
	b.Do(chromedp.KeyEvent("\r"))
	b.Shows("Hello, ada")
	tabTo(t, b, ".other")
	b.Do(chromedp.KeyEvent("\r"))
	b.Shows("The device is logged out.", "You are logged in on no other device.")
	tabTo(t, b, "#logout")
	b.Do(chromedp.KeyEvent(" "))
	b.Shows("You are logged out on this device.")
	other.Do(chromedp.Reload())
	other.Shows("Keep me logged in")
}

func TestBrowserControlsHaveNames(t *testing.T) {
	t.Parallel()
	b := browser.NewTab(t)
	b.Open(site(t).URL)
	for _, page := range []string{"login", "account"} {
		nameless := chromiumtest.Eval[[]string](b, `[...document.querySelectorAll('button, a[href], input:not([type=hidden])')]
			.filter(e => !(e.innerText?.trim() || e.labels?.length)).map(e => e.outerHTML.slice(0, 80))`)
		if len(nameless) > 0 {
			t.Errorf("%s: controls without a name: %q", page, nameless)
		}
		broken := chromiumtest.Eval[[]string](b, `(ids => [...ids.filter((id, i) => ids.indexOf(id) !== i),
			...[...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby')).filter(id => !ids.includes(id))])
			([...document.querySelectorAll('[id]')].map(e => e.id))`)
		if len(broken) > 0 {
			t.Errorf("%s: ids that are there twice or not at all: %q", page, broken)
		}
		if page == "login" {
			b.Types("#name", "ada")
			b.Types("#password", "engine")
			b.Click("#login")
			b.Shows("Hello, ada")
		}
	}
}

func TestBrowserNamesTheDevice(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	if _, err := chromedp.Call(other.Context(), emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: firefox}); err != nil {
		t.Fatal(err)
	}
	logIn(other, s.URL)
	other.Shows("Firefox on Windows", "this device")
	logIn(b, s.URL)
	b.Shows("on Linux", "Log out Firefox on Windows")
	b.Click(".other")
	b.Shows("The device is logged out.")
	if chromiumtest.Eval[bool](b, `document.body.innerText.includes('Firefox')`) {
		t.Error("a device that was logged out is listed")
	}
}

func TestBrowserWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401", "status of 404")
	if _, err := chromedp.Call(b.Context(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	logIn(other, s.URL)
	other.Shows("Hello, ada")
	b.Open(s.URL)
	b.Types("#name", "ada")
	b.Types("#password", "wrong")
	b.Click("#login")
	b.Shows("The name or the password is wrong.")
	b.Types("#password", "engine")
	b.Click("#login")
	b.Shows("Welcome, ada.")
	b.Click("#others")
	b.Shows("You are logged out on 1 other device.")
	b.Open(s.URL + "/nowhere")
	b.Click(".card a")
	b.Shows("Hello, ada")
	b.Click("#logout")
	b.Shows("You are logged out on this device.")
	other.Do(chromedp.Reload())
	other.Shows("Keep me logged in")
}

// The login looks like the explorer: a colour of its style sheet is one there.
func TestColoursAreThoseOfTheExplorer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "explorer", "static", "app.css"))
	if err != nil {
		t.Fatal(err)
	}
	variables := regexp.MustCompile(`(?m)^\t(--[a-z-]+: .*;)$`).FindAllStringSubmatch(string(styleText), -1)
	if len(variables) < 10 {
		t.Fatalf("the style sheet has only the variables %q", variables)
	}
	for _, v := range variables {
		if !strings.Contains(string(text), "\t"+v[1]+"\n") {
			t.Errorf("the explorer has no %s", v[1])
		}
	}
}
