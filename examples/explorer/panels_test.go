package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// panelsOf are the addresses of the panels of a page, as the browser of this visitor
// gets them.
func (v *visitor) panelsOf(page string) map[string]string {
	v.t.Helper()
	asks := *v
	asks.header = v.header.Clone()
	asks.header.Set("HX-Request-Type", "partial")
	asks.header.Set("HX-Current-URL", v.site.URL+"/?state=Texas&mincost=9")
	found := map[string]string{}
	for _, m := range panelLinks.FindAllStringSubmatch(asks.get(page).body, -1) {
		found[m[1]] = "/panels/" + m[1] + "?" + strings.ReplaceAll(m[2], "&amp;", "&")
	}
	if len(found) != len(panels()) {
		v.t.Fatalf("the panels of %s are %v", page, found)
	}
	return found
}

// A panel is made once for all visitors who see the same, whatever else they are.
func TestPanelsAreSharedByVisitors(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	first, second, other := site.visitor(t), site.visitor(t), site.visitor(t)
	first.header.Set("Accept-Language", "fr") // and then chooses another
	first.post("/settings", "language", "de", "units", "kn")
	first.post("/saved", "name", "a secret of mine", "query", "state=Ohio")
	first.post("/theme", "theme", "dark")
	second.header.Set("Accept-Language", "de")
	second.header.Set("User-Agent", "another browser")
	of := first.panelsOf("/?state=Ohio&sort=-cost")
	if others := second.panelsOf("/?state=Ohio&sort=-cost"); others["strikes"] != of["strikes"] {
		t.Errorf("two Germans have the panels\n%s and\n%s", of["strikes"], others["strikes"])
	}
	english := other.panelsOf("/?state=Ohio&sort=-cost")
	for id, path := range of {
		made := first.get(path)
		for strings.Contains(made.header.Get("Cache-Status"), "not known") { // which the first one tells
			made = first.get(path)
		}
		made.has(t, http.StatusOK, "Leeren")
		made.lacks(t, "secret", "data-theme", "<dt>Besuche", "<main", "vor kurzem")
		again := second.get(path)
		if got := again.header.Get("Cache-Status"); !isReplayed(got) {
			t.Errorf("%s is made anew for the second visitor: %s", id, got)
		}
		if again.body != made.body {
			t.Errorf("%s differs from the first visitor to the second", id)
		}
		if again.header.Get("Set-Cookie") != "" || strings.Contains(again.header.Get("Vary"), "Cookie") {
			t.Errorf("%s: %v", id, again.header)
		}
		others := other.get(english[id])
		others.has(t, http.StatusOK, "Clear")
		others.lacks(t, "Leeren")
		if got := others.header.Get("Cache-Status"); isReplayed(got) {
			t.Errorf("%s in English is that in German: %s", id, got)
		}
	}
}

