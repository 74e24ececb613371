package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var panelLinks = regexp.MustCompile(`<i hx-get="/panels/(\w+)\?([^"]*)"`)

// panels are those that a response lets the browser ask for.
func (r response) panels() (ids []string) {
	for _, m := range panelLinks.FindAllStringSubmatch(r.body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// What htmx gets is what differs from the page that it asks from.
func TestPartialUpdatesSendWhatChanged(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	whole := len(v.get("/?state=Texas").body)
	tests := map[string]struct {
		from, to string
		has      []string
		lacks    []string
		panels   string  // what the browser asks for then
		share    float64 // of the whole page, at most
	}{
		"another page":     {"/?state=Texas", "/?state=Texas&page=2", []string{`id="visitor"`}, []string{`id="filter"`, `class="cache"`, "<h1", "<html"}, "strikes", 0.05},
		"another order":    {"/?state=Texas", "/?state=Texas&sort=-cost", []string{`id="filter"`, `id="toolbar"`}, []string{`class="cache"`}, "species phases strikes", 0.5},
		"more rows":        {"/?state=Texas", "/?state=Texas&rows=10", []string{`id="filter"`}, []string{`class="cache"`}, "species phases strikes", 0.5},
		"other strikes":    {"/?state=Texas", "/?state=Ohio", []string{`id="filter"`}, []string{"<html", `class="cache"`}, "totals months airports species phases strikes", 0.5},
		"the same":         {"/?state=Texas", "/?state=Texas", []string{`id="visitor"`}, []string{`id="filter"`, `class="cache"`}, "", 0.05},
		"from an error":    {"/?state=Texass", "/?state=Texas", []string{`id="filter"`, `id="panel-months"`, `id="panel-strikes"`}, []string{"<html"}, "", 1},
		"from no page":     {"", "/?state=Texas", []string{`id="filter"`, `id="panel-months"`, `id="panel-strikes"`}, []string{"<html"}, "", 1},
		"from another one": {"/you", "/?state=Texas", []string{`id="filter"`, `id="panel-months"`, `id="panel-strikes"`}, []string{"<html"}, "", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newSite(t).visitor(t)
			v.header.Set("HX-Request-Type", "partial")
			if tt.from != "" {
				v.header.Set("HX-Current-URL", v.site.URL+tt.from)
			}
			part := v.get(tt.to)
			part.has(t, http.StatusOK, append(tt.has, `id="sections"`)...)
			part.lacks(t, tt.lacks...)
			if got := strings.Join(part.panels(), " "); got != tt.panels {
				t.Errorf("the browser asks for %q, want %q", got, tt.panels)
			}
			if got := float64(len(part.body)) / float64(whole); got > tt.share {
				t.Errorf("%d bytes, %.2f of the whole page, want at most %.2f", len(part.body), got, tt.share)
			}
		})
	}
}

// After an action anything can be different, though the address is the same.
func TestPartialUpdatesAfterAnActionAreWhole(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.header.Set("HX-Request-Type", "partial")
	v.header.Set("HX-Current-URL", v.site.URL+"/?state=Utah")
	v.post("/saved", "name", "x", "query", "state=Utah").has(t, http.StatusOK, "Saved as “x”.", `id="saved"`, `hx-get="/panels/months?`)
}

// A form leads back to where it was sent from, though the page has been updated
// since it was made, and to no other place.
func TestFormsLeadBackToWhereTheyWereSentFrom(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ referer, want string }{
		"an updated page":   {"SITE/?state=Ohio&page=2", "/?state=Ohio&page=2"},
		"the visitor":       {"SITE/you?back=state%3DOhio", "/you?back=state%3DOhio"},
		"an odd back":       {"SITE/you?back=state%3DAtlantis", "/?state=Utah"},
		"the dashboard":     {"SITE/_reecho", "/?state=Utah"},
		"a wrong page":      {"SITE/?state=Atlantis", "/?state=Utah"},
		"another site":      {"https://evil.example/?state=Ohio", "/?state=Utah"},
		"a look-alike":      {"SITE.evil.example/?state=Ohio", "/?state=Utah"},
		"a path like a URL": {"SITE//evil.example/?state=Ohio", "/?state=Utah"},
		"nothing":           {"", "/?state=Utah"},
		"no URL":            {"%zz", "/?state=Utah"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for path, form := range map[string][]string{
				"/theme":    {"theme", "dark"},
				"/settings": {"language", "", "units", "mph"},
			} {
				v := newSite(t).visitor(t)
				v.header.Set("Referer", strings.ReplaceAll(tt.referer, "SITE", v.site.URL))
				v.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				r := v.post(path, append(form, "query", "state=Utah")...)
				if got := r.header.Get("Location"); r.status != http.StatusSeeOther || got != tt.want {
					t.Errorf("%s: %d to %q, want %q", path, r.status, got, tt.want)
				}
			}
		})
	}
}

// Every page has the way to the others, and the way back keeps the filter.
func TestTheWayBackKeepsTheFilter(t *testing.T) {
	t.Parallel()
	v := newSite(t).visitor(t)
	v.get("/?state=Ohio&rows=10").has(t, http.StatusOK, `<a href="/you?back=state%3DOhio%26rows%3D10">About you</a>`, `<a href="/_reecho">Caches</a>`)
	v.get("/you?back=state%3DOhio%26rows%3D10").has(t, http.StatusOK, `<a href="/?state=Ohio&amp;rows=10">Strikes</a>`, `href="/?state=Ohio&amp;rows=10">Back to the strikes`)
	v.get("/you?back=state%3DAtlantis").has(t, http.StatusOK, `<a href="/">Strikes</a>`)
	v.get("/you").has(t, http.StatusOK, `<a href="/you" aria-current="page">`)
	v.get("/?state=Atlantis").has(t, http.StatusBadRequest, `<nav class="sections"`)
	v.get("/nothing").has(t, http.StatusNotFound, `<nav class="sections"`)
}
