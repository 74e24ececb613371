package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestStateSurvivesReloadAndRestart(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	first := siteOn(t, state)
	v := first.visitor(t)
	v.get("/").has(t, http.StatusOK, "<dt>Visits</dt><dd>1 <", "None yet.")
	v.post("/saved", "name", "Geese of Ohio", "query", "state=Ohio&species=Canada+goose").
		has(t, http.StatusOK, "Saved as “Geese of Ohio”.", `<a href="/?state=Ohio&amp;species=Canada&#43;goose" aria-current="page">Geese of Ohio <small>State: Ohio; Species: Canada goose</small></a>`)
	v.post("/settings", "language", "de", "units", "km/h").has(t, http.StatusOK, `<html lang="de">`, "Einstellungen gespeichert.")
	v.get("/").has(t, http.StatusOK, "Geese of Ohio", "10.000", "km/h")

	// Another process, with the same secret and empty memory.
	second := siteOn(t, state)
	for _, c := range v.client.Jar.Cookies(v.get("/").url) {
		if c.Name == "__Host-id" && c.Value == "" {
			t.Fatal("no session cookie")
		}
	}
	moved := second.visitor(t)
	second.move(moved, v)
	moved.get("/").has(t, http.StatusOK, "Geese of Ohio", `<html lang="de">`, "km/h", "<dt>Besuche</dt>")
	moved.get("/").lacks(t, "<dd>1 <")

	// Another secret: a new visitor, not an error.
	third := newSite(t)
	stranger := third.visitor(t)
	third.move(stranger, v)
	page := stranger.get("/")
	page.has(t, http.StatusOK, "None yet.", `<html lang="en-US">`, "<dd>1 <")
	page.lacks(t, "Geese of Ohio")
}

// move gives one visitor's cookies to another.
func (s *site) move(to, from *visitor) {
	here, there := to.get("/static/x").url, from.get("/static/x").url
	to.client.Jar.SetCookies(here, secure(from.client.Jar.Cookies(there)))
}

// secure makes cookies of what a jar returns, which is names and values.
func secure(cookies []*http.Cookie) []*http.Cookie {
	for _, c := range cookies {
		c.Secure, c.Path = true, "/"
	}
	return cookies
}

func TestVisitorsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	a, b := site.visitor(t), site.visitor(t)
	a.get("/")
	a.get("/")
	a.post("/saved", "name", "mine", "query", "state=Ohio").has(t, 200, ">mine <small>")
	a.post("/settings", "language", "fr", "units", "mph")
	page := b.get("/")
	page.has(t, 200, "<dt>Visits</dt><dd>1 <", "None yet.", `lang="en-US"`)
	page.lacks(t, ">mine <small>", "mph</td>", "Saved as", "enregistrés")
}

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.post("/saved", "name", "  x  ", "query", "state=Ohio").has(t, 200, `<a href="/?state=Ohio" aria-current="page">x <small>`)
	page := v.post("/saved", "name", "x", "query", "state=Utah")
	page.has(t, 200, `<a href="/?state=Utah" aria-current="page">x <small>State: Utah</small></a>`)
	page.lacks(t, `<a href="/?state=Ohio"`)
	for _, name := range []string{"", "   ", strings.Repeat("é", 41), "\xff"} { // answered on the page that they came from
		newSite(t).visitor(t).post("/saved", "name", name, "query", "state=Ohio").has(t, http.StatusOK, "A name has 1 to 40 characters.", "None yet.", `<option value="Ohio" selected>`)
	}
	v.post("/saved", "name", "bad", "query", "state=Atlantis").has(t, http.StatusBadRequest, "<code>state</code>")
	v.post("/saved", "name", `<b>"bold"</b>`, "query", "").has(t, 200, "&lt;b&gt;&#34;bold&#34;&lt;/b&gt;")
	page = v.post("/saved/delete", "name", "x", "query", "rows=10")
	page.has(t, 200, "Deleted “x”.")
	page.lacks(t, ">x <small>")
	if page.url.RequestURI() != "/?rows=10" {
		t.Errorf("it leads to %v", page.url)
	}
}