// A panel ends with its result, and no other one does.
func TestPanelsEndWithTheirResults(t *testing.T) {
	t.Parallel()
	v := siteOn(t, t.TempDir()).visitor(t)
	of := v.panelsOf("/?state=Ohio")
	replayed := func() (ids []string) {
		for _, id := range panels() {
			r := v.get(of[id])
			r.has(t, http.StatusOK)
			if isReplayed(r.header.Get("Cache-Status")) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	replayed()
	if got := replayed(); !slices.Equal(got, panels()) {
		t.Errorf("replayed are %q", got)
	}
	v.post("/clear", "panel", "species", "query", "state=Ohio")
	if got, want := replayed(), []string{"totals", "months", "airports", "phases", "strikes"}; !slices.Equal(got, want) {
		t.Errorf("after a clear of one, %q are replayed, want %q", got, want)
	}
	v.post("/clear", "panel", "all")
	if got := replayed(); len(got) > 0 {
		t.Errorf("after a clear of all, %q are replayed", got)
	}
}

// What does not change a panel does not change its address.
func TestPanelsHaveTheAddressOfWhatTheyDependOn(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	plain := v.panelsOf("/?state=Ohio")
	for page, same := range map[string]string{
		"/?state=Ohio&page=2":             "totals months airports species phases",
		"/?state=Ohio&sort=cost":          "totals months airports",
		"/?state=Ohio&rows=10":            "totals months airports",
		"/?state=Ohio&mincost=1":          "",
		"/?size=Small&state=Ohio":         "",
		"/?state=Ohio&embed=true":         "",
		"/?state=Ohio&utm_source=letters": "totals months airports species phases strikes",
	} {
		var got []string
		of := v.panelsOf(page)
		for _, id := range panels() {
			if of[id] == plain[id] {
				got = append(got, id)
			}
		}
		if strings.Join(got, " ") != same {
			t.Errorf("%s: %q are the same, want %q", page, got, same)
		}
	}
	v.get(v.panelsOf("/?state=Ohio&embed=true")["species"]).has(t, http.StatusOK, `embed=true"`, `<a href="/?`)
	v.post("/settings", "language", "", "units", "mph")
	if got := v.panelsOf("/?state=Ohio"); got["months"] != plain["months"] || got["strikes"] == plain["strikes"] {
		t.Errorf("with other units: %v", got)
	}
}

// Who writes the address of a panel wrongly gets no page in its place.
func TestWrongPanelsAreAnsweredInTheirPlace(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	for _, query := range []string{"", "?language=tlh", "?language=de&units=furlongs", "?state=Texass&language=de"} {
		r := v.get("/panels/strikes" + query)
		r.has(t, http.StatusBadRequest, `<p class="empty">This address cannot be read`)
		r.lacks(t, "<main", "<html", "<hx-partial")
	}
	v.get("/panels/nothing?language=de").has(t, http.StatusNotFound)
}

// What is a visitor's own is never kept, and says why, at once and on the page about it.
func TestAnswersSayHowTheyWereMade(t *testing.T) {
	t.Parallel()
	site := siteOn(t, t.TempDir())
	v, other := site.visitor(t), site.visitor(t)
	for _, path := range []string{"/", "/?state=Ohio", "/you"} {
		for range 2 {
			if got := v.get(path).header.Get("Cache-Status"); !strings.Contains(got, `detail="the session was read"`) {
				t.Errorf("%s: %s", path, got)
			}
		}
	}
	for _, path := range []string{"/api/strikes?state=Ohio", backdropPath, v.panelsOf("/?state=Ohio")["months"]} {
		v.get(path)
		v.get(path)
		if got := v.get(path).header.Get("Cache-Status"); !isReplayed(got) {
			t.Errorf("%s again: %q", path, got)
		}
	}
	v.get("/answers").has(t, http.StatusOK,
		"<code>/</code></th>\n<td>Response made just now, and not kept: it shows what is only yours</td>",
		"<code>/panels/months</code></th>\n<td>Response replayed: made ", " s ago for an earlier request</td>",
		"<code>/api/strikes</code></th>\n<td>Response replayed: ", "<code>/map/backdrop.svg</code></th>",
		`<a href="/answers" aria-current="page">`)
	other.header.Set("Accept-Language", "de")
	other.get("/answers?back=state%3DOhio").has(t, http.StatusOK, "nicht behalten: sie zeigt, was nur Sie angeht", "Antwort wiederholt: vor", `<a href="/?state=Ohio">Kollisionen</a>`)
	v.post("/clear", "panel", "strikes", "query", "state=Ohio")
	if got := v.get("/api/strikes?state=Ohio").header.Get("Cache-Status"); isReplayed(got) {
		t.Errorf("after a clear of its result: %q", got)
	}
}

func TestWordsForAnswers(t *testing.T) {
	t.Parallel()
	w := words{Replayed: "again {}", Kept: "kept", Refused: "not: {}", Reasons: map[string]string{"error": "bad"}}
	for i, tt := range []struct{ status, age, want string }{
		{`reecho; hit; ttl=53`, "7", "again 7"},
		{`reecho; fwd=uri-miss`, "", "kept"},
		{`reecho; fwd=uri-miss; detail="error"`, "", "not: bad"},
		{`reecho; fwd=bypass; detail="status 404"`, "", "not: status 404"},
	} {
		if got := w.answer(tt.status, tt.age); got != tt.want {
			t.Errorf("%d: %q, want %q", i, got, tt.want)
		}
	}
}

// The browser says at each panel what the cache of responses did for it.
func TestBrowserSaysHowPanelsWereMade(t *testing.T) {
	t.Parallel()
	p := start(t, "-addr", "127.0.0.1:0", "-state", t.TempDir()) // others clear what theirs has
	b, other := newTab(t), newTab(t)
	said := func(id string) string { return `document.getElementById('answer-` + id + `').innerText` }
	b.open(p.URL + "/?state=Texas&mincost=7")
	b.Picks("state", "Utah")
	for _, id := range panels() {
		b.Until(said("panel-"+id) + `.startsWith('Response made just now')`)
	}
	const own = `.endsWith('not kept: it shows what is only yours')`
	b.Until(said("app") + own)

	replayed := func(b tab) (ids []string) {
		for _, state := range []string{"Ohio", "Utah"} {
			b.Picks("state", state)
			b.Until(`document.querySelector('.chips')?.innerText.includes('` + state + `')`)
			b.Until(`!document.querySelector('.htmx-request, [hx-trigger=load]')`)
		}
		for _, id := range panels() {
			if eval[bool](b, said("panel-"+id)+`.startsWith('Response replayed')`) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	other.open(p.URL + "/?state=Texas&mincost=7")
	for _, b := range []tab{b, other} {
		// Responses live for a minute, which a busy machine may take.
		for end := time.Now().Add(2 * time.Minute); ; {
			ids := replayed(b)
			if len(ids) == len(panels()) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("for two minutes no more are replayed than %q", ids)
			}
		}
		b.Until(said("app") + own)
	}
}
