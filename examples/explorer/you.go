package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/ctxinfo"
	"github.com/reecho-go/reecho/ctxinfo/client"
	"github.com/reecho-go/reecho/sessionstate"
)

// A fact is one facet of ctxinfo as the page shows it.
type fact struct {
	facet ctxinfo.Facet
	name  string
	value func(*ctxinfo.Info, reader) string // empty: there is none
}

// A word is what header fields say of a request, in the reading of ctxinfo and
// its client: header names the field, or the first of them.
type word struct {
	header string
	name   string
	value  func(*ctxinfo.Info, reader) string // empty: it says nothing
}

// allWords is what ctxinfo reads from header fields that have no facet of
// their own, since nothing else could say it.
func allWords() []word {
	yes := func(said bool, r reader) string {
		if !said {
			return ""
		}
		return r.YesNo(true)
	}
	return []word{
		{"User-Agent", "Browser", func(in *ctxinfo.Info, r reader) string { return browserName(client.AgentOf(in), r) }},
		{"CF-IPCountry", "Place", func(in *ctxinfo.Info, _ reader) string {
			g := client.GeoOf(in)
			return strings.Join(nonEmpty(g.City, g.Region, g.Country), ", ")
		}},
		{"Traceparent", "Trace", func(in *ctxinfo.Info, _ reader) string { return client.TraceOf(in).TraceID }},
		{"Save-Data", "Save data", func(in *ctxinfo.Info, r reader) string { return yes(client.AgentOf(in).SaveData, r) }},
		{"Sec-GPC", "Do not sell or share my data", func(in *ctxinfo.Info, r reader) string { return yes(client.AgentOf(in).GPC, r) }},
		{"Sec-Fetch-Site", "Requested from", func(in *ctxinfo.Info, _ reader) string { return client.FetchOf(in).Site }},
		{"Sec-Fetch-Mode", "Request mode", func(in *ctxinfo.Info, _ reader) string { return client.FetchOf(in).Mode }},
		{"Sec-Fetch-Dest", "Requested as", func(in *ctxinfo.Info, _ reader) string { return client.FetchOf(in).Dest }},
		{"Sec-Fetch-User", "Started by a click or a key", func(in *ctxinfo.Info, r reader) string { return yes(client.FetchOf(in).User, r) }},
		{"HX-Request", "Requested by htmx", func(in *ctxinfo.Info, r reader) string { return yes(client.HTMXOf(in).Request, r) }},
		{"HX-Boosted", "htmx followed a link", func(in *ctxinfo.Info, r reader) string { return yes(client.HTMXOf(in).Boosted, r) }},
		{"HX-Target", "htmx target", func(in *ctxinfo.Info, _ reader) string { return client.HTMXOf(in).Target }},
	}
}

// allFacts is everything that ctxinfo finds out, in the order of the page.
func allFacts() []fact {
	return []fact{
		{ctxinfo.FacetIP, "Address", func(in *ctxinfo.Info, _ reader) string {
			var way []string
			for _, hop := range in.Hops() {
				way = append(way, hop.String())
			}
			return strings.Join(way, " ← ")
		}},
		{ctxinfo.FacetScheme, "Scheme", func(in *ctxinfo.Info, _ reader) string { return in.Scheme() }},
		{ctxinfo.FacetHost, "Host", func(in *ctxinfo.Info, _ reader) string { return in.Host() }},
		{ctxinfo.FacetPrefix, "Path prefix", func(in *ctxinfo.Info, _ reader) string { return in.Prefix() }},
		{ctxinfo.FacetPageURL, "Page", func(in *ctxinfo.Info, _ reader) string { return in.PageURL().String() }},
		{ctxinfo.FacetLocale, "Language", func(in *ctxinfo.Info, _ reader) string { return languages(in) }},
		{ctxinfo.FacetTimezone, "Time zone", func(in *ctxinfo.Info, r reader) string {
			if in.TimezoneName() == "" {
				return ""
			}
			return in.TimezoneName() + ", " + r.T("now %s", time.Now().In(in.Timezone()).Format("15:04 -07:00"))
		}},
		{ctxinfo.FacetTheme, "Colors", func(in *ctxinfo.Info, r reader) string { return r.T(colourName(in.Theme().Type)) }},
		{ctxinfo.FacetReducedMotion, "Reduced motion", func(in *ctxinfo.Info, r reader) string { return r.YesNo(in.Theme().ReducedMotion) }},
		{ctxinfo.FacetContrast, "Contrast", func(in *ctxinfo.Info, _ reader) string { return in.Theme().Contrast }},
		{ctxinfo.FacetEmbedded, "Shown in a frame", func(in *ctxinfo.Info, r reader) string { return embedding(in, r) }},
		{ctxinfo.FacetRequestID, "Request", func(in *ctxinfo.Info, _ reader) string { return in.RequestID() }},
	}
}

