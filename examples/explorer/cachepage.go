package main

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reecho-go/reecho/cachedata"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/queryparams"
	"github.com/reecho-go/reecho/sessionstate"
)

// A cacheQuery is the URL of the page about the cache. Whoever looks there wants
// an answer, not an error page: what is not valid becomes the default, and the
// address bar is corrected.
type cacheQuery struct {
	Cache cacheName `query:"cache" empty:"missing" invalid:"default"` // empty: all
	Sort  string    `query:"sort" default:"-hits" enum:"-hits|-bytes|-age|expires|cache" invalid:"default"`
	Rows  int       `query:"rows" default:"25" enum:"25|100|500" invalid:"default"`
}

type cacheName string

// cacheViews is how a visitor looked at the cache the last time.
var cacheViews = sessionstate.NewKey("cacheview", sessionstate.KeyConfig[cacheQuery]{})

// newCachePage binds the page's URL to the visitor's session: /cache alone finds
// the last view, and a link with a view shows that to everybody.
func newCachePage(group *cachedata.Group) (*queryparams.RememberedPage[cacheQuery, *sessionstate.State], error) {
	schema, err := queryparams.NewSchema[cacheQuery](queryparams.SchemaConfig{
		Codecs: []queryparams.Codec{queryparams.OneOf[cacheName](cacheNames(group)...)},
	})
	if err != nil {
		return nil, err
	}
	return queryparams.Remember(schema, cacheViews, sessionstate.From, queryparams.RememberConfig{Follow: true})
}

func cacheNames(group *cachedata.Group) []string {
	var names []string
	for _, c := range group.Caches() {
		names = append(names, c.Name())
	}
	return names
}

// showCache answers GET /cache: what the caches hold. Nothing in it is about
// visitors, and so it is for everybody here; elsewhere such a page may be for
// those who run the app.
func (a *app) showCache(c echo.Context) error {
	q, err := a.cachePage.Bind(c)
	if err != nil {
		return err
	}
	v, err := a.newView(c, a.defaults)
	if err != nil {
		return err
	}
	v.Title = v.T("What the cache holds")
	v.showFlashes(sessionstate.From(c))
	if v.Held, err = a.newHeldView(q, v.reader); err != nil {
		return err
	}
	if p, err := queryparams.From(c); err == nil {
		for _, f := range p.Corrections() {
			v.Held.Corrected = append(v.Held.Corrected, f.Parameter)
		}
	}
	return a.render(c, http.StatusOK, v)
}

// clearState answers POST /cache/clear: it drops what was asked for one state.
// It leads to /cache alone, which finds the visitor's view again.
func (a *app) clearState(c echo.Context) error {
	r, state := a.readerOf(c), c.FormValue("state")
	if !slices.Contains(a.options.States, state) {
		return echo.NewHTTPError(http.StatusBadRequest, r.T("There is no such state."))
	}
	if err := a.results.dropState(c.Request().Context(), state); err != nil {
		return err
	}
	if err := sessionstate.From(c).Flash("info", r.T("Cleared the cached results for %s.", state)); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/cache")
}

// heldView is the page of what the caches hold.
type heldView struct {
	Query     cacheQuery
	Caches    []option
	Rows      []option
	Corrected []string // parameters whose values were not valid
	Range     string
	Entries   []entryView
}

type entryView struct {
	Cache      string
	Key, Href  string // what was asked for, and the page that asks it
	Hits, Size string
	Age, Left  string
	State      string // by which it can be cleared
}

func (a *app) newHeldView(q cacheQuery, r reader) (*heldView, error) {
	v := &heldView{Query: q}
	plain := func(s string) string { return s }
	v.Caches = withAll(r.T("All caches"), choices(cacheNames(a.results.group), plain, string(q.Cache)))
	v.Rows = choices([]string{"25", "100", "500"}, plain, strconv.Itoa(q.Rows))
	all := held(a.results.group, q)
	v.Range = r.T("%d of %d", min(q.Rows, len(all)), len(all))
	for _, e := range all[:min(q.Rows, len(all))] {
		shown := entryView{
			Cache: e.cache, Key: r.T("the same for all"),
			Hits: r.Int(e.Hits), Size: r.Kilobytes(e.Bytes), Age: r.Age(e.Age), Left: r.Left(time.Until(e.Expires)),
		}
		if f, ok := asked(e.Key); ok {
			query, err := a.filters.Encode(f)
			if err != nil {
				return nil, err
			}
			if shown.Key = query; query == "" {
				shown.Key = r.T("All strikes; no filter is set.")
			}
			shown.Href, shown.State = pageURL(query), string(f.State)
		}
		v.Entries = append(v.Entries, shown)
	}
	return v, nil
}

// A heldEntry is an entry of a cache with a name.
type heldEntry struct {
	cache string
	cachedata.EntryInfo
}

// held lists what the caches of a group hold, as the query asks for it.
func held(group *cachedata.Group, q cacheQuery) []heldEntry {
	var all []heldEntry
	for _, c := range group.Caches() {
		if q.Cache != "" && string(q.Cache) != c.Name() {
			continue
		}
		for e := range c.Entries() {
			if e.State != "expired" {
				all = append(all, heldEntry{c.Name(), e})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y heldEntry) int {
		switch q.Sort {
		case "-bytes":
			return cmp.Compare(y.Bytes, x.Bytes)
		case "-age":
			return cmp.Compare(y.Age, x.Age)
		case "expires":
			return x.Expires.Compare(y.Expires)
		case "cache":
			return strings.Compare(x.cache, y.cache)
		}
		return cmp.Compare(y.Hits, x.Hits)
	})
	return all
}

// asked is the page's filter that a cache's key comes from.
func asked(key any) (filter, bool) {
	p := strikes.Page{Sort: strikes.Newest, Number: 1, Size: 25}
	switch key := key.(type) {
	case strikes.Page:
		p = key
	case strikes.Filter:
		p.Filter = key
	default:
		return filter{}, false
	}
	return filter{
		State: state(p.Filter.State), Species: species(p.Filter.Species),
		Sizes: as[size](p.Filter.Sizes), Phases: as[phase](p.Filter.Phases),
		From: p.Filter.From, To: p.Filter.To, MinCost: p.Filter.MinCost,
		Sort: p.Sort, Rows: p.Size, Page: p.Number,
	}, true
}

// as is a list of texts as one of a type of ours.
func as[T ~string](texts []string) []T {
	var list []T
	for _, t := range texts {
		list = append(list, T(t))
	}
	return list
}
