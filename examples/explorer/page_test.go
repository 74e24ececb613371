package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPageShowsTableTotalsAndFourPlots(t *testing.T) {
	t.Parallel()
	page := newSite(t).visitor(t).get("/")
	page.has(t, http.StatusOK,
		`<html lang="en-US">`, "10,000", "$40.5M", "1 to 25 of 10,000", "Dallas/Fort Worth", "Canada goose",
		`id="plot-months-title"`, `id="plot-species-title"`, `id="plot-phases-title"`, `id="plot-airports-title"`,
		"Barksdale Air Force Base (placed at Shreveport Downtown",
	)
	if n := strings.Count(page.body, "<tr>"); n < 25 {
		t.Errorf("%d rows", n)
	}
	if got := page.header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || strings.Contains(got, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", got)
	}
}

// Nothing on the page comes from elsewhere, and nothing in it needs what the
// policy forbids.
func TestPageKeepsItsOwnPolicy(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	page := v.get("/")
	page.lacks(t, "http://", "https://", " style=", "<style", "<script>", " onclick", "javascript:")
	assets := regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(assets) != 4 {
		t.Fatalf("assets: %v", assets)
	}
	for _, a := range assets {
		file := v.get(a[1])
		file.has(t, http.StatusOK)
		if got := file.header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %q", a[1], got)
		}
	}
	v.get("/static/app.css").has(t, http.StatusNotFound)
}

func TestFilterSelectsAndLinksKeepIt(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	page := v.get("/?state=Texas&size=Large&size=Medium&phase=Climb&from=1995-01-01&mincost=1&sort=-cost&rows=10")
	page.has(t, http.StatusOK, "Texas", "at least $1", "from Jan 1, 1995", `aria-sort="descending"`, `value="Texas" selected`, `value="1995-01-01"`)
	page.lacks(t, "Canada, no such state")
	links := regexp.MustCompile(`<a href="(/\?[^"#]*)(?:#panel-strikes)?"`).FindAllStringSubmatch(page.body, -1)
	if len(links) < 10 {
		t.Fatalf("%d links", len(links))
	}
	for _, l := range links {
		v.get(strings.ReplaceAll(l[1], "&amp;", "&")).has(t, http.StatusOK)
	}
}

// A form without JavaScript sends every field, empty ones too.
func TestFormAsItIsSentWithoutScript(t *testing.T) {
	t.Parallel()
	page := newSite(t).visitor(t).get("/?state=&species=&from=&to=&mincost=&sort=-date&rows=25")
	page.has(t, http.StatusOK, "1 to 25 of 10,000", "no filter is set")
	if got := page.url.RequestURI(); got != "/" {
		t.Errorf("the address stays %s", got)
	}
}

// However a query is written, one redirect at most leads to the way that the
// schema writes it.
func TestAddressesSettle(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	hops := 0
	v.client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		hops = len(via)
		return nil
	}
	for _, query := range []string{
		"", "?", "?&&", "?state=New%20York", "?rows=25", "?page=1&state=Ohio", "?sort=cost&size=Small&size=Small",
		"?from=1999-01-01&utm_source=x", "?embed=true&state=Ohio", "?embed=%ff%27&embed=;&state=Ohio", "?mincost=%2B7", "?;", "?a=%zz",
	} {
		hops = 0
		page := v.get("/" + query)
		page.has(t, http.StatusOK)
		if hops > 1 {
			t.Errorf("%q takes %d redirects", query, hops)
		}
	}
	v.get("/?embed=true&page=1").has(t, http.StatusOK, "from: query embed")
}

func TestPagesTurn(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/?page=400").has(t, http.StatusOK, "9,976 to 10,000 of 10,000")
	v.get("/?page=2&rows=10").has(t, http.StatusOK, "11 to 20 of 10,000", `rel="next"`, `rel="prev"`, `aria-current="page">2<`)
	v.get("/?page=999").has(t, http.StatusOK, "There is no page 999; the last one is page 400.")
	v.get("/?state=Utah&species=Coyote").has(t, http.StatusOK, "No strike in this selection.")
}

func TestWrongValuesNameTheParameterAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	tests := map[string]struct {
		query      string
		parameters []string
		allowed    string
	}{
		"unknown state":  {"state=Texass", []string{"state"}, "Tennessee, Texas, Utah"},
		"type confusion": {"page[]=x&page=[]", []string{"page"}, "a whole number from 1 to 1000"},
		"not a number":   {"mincost=1e9", []string{"mincost"}, "from 0 to 10000000"},
		"below":          {"page=0", []string{"page"}, "from 1 to 1000"},
		"unknown order":  {"sort=id;drop", []string{"sort"}, "-date"},
		"not a day":      {"from=1999-02-30", []string{"from"}, "a day, such as 1999-12-31"},
		"backwards":      {"from=2000-01-02&to=2000-01-01", []string{"to"}, "the first day or a later one"},
		"twice":          {"state=Texas&state=Ohio", []string{"state"}, ""},
		"in a list":      {"size=Small&size=Huge", []string{"size"}, "Small, Medium, Large"},
		"two at once":    {"rows=7&phase=Lunch", []string{"rows", "phase"}, "Approach, Climb"},
		"bad encoding":   {"species=%zz", []string{"species"}, ""},
		"markup":         {"state=%3Cscript%3Ealert(1)%3C/script%3E", []string{"state"}, "Texas"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := v.get("/?" + tt.query)
			page.has(t, http.StatusBadRequest, "This address cannot be read", tt.allowed)
			page.lacks(t, "<script>alert")

			v := *v
			v.header = http.Header{"Accept": {"application/json"}}
			answer := v.get("/api/strikes?" + tt.query)
			answer.has(t, http.StatusBadRequest)
			if got := answer.header.Get("Content-Type"); !strings.HasPrefix(got, "application/problem+json") {
				t.Errorf("the API answers with %q", got)
			}
			var problem struct {
				Errors []struct{ Parameter string }
			}
			if err := json.Unmarshal([]byte(answer.body), &problem); err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			for _, e := range problem.Errors {
				found[e.Parameter] = true
			}
			for _, p := range tt.parameters {
				if !found[p] {
					t.Errorf("the API does not name %q: %s", p, answer.body)
				}
				page.has(t, http.StatusBadRequest, "<code>"+p+"</code>")
			}
		})
	}
}

// What the error page offers is the same page without what is wrong.
func TestErrorPageLeadsOn(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	page := v.get("/?state=Texas&page=zero&rows=7")
	page.has(t, http.StatusBadRequest, `href="/?state=Texas"`)
	v.get("/?state=Texas").has(t, http.StatusOK)
}

func TestOtherErrorsArePages(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/nowhere").has(t, http.StatusNotFound, "Not Found", `class="masthead"`)
	v.get("/clear").has(t, http.StatusMethodNotAllowed, "Method Not Allowed")
	v.post("/clear", "panel", "everything").has(t, http.StatusBadRequest, "There is no such panel.")
	v.post("/clear", "panel", "all", "query", "page=x").has(t, http.StatusBadRequest, "<code>page</code>")
	v.post("/theme", "theme", "pink").has(t, http.StatusBadRequest, "There is no such theme.")
	v.post("/settings", "language", "tlh", "units", "kn").has(t, http.StatusBadRequest, "no such language")
	v.post("/settings", "language", "de", "units", "furlongs").has(t, http.StatusBadRequest, "no such language or unit")
	v.post("/saved", "name", strings.Repeat("x", 70_000)).has(t, http.StatusRequestEntityTooLarge)
	api := v.get("/api/nowhere")
	api.has(t, http.StatusNotFound)
}

func TestPartialIsTheAppAlone(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/").has(t, http.StatusOK, "<html", `<div><dt>Visits</dt><dd>1 <`)
	v.header.Set("HX-Request", "true")
	v.header.Set("HX-Request-Type", "partial")
	part := v.get("/?state=Ohio")
	part.has(t, http.StatusOK, `<form id="filter"`, `id="panel-strikes"`, "<title>", `<div><dt>Visits</dt><dd>1 <`)
	part.lacks(t, "<html", `class="masthead"`)
	if got := strings.Join(part.header.Values("Vary"), ","); !strings.Contains(got, "HX-Request-Type") {
		t.Errorf("Vary: %s", got)
	}
	v.get("/?page=x").has(t, http.StatusBadRequest, "<code>page</code>")
}

func TestAPIHasTheSameStrikes(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	seen := map[int64]bool{}
	next := "/api/strikes?state=Utah&rows=100"
	for next != "" {
		res := v.get(next)
		res.has(t, http.StatusOK)
		var page jsonPage
		if err := json.Unmarshal([]byte(res.body), &page); err != nil {
			t.Fatal(err)
		}
		if page.Totals.Strikes != 236 || page.Pages != 3 {
			t.Fatalf("totals %+v, pages %d", page.Totals, page.Pages)
		}
		for _, s := range page.Strikes {
			if seen[s.ID] || s.State != "Utah" {
				t.Errorf("strike %d of %s", s.ID, s.State)
			}
			seen[s.ID] = true
		}
		next = page.Next
	}
	if len(seen) != 236 {
		t.Errorf("%d strikes, want 236", len(seen))
	}
	v.get("/api/strikes?state=Utah&species=Coyote").has(t, http.StatusOK, `"strikes":[]`)
}
