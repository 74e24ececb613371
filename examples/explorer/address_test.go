package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/ctxinfo/ctxinfotest"
	"github.com/reecho-go/reecho/queryparams/queryparamstest"
)

// The address bar follows each partial update: by a new entry in the history if
// the page is another one.
func TestAddressBarFollowsTheFilter(t *testing.T) {
	t.Parallel()
	partial := func(r *http.Request) { r.Header.Set("HX-Request-Type", "partial") }
	boosted := ctxinfotest.Boosted()
	for name, tt := range map[string]struct {
		target, shown string
		options       []ctxinfotest.Option
		want          string
		how           string
	}{
		"a form's empty fields":   {"/?state=Ohio&species=&mincost=", "/", []ctxinfotest.Option{boosted}, "/?state=Ohio", "push"},
		"a form, not boosted":     {"/?state=Ohio&species=", "/", nil, "/?state=Ohio", "push"},
		"the page that is there":  {"/?state=Ohio", "/?state=Ohio", []ctxinfotest.Option{boosted}, "/?state=Ohio", "replace"},
		"nothing new by the form": {"/?state=Ohio&species=", "/?state=Ohio", nil, "", ""},
		"a link as it should be":  {"/?state=Ohio", "/", []ctxinfotest.Option{boosted}, "", ""}, // htmx records it
	} {
		rec := httptest.NewRecorder()
		options := append([]ctxinfotest.Option{ctxinfotest.HTMX(tt.shown), partial}, tt.options...)
		newSite(t).app.ServeHTTP(rec, ctxinfotest.Request(tt.target, options...))
		res := queryparamstest.Response{ResponseRecorder: rec}
		if got, how := res.URL(); got != tt.want || how != tt.how || rec.Code != http.StatusOK {
			t.Errorf("%s: %d, %q by %q, want %q by %q", name, rec.Code, got, how, tt.want, tt.how)
		}
	}
}

// A page has one address: other spellings of it, old names and what others append
// to links are sent there for good, in one step, by the page and the API alike.
func TestAPageHasOneAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		target  string
		options []ctxinfotest.Option
		want    string // empty: it is the address
	}{
		"old names":        {"/?min_cost=1000&per_page=50&utm_source=news&fbclid=1", nil, "/?mincost=1000&rows=50"},
		"another order":    {"/?rows=50&state=Ohio", nil, "/?state=Ohio&rows=50"},
		"a default":        {"/?state=Ohio&page=1", nil, "/?state=Ohio"},
		"a form":           {"/?state=Ohio&species=&from=&mincost=&sort=-date", nil, "/?state=Ohio"},
		"another escape":   {"/?state=New%20York", nil, "/?state=New+York"},
		"of somebody else": {"/?embed=true&page=2&x=1", nil, ""},
		"the API":          {"/api/strikes?per_page=50", nil, "/api/strikes?rows=50"},
		"as it should be":  {"/?state=Ohio&rows=50&page=2", nil, ""},
		"a part for htmx":  {"/?rows=50&state=Ohio", []ctxinfotest.Option{ctxinfotest.HTMX("/")}, ""},
	} {
		rec := httptest.NewRecorder()
		newSite(t).app.ServeHTTP(rec, ctxinfotest.Request(tt.target, tt.options...))
		code := http.StatusOK
		if tt.want != "" {
			code = http.StatusPermanentRedirect
		}
		if got := rec.Header().Get("Location"); got != tt.want || rec.Code != code {
			t.Errorf("%s: %d to %q, want %d to %q", name, rec.Code, got, code, tt.want)
		}
	}
	newSite(t).visitor(t).get("/api/strikes?state=Utah&per_page=100").has(t, http.StatusOK, `"pages":3`)
}

func TestFaultsAreSaidInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.header.Set("Accept-Language", "de")
	const query = "?state=Texass&mincost=-1&rows=7&page=1&page=2&from=gestern&to=2000-01-01"
	for _, path := range []string{"/", "/api/strikes"} {
		v.get(path+query).has(t, http.StatusBadRequest, "kann nicht gelesen werden", "liegt außerhalb des Bereichs", "ist keiner der erlaubten Werte", "kommt mehrmals vor")
	}
	v.get("/"+query).has(t, http.StatusBadRequest, "Gemeint war vielleicht: <code>Texas</code>")
	v.get("/api/strikes"+query).has(t, http.StatusBadRequest, "did you mean <code>Texas</code>?")
	v.get("/?from=2000-02-01&to=2000-01-01").has(t, http.StatusBadRequest, "liegt vor dem ersten Tag", "der erste Tag oder ein späterer")
	english := regexp.MustCompile(`(?i)\b(one of|whole number|single|value|such as|from|allowed)\b`)
	for _, page := range []response{v.get("/" + query), v.get("/?size=huge"), v.get("/?page=x"), v.get("/?from=2000-02-01&to=2000-01-01")} {
		_, faults, _ := strings.Cut(page.body, `<dl class="faults">`)
		faults, _, _ = strings.Cut(faults, "</dl>")
		said := regexp.MustCompile(`<dt>.*?</dt>|<code>.*?</code>`).ReplaceAllString(faults, "")
		if word := english.FindString(said); word != "" || said == "" {
			t.Errorf("%v: %q is English in %s", page.url, word, said)
		}
	}
}

func TestAPIDescribesItself(t *testing.T) {
	t.Parallel()
	res := newSite(t).visitor(t).get("/api/openapi.json")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   struct{ Enum []any }
			}
		}
	}
	if err := json.Unmarshal([]byte(res.body), &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%s: %v", res.body, err)
	}
	var names []string
	for _, p := range doc.Paths["/api/strikes"]["get"].Parameters {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "state species size phase from to mincost sort rows page" {
		t.Errorf("parameters %s", got)
	}
}

// What the address bar shows is all that somebody else needs to see the same.
func TestBrowserShareableLinks(t *testing.T) {
	t.Parallel()
	b, other, p := newTab(t), newTab(t), program(t)
	b.open(p.URL)
	b.Picks("state", "Texas")
	b.Shows("of 1,495")
	b.Click(`.pages a[rel="next"]`)
	b.Shows("26 to 50 of 1,495")
	link, length := eval[string](b, `location.href`), eval[int](b, `history.length`)
	other.open(link)
	other.Shows("26 to 50 of 1,495")
	other.At("/?state=Texas&page=2")

	// an action that leads back to the same page is no new entry
	b.Types("#name", "Texas")
	b.Click(".save button")
	b.Shows("Saved as “Texas”.")
	if got := eval[int](b, `history.length`); got != length {
		t.Errorf("the history has %d entries after an action, %d before", got, length)
	}
	b.travels(chromedp.NavigateBack(), "/?state=Texas")
	b.Shows("1 to 25 of 1,495")
	b.travels(chromedp.NavigateForward(), "/?state=Texas&page=2")
	b.Shows("26 to 50 of 1,495")

	other.open(p.URL + "/?state=Texas&per_page=50&utm_source=news")
	other.At("/?state=Texas&rows=50")
}
