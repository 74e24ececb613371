package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
)

// screenshots is where the tests leave pictures of what they saw, with the flag
// -pictures; git ignores it.
var screenshots = filepath.Join("..", "..", "artifacts", "explorer")

// theBrowser is one process for all tests. TestMain closes it.
var theBrowser chromiumtest.Browser

// A tab is a window of a fresh browser profile.
type tab struct {
	*chromiumtest.Tab
	t *testing.T
}

func newTab(t *testing.T) tab {
	t.Helper()
	b := tab{theBrowser.NewTab(t), t}
	b.Allow("status of 400")
	return b
}

// open goes to an address and waits until the page is whole.
func (b tab) open(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("#results")))
}

func eval[T any](b tab, expression string) T {
	b.t.Helper()
	return chromiumtest.Eval[T](b.Tab, expression)
}

// untouched marks the document, to tell a partial update from a new page.
const untouched = `window.untouched === true`

func (b tab) mark() { b.t.Helper(); eval[bool](b, `window.untouched = true`) }

// travels goes back or forward and waits for the page of that address. Without
// the wait, the server may answer the request of an earlier step last, and
// that is then the view that the visitor's session remembers.
func (b tab) travels(step chromedp.Action[chromedp.Void], address string) {
	b.t.Helper()
	b.Until(`(e => e && (e.dataset.left = 'yes'))(document.getElementById('results'))`)
	b.Do(step)
	b.At(address)
	b.Until(`document.querySelector('#results:not([data-left])')`)
}

func TestBrowserFilterPageSortAndBack(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.Shows("1 to 25 of 10,000")
	b.mark()

	b.Picks("state", "Texas")
	b.Shows("of 1,495")
	b.At("/?state=Texas")
	if !eval[bool](b, `document.activeElement !== null && document.getElementById('state').value === 'Texas'`) {
		t.Error("the form forgot the choice")
	}
	b.Click(`.pages a[rel="next"]`)
	b.Shows("26 to 50 of 1,495")
	b.At("/?state=Texas&page=2")
	b.Click(`.strikes thead th:last-child a`)
	b.At("/?state=Texas&sort=-cost")
	b.Until(`document.querySelector('[aria-sort=descending]')?.textContent.includes('Cost')`)
	if !eval[bool](b, untouched) {
		t.Error("these were new pages, not partial updates")
	}
	b.Click(`.plot a.row`)
	b.Until(`location.search.includes('species=') && document.getElementById('species')?.value`)

	b.travels(chromedp.NavigateBack(), "/?state=Texas&sort=-cost")
	b.Shows("1 to 25 of 1,495")
	b.travels(chromedp.NavigateBack(), "/?state=Texas&page=2")
	b.Shows("26 to 50 of 1,495")
	b.travels(chromedp.NavigateForward(), "/?state=Texas&sort=-cost")
	b.Until(`document.querySelector('[aria-sort=descending]')?.textContent.includes('Cost')`)
	b.travels(chromedp.NavigateBack(), "/?state=Texas&page=2")
	b.travels(chromedp.NavigateBack(), "/?state=Texas")
	b.travels(chromedp.NavigateBack(), "/")
	b.Shows("1 to 25 of 10,000")
	if got := eval[string](b, `document.getElementById('state').value`); got != "" {
		t.Errorf("after going back the form says %q", got)
	}
	b.Do(chromedp.Reload())
	b.Shows("1 to 25 of 10,000")
}

func TestBrowserSavesFiltersAcrossReloadAndRestart(t *testing.T) {
	t.Parallel()
	b, other, state := newTab(t), newTab(t), t.TempDir()
	p := start(t, "-addr", "127.0.0.1:0", "-state", state)
	b.open(p.URL + "/?species=Canada+goose&mincost=1000")
	other.open(p.URL)
	b.Types("#name", "Costly geese")
	b.Click(".save button")
	b.Shows("Saved as “Costly geese”.")
	b.At("/?species=Canada+goose&mincost=1000")
	b.Do(chromedp.Reload())
	b.Shows("Costly geese")
	if eval[bool](b, `document.body.innerText.includes('Saved as')`) {
		t.Error("the message is shown twice")
	}

	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, "-addr", strings.TrimPrefix(p.URL, "http://"), "-state", state)
	b.open(p.URL)
	b.Shows("Costly geese")
	b.Click(".saved li a")
	b.At("/?species=Canada+goose&mincost=1000")
	visits := `[...document.querySelectorAll('.visitor dt')].find(e => e.textContent === 'Visits')?.nextElementSibling.innerText.split('\n')[0]`
	b.Until(visits + `?.startsWith('3')`) // the address changes before the page does

	other.open(p.URL)
	other.Shows("None yet.")
	if got := eval[string](other, visits); !strings.HasPrefix(got, "2") {
		t.Errorf("the other visitor's counter says %q", got)
	}
	b.Click(".saved li button")
	b.Shows("Deleted “Costly geese”.", "None yet.")
	b.Until(`!document.querySelector('.htmx-request, [hx-trigger=load]')`) // else panels ask a program that has ended
}