// youView is the page of what this site knows about the visitor.
type youView struct {
	Facts     []youFact
	Cookies   []string // their names
	Headers   []string // their names
	Anomalies []string
}

type youFact struct {
	ID, Name, Value, Source string
	Known                   bool // somebody said so
	Trusted                 bool
}

// showYou answers GET /you: every facet with its value, where it came from,
// and whether that is believed.
func (a *app) showYou(c echo.Context) error {
	v, err := a.newView(c, a.backFrom(c))
	if err != nil {
		return err
	}
	v.Title = v.T("What this server knows about you")
	v.showFlashes(sessionstate.From(c))
	v.You = newYouView(ctxinfo.From(c), v.reader)
	return a.render(c, http.StatusOK, v)
}

func newYouView(in *ctxinfo.Info, r reader) *youView {
	you := &youView{}
	for _, f := range allFacts() {
		source := in.Source(f.facet)
		you.Facts = append(you.Facts, youFact{
			ID: strings.ReplaceAll(f.facet.String(), " ", "-"), Name: r.T(f.name), Value: f.value(in, r), Source: r.sourceName(source),
			Known: source.Kind != "", Trusted: source.Trusted,
		})
	}
	for _, w := range allWords() {
		v := youFact{ID: strings.ToLower(w.header), Name: r.T(w.name), Value: w.value(in, r)}
		source := ctxinfo.Source{}
		if v.Known = v.Value != ""; v.Known {
			source = ctxinfo.Source{Kind: "header", Name: w.header}
		}
		v.Source = r.sourceName(source)
		you.Facts = append(you.Facts, v)
	}
	for name := range in.Cookies().All() {
		you.Cookies = append(you.Cookies, name)
	}
	for name := range in.Headers().All() {
		you.Headers = append(you.Headers, name)
	}
	for _, a := range in.Anomalies() {
		you.Anomalies = append(you.Anomalies, a.Header+": "+a.Reason)
	}
	return you
}

// sourceName is a source in the reader's language.
func (r reader) sourceName(s ctxinfo.Source) string {
	if s.Name == "" {
		return r.T(s.String())
	}
	return r.T(s.Kind) + " " + s.Name
}

// YesNo is a truth in the reader's language.
func (r reader) YesNo(yes bool) string {
	if yes {
		return r.T("yes")
	}
	return r.T("no")
}

// colourName is the text for a colour scheme.
func colourName(theme string) string {
	switch theme {
	case "light":
		return "Light"
	case "dark":
		return "Dark"
	default:
		return "your device’s setting"
	}
}

// embedding says whether the page is in a frame.
func embedding(in *ctxinfo.Info, r reader) string {
	yes, known := in.IsEmbedded()
	if !known {
		return r.T("not known")
	}
	return r.YesNo(yes)
}

// languages is the chosen locale, and what the visitor asked for.
func languages(in *ctxinfo.Info) string {
	var asked []string
	for _, tag := range in.Locales() {
		asked = append(asked, tag.String())
	}
	return in.Locale().String() + " ← " + strings.Join(asked, ", ")
}

// browserName is the visitor's software.
func browserName(a client.Agent, r reader) string {
	parts := nonEmpty(strings.TrimSpace(a.Browser+" "+a.Version), a.Platform)
	if a.Mobile {
		parts = append(parts, r.T("a phone"))
	}
	if a.Bot {
		parts = append(parts, r.T("an automated client"))
	}
	return strings.Join(parts, ", ")
}

// nonEmpty is the texts that are not empty.
func nonEmpty(texts ...string) []string {
	var kept []string
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return kept
}
