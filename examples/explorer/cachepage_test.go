package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/ctxinfo/ctxinfotest"
	"github.com/reecho-go/reecho/queryparams/queryparamstest"
)

var heldRow = regexp.MustCompile(`<th scope="row">(\w+)</th>\s*<td>(.*)</td>\s*<td class="number">([\d,]+)</td>\s*<td class="number">([\d.,]+)\x{a0}kB</td>\s*<td>([^<]+)</td>\s*<td>([^<]+)</td>`)

// heldEntries is what the page says about each entry: cache, key, hits, size, age
// and expiry.
func (r response) heldEntries(t *testing.T) [][]string {
	t.Helper()
	rows := heldRow.FindAllStringSubmatch(r.body, -1)
	if len(rows) == 0 {
		t.Fatalf("%v: no entries: %s", r.url, r.body)
	}
	return rows
}

func TestCachePageShowsEntries(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	v := site.visitor(t)
	for range 3 {
		v.get("/?state=Ohio&page=2")
	}
	v.get("/")
	all := v.get("/cache?rows=100")
	all.has(t, http.StatusOK, "14 of 14", `<a href="/?state=Ohio&amp;page=2">state=Ohio&amp;page=2</a>`, "the same for all")
	rows := all.heldEntries(t)
	if len(rows) != 14 { // six results for each page, and the backdrop and the options for both
		t.Errorf("%d entries", len(rows))
	}
	for _, row := range rows {
		if row[4] == "0" || row[5] != "just now" && !strings.HasSuffix(row[5], "old") || row[6] != "in 9 min" && row[6] != "in 10 min" {
			t.Errorf("%q", row[1:])
		}
	}
	list := v.get("/cache?cache=strikes").heldEntries(t)
	if len(list) != 2 || list[0][1] != "strikes" || list[0][3] != "2" || list[1][3] != "0" {
		t.Errorf("two hits and none, the most first: %q", list)
	}
	names := func(r response) (names []string) {
		for _, row := range r.heldEntries(t) {
			names = append(names, row[1])
		}
		return names
	}
	if got := names(v.get("/cache?sort=cache")); !slices.IsSorted(got) {
		t.Errorf("by cache: %q", got)
	}

	page := v.post("/cache/clear", "state", "Ohio")
	page.has(t, http.StatusOK, "Cleared the cached results for Ohio.")
	page.lacks(t, "state=Ohio")
	v.get("/").want(t, "hit")
	v.get("/?state=Ohio&page=2").want(t, "miss")
	v.post("/cache/clear", "state", "Atlantis").has(t, http.StatusBadRequest, "There is no such state.")
}

// The address bar says what the page shows: what was remembered, and what took the
// place of a value that is not valid.
func TestCachePageCorrectsItsAddress(t *testing.T) {
	t.Parallel()
	app := newSite(t).app
	for name, tt := range map[string]struct {
		target string
		want   string
		says   string
	}{
		"not valid":  {"/cache?sort=colour&rows=7&cache=nothing", "/cache", "<code>cache</code> <code>sort</code> <code>rows</code>"},
		"one of two": {"/cache?sort=colour&rows=100", "/cache?rows=100", "<code>sort</code>"},
		"twice":      {"/cache?sort=-age&sort=expires", "/cache", "<code>sort</code>"},
		"valid":      {"/cache?sort=-age&rows=100", "", ""},
	} {
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, ctxinfotest.Request(tt.target))
		res := queryparamstest.Response{ResponseRecorder: rec}
		got, how := res.URL()
		if got != tt.want || (how == queryparamstest.Unchanged) != (tt.want == "") || rec.Code != http.StatusOK {
			t.Errorf("%s: %d, %q by %q, want %q", name, rec.Code, got, how, tt.want)
		}
		if body := rec.Body.String(); !strings.Contains(body, tt.says) || strings.Contains(body, "Not understood") != (tt.says != "") {
			t.Errorf("%s: the page does not say what is wrong", name)
		}
	}
}

// A visitor finds the page about the cache as it was; links show the same to
// everybody, and going back is going back.
func TestBrowserRemembersTheCachePage(t *testing.T) {
	t.Parallel()
	b, other, p := newTab(t), newTab(t), program(t)
	sorted := func(column string) string {
		return `document.querySelector('[aria-sort]')?.innerText.trim() === '` + column + `'`
	}
	const onlyStrikes = `[...document.querySelectorAll('.held tbody th')].every(e => e.innerText === 'strikes')`
	b.open(p.URL + "/?state=Hawaii")
	b.Click(`.visitor a[href="/cache"]`)
	b.At("/cache")
	b.Until(sorted("Hits"))
	b.mark()
	b.Click(`.held thead th:nth-child(4) a`)
	b.At("/cache?sort=-bytes")
	b.Until(sorted("Size"))
	b.Picks("cache", "strikes")
	b.At("/cache?sort=-bytes&cache=strikes&rows=25")
	b.Until(onlyStrikes)
	if !eval[bool](b, untouched) {
		t.Error("these were new pages, not partial updates")
	}
	b.picture("cache")
	link := eval[string](b, `location.href`)

	b.travels(chromedp.NavigateBack(), "/cache?sort=-bytes")
	b.travels(chromedp.NavigateBack(), "/cache")
	b.travels(chromedp.NavigateForward(), "/cache?sort=-bytes")
	b.travels(chromedp.NavigateForward(), "/cache?sort=-bytes&cache=strikes&rows=25")
	b.Until(onlyStrikes)

	b.open(p.URL + "/cache") // remembered
	b.At("/cache?cache=strikes&sort=-bytes")
	b.Until(sorted("Size"))
	b.open(p.URL + "/")
	b.Click(`.visitor a[href="/cache"]`) // by htmx too
	b.At("/cache?cache=strikes&sort=-bytes")
	b.Do(chromedp.Reload())
	b.Until(sorted("Size"))
	b.Click(`.held tbody button[value="Hawaii"]`)
	b.Shows("Cleared what was asked for Hawaii.")
	b.At("/cache?cache=strikes&sort=-bytes")

	other.open(link)
	other.Until(sorted("Size"))
	other.open(p.URL + "/cache?sort=nonsense")
	other.Shows("Not understood")
	other.At("/cache")
	other.Until(sorted("Hits"))

	b.Click(`.held a[href="?cache="]`) // the reset says that it is one
	b.At("/cache?cache=")
	b.Until(sorted("Hits"))
	b.open(p.URL + "/cache")
	b.At("/cache")
	b.Until(sorted("Hits"))
	b.Size(320, 900)
	if over := eval[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("the page is %d pixels too wide for a small phone", over)
	}
}