func TestBrowserClearsAPanel(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL + "/?state=Ohio&mincost=77")
	badge := func(panel, kind string) string {
		return fmt.Sprintf(`document.querySelector('#cache-%s .badge')?.classList.contains(%q)`, panel, kind)
	}
	b.Until(badge("species", "miss"))
	b.Do(chromedp.Reload())
	b.Until(badge("species", "hit"))
	b.mark()
	b.Click("#clear-species")
	b.Shows("Cleared one result.")
	b.Until(badge("species", "miss"))
	b.Until(badge("phases", "hit"))
	b.At("/?state=Ohio&mincost=77")
	b.Click("#clear-all")
	b.Shows("Cleared all cached results.")
	b.Until(badge("phases", "miss"))
	if !eval[bool](b, untouched) {
		t.Error("these were new pages, not partial updates")
	}
}

func TestBrowserWrongAddress(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.Do(chromedp.Navigate(p.URL + "/?state=Texass&rows=7&page=2"))
	b.Shows("This address cannot be read", "Texass", "Tennessee, Texas, Utah", "10, 25, 50")
	b.Click(".error .primary")
	b.At("/?page=2")
	b.Shows("26 to 50 of 10,000")
}

func TestBrowserColours(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	background := `getComputedStyle(document.body).backgroundColor`
	const light, dark = "rgb(244, 245, 241)", "rgb(14, 20, 18)"
	b.open(p.URL)
	if got := eval[string](b, background); got != light {
		t.Errorf("light: %s", got)
	}
	b.Click(`.choices button[value=dark]`)
	b.Until(background + ` === ` + fmt.Sprintf("%q", dark))
	b.Do(chromedp.Reload())
	b.Until(background + ` === ` + fmt.Sprintf("%q", dark))
	b.Click(`.choices button[value=""]`)
	b.Until(background + ` === ` + fmt.Sprintf("%q", light))
	b.Scheme("dark")
	b.Until(background + ` === ` + fmt.Sprintf("%q", dark))
}

func TestBrowserLanguage(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.Picks("language", "de")
	b.Picks("units", "km/h")
	b.Click(".settings button")
	b.Shows("Einstellungen gespeichert.", "10.000", "km/h", "Kollisionen pro Monat")
}