// A saved filter says what it selects, in the reader's language, and is marked
// on every page of what it selects.
func TestSavedFiltersSayWhatTheySelect(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.post("/saved", "name", "all", "query", "")
	v.post("/saved", "name", "big", "query", "size=Large&size=Medium&from=1999-01-01&mincost=5&sort=-cost&page=3").has(t, 200,
		`big <small>Size of the animal: Large, Medium; From: 1999-01-01; Minimum cost ($): 5; Sort by: Most expensive first</small>`,
		`<a href="/">all</a>`)
	v.get("/?size=Large&size=Medium&from=1999-01-01&mincost=5&sort=-cost&page=2").has(t, 200,
		`<a href="/?size=Large&amp;size=Medium&amp;from=1999-01-01&amp;mincost=5&amp;sort=-cost" aria-current="page">big <small>`)
	v.get("/?size=Large").lacks(t, `aria-current="page">big`, `aria-current="page">all`)
	v.header.Set("Accept-Language", "de")
	v.get("/").has(t, 200, `aria-current="page">all</a>`, "Größe des Tiers: Groß, Mittel")
}

// A cookie holds only so much: the visitor is told, and loses nothing.
func TestTooManySavedFilters(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	full := false
	for i := range 60 {
		page := v.post("/saved", "name", fmt.Sprintf("%02d %s", i, strings.Repeat("n", 37)), "query", "state=North+Carolina&species=Unknown+bird+-+medium")
		page.has(t, http.StatusOK)
		if strings.Contains(page.body, "There is no room for another filter.") {
			full = true
			page.has(t, 200, "00 nnn")
			break
		}
	}
	if !full {
		t.Error("60 filters fit")
	}
	v.get("/").has(t, http.StatusOK, "00 nnn")
}

func TestNumbersDatesAndTextsAreTheVisitors(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	tests := map[string][]string{
		"de-AT,de;q=0.9,en;q=0.5": {`<html lang="de">`, "10.000", "40,5\u00a0Mio.\u00a0$", "25.07.2002", "10,6\u00a0%", "Wildtierkollisionen", "Januar 1990"},
		"fr-CA":                   {`<html lang="fr">`, "10\u00a0000", "40,5\u00a0M$", "25/07/2002", "Collisions animalières", "janvier 1990"},
		"en-GB":                   {`<html lang="en-GB">`, "25 Jul 2002", "$40.5m", "Colours"},
		"en-US":                   {`<html lang="en-US">`, "Jul 25, 2002", "$40.5M", "Colors"},
		"ja, *;q=0.1":             {`<html lang="en-US">`},
		"\"><script>":             {`<html lang="en-US">`},
	}
	for accept, want := range tests {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			v := site.visitor(t)
			v.header.Set("Accept-Language", accept)
			page := v.get("/")
			page.body = strings.ReplaceAll(page.body, "\u202f", "\u00a0") // French groups digits with a narrow one
			page.has(t, http.StatusOK, want...)
		})
	}
}

func TestThemeIsKeptAndCanBeTakenBack(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/").lacks(t, "data-theme")
	page := v.post("/theme", "theme", "dark", "query", "state=Ohio")
	page.has(t, 200, `data-theme="dark"`, `value="dark" aria-pressed="true"`)
	if page.url.RequestURI() != "/?state=Ohio" {
		t.Errorf("it leads to %v", page.url)
	}
	v.get("/").has(t, 200, `data-theme="dark"`, "cookie ctx_theme")
	v.post("/theme", "theme", "light").has(t, 200, `data-theme="light"`)
	v.post("/theme", "theme", "").lacks(t, "data-theme")
}

// The address is the connection's, whatever a client claims.
func TestAddressAndHowItIsKnown(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.header.Set("X-Forwarded-For", "198.51.100.7")
	v.header.Set("X-Real-Ip", "198.51.100.8")
	v.header.Set("Sec-Fetch-Dest", "iframe")
	page := v.get("/")
	page.has(t, 200, "<dd>127.0.0.1 <small>from: connection", "<dt>Shown in a frame</dt><dd>yes <small>from: header Sec-Fetch-Dest")
	page.lacks(t, "198.51.100")
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/?state=Ohio")
	for name, header := range map[string]http.Header{
		"fetch metadata": {"Sec-Fetch-Site": {"cross-site"}},
		"sibling":        {"Sec-Fetch-Site": {"same-site"}},
		"origin":         {"Origin": {"https://evil.example"}},
	} {
		for _, path := range []string{"/clear", "/saved", "/saved/delete", "/settings", "/theme"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.site.URL+path, strings.NewReader("panel=all&name=x&units=kn"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = header.Clone()
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			res, err := v.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: status %d", name, path, res.StatusCode)
			}
		}
	}
	page := v.get("/?state=Ohio")
	page.want(t, "hit")
	page.lacks(t, ">x <small>")
}