// Without JavaScript every control still works, with whole pages.
func TestBrowserWithoutJavaScript(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	if _, err := chromedp.Call(b.Context(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open(p.URL)
	if eval[bool](b, `'htmx' in window`) {
		t.Fatal("scripts run")
	}
	b.Do(chromedp.SetValue(chromedp.CSS("#state"), "Texas"))
	b.Click("#filter .primary")
	b.Shows("1 to 25 of 1,495")
	b.Click(`.pages a[rel="next"]`)
	b.Shows("26 to 50 of 1,495")
	b.At("/?state=Texas&page=2")
	b.Click(`.strikes thead th:last-child a`)
	b.Shows("1 to 25 of 1,495")
	b.Types("#name", "Texas")
	b.Click(".save button")
	b.Shows("Saved as “Texas”.")
	b.Click("#clear-months")
	b.Shows("Cleared one result.")
	b.Click(`.choices button[value=dark]`)
	b.Until(`document.documentElement.dataset.theme === 'dark'`)
	b.At("/?state=Texas&sort=-cost")
	b.Do(chromedp.NavigateBack())
	b.Shows("1 to 25 of 1,495")
	b.Click(".saved li button")
	b.Shows("Deleted “Texas”.")
}

// The keyboard alone reaches and works everything: first the skip link, then
// every control, each with a visible focus and a name.
func TestBrowserKeyboardAndNames(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL + "/?state=Ohio")
	b.Do(chromedp.KeyEvent("\t"))
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
	b.Do(chromedp.Focus(chromedp.CSS(".plot a.row")), chromedp.KeyEvent("\r"))
	b.Until(`location.search.includes('species=')`)
}

// Nothing scrolls sideways and every text can be read, from phones to wide screens,
// in both colour schemes.
func TestBrowserLayouts(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.Allow("status of 404")
	b.open(p.URL + "/?size=Large&size=Medium&sort=-cost&rows=10")
	b.Types("#name", "x")
	b.Click(".save button")
	b.Shows("Saved as") // a message, and a saved filter
	eval[int](b, `document.querySelectorAll('details').forEach(e => { e.open = true }) || 0`)
	b.LooksGood(filepath.Join(screenshots, "strikes"))
	for _, width := range []int64{320, 1920} {
		b.Size(width, 900)
		if got := b.TooWide(); len(got) > 0 {
			t.Errorf("%d pixels: too wide: %q", width, got)
		}
	}
	for name, path := range map[string]string{"you": "/you", "answers": "/answers", "error": "/?state=Texass&rows=7&mincost=-1", "nowhere": "/nowhere", "nothing": "/?state=Utah&species=Coyote"} {
		b.open(p.URL + path)
		b.LooksGood(filepath.Join(screenshots, name))
	}
}

// Enter in a field asks once and leaves one entry in the history; what is typed into
// a date is not lost while it is typed.
func TestBrowserTypesIntoTheForm(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.Shows("1 to 25 of 10,000")
	entries := eval[int](b, `history.length`)
	const asked = `performance.getEntriesByType('resource').filter(e => e.initiatorType === 'fetch' && !e.name.includes('/panels/')).length`
	before := eval[int](b, asked)
	b.Do(chromedp.Focus(chromedp.CSS("#from")))
	for _, key := range []string{"0", "1", "3", "1", "1", "9", "9", "5"} {
		b.Do(chromedp.KeyEvent(key))
	}
	if got := eval[string](b, `document.getElementById('from').value`); got != "1995-01-31" {
		t.Errorf("the date is %q", got)
	}
	b.Types("#mincost", "1000\r")
	b.At("/?from=1995-01-31&mincost=1000")
	b.Until(`document.querySelector('#results .chips')?.innerText.includes('at least $1,000')`)
	b.Until(`document.querySelector('.strikes > header')?.innerText.includes(' of ') && !document.querySelector('.htmx-request')`)
	if got := eval[int](b, asked) - before; got != 1 {
		t.Errorf("%d requests for pages", got)
	}
	const asides = `performance.getEntriesByType('resource').filter(e => e.name.includes('/panels/')).map(e => e.name)`
	if got := eval[[]string](b, asides); len(got) != len(panels()) {
		t.Errorf("requests for panels: %q", got)
	}
	if got := eval[int](b, `history.length`) - entries; got != 1 {
		t.Errorf("%d entries in the history", got)
	}
}

// A tick shows its results where the page is.
func TestBrowserStaysWhereABoxIsTicked(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.Size(390, 700)
	b.open(p.URL)
	b.Click(".drawer > summary")
	b.Until(`document.querySelector('.drawer').open`)
	top := eval[float64](b, `(scrollTo({top: 250, behavior: 'instant'}), scrollY)`)
	if top != 250 {
		t.Fatalf("the page scrolls to %v", top)
	}
	b.Click("#phase-Climb")
	b.At("/?phase=Climb")
	b.Until(`document.getElementById('phase-Climb')?.checked && document.querySelector('.drawer')?.open`)
	if got := eval[float64](b, `scrollY`); got < top-50 {
		t.Errorf("the page jumped from %v to %v", top, got)
	}
	if got := eval[string](b, `document.activeElement.id`); got != "phase-Climb" {
		t.Errorf("the focus is on %q", got)
	}
}

// The colours change where one is, though the page has been updated since it was
// loaded.
func TestBrowserChangesColoursWhereOneIs(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.Picks("state", "Texas")
	b.At("/?state=Texas")
	b.Click(`.choices button[value=dark]`)
	b.Until(`document.documentElement.dataset.theme === 'dark'`)
	b.At("/?state=Texas")
	b.Shows("of 1,495")
	b.Click(`.sections a[href^="/you"]`)
	b.At("/you?back=state%3DTexas")
	b.Click(`.choices button[value=light]`)
	b.Until(`document.documentElement.dataset.theme === 'light'`)
	b.At("/you?back=state%3DTexas")
	b.Click(`.sections a[href^="/?"]`)
	b.At("/?state=Texas")
	b.Shows("of 1,495")
}

// A long name leaves the button that deletes it where it can be reached, and a blank
// one is refused before it is sent.
func TestBrowserNamesOfSavedFilters(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL + "/?state=Ohio")
	b.Types("#name", "   ")
	if eval[bool](b, `document.getElementById('name').checkValidity()`) {
		t.Error("a blank name is sent")
	}
	b.Types("#name", strings.Repeat("W", 37))
	b.Click(".save button")
	b.Shows("Saved as")
	inside := `(button, box) => button.left >= box.left && button.right <= box.right`
	b.Until(`(` + inside + `)(document.querySelector('.saved li button').getBoundingClientRect(), document.querySelector('aside').getBoundingClientRect())`)
}

// The specks of the map come from a picture of their own.
func TestBrowserShowsTheBackdropOfTheMap(t *testing.T) {
	t.Parallel()
	b, p := newTab(t), program(t)
	b.open(p.URL)
	b.Until(`document.querySelector('.plot .backdrop')?.getBBox().width > 100`)
}
