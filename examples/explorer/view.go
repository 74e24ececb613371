package main

import (
	"html/template"
	"strconv"
	"time"

	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

// A pageView is everything that the templates show. It is plain data: what is
// shown can be tested without HTML, and templates decide nothing.
type pageView struct {
	reader
	Title string
	Theme string // light, dark, or empty for what the device says
	Query string // the filter as a query, for forms and links that lead back to it

	Themes, Languages, Units []option

	// The filter form.
	States, Species, Sizes, Phases, Sorts, Rows []option
	From, To, MinCost, FirstDay, LastDay        string
	MaxMinCost                                  int
	Chips                                       []link
	Saved                                       []savedView

	// The results.
	Flashes []flashView
	Panels  []*panelView
	Facts   []factView
	APIHref string

	You     *youView    // in place of all results
	Answers *answerView // likewise
	Error   *errorView  // likewise

	Change *pageChange // what differs from the page that is there; nil: everything

	Words words // for the script

	Script  template.HTML // tells the server what no header does
	Address template.HTML // tells the browser which address the page has
}

type (
	// option is one choice of a list, a check box or a button.
	option struct {
		Value, Label string
		Selected     bool
	}
	link      struct{ Label, Href string }
	savedView struct {
		Name, Href string
		About      string // what it selects
		Here       bool   // the page is it
	}
	flashView struct{ Kind, Text string }

	// panelView is a panel: the totals, the table or else a chart.
	panelView struct {
		reader
		ID, Title, Note string
		Totals          *totalsView
		Table           *tableView
		Chart           chart
		Cache           cacheView
	}
	totalsView struct {
		reader
		strikes.Totals
		DamageShare string
	}
	// cacheView says where a result came from.
	cacheView struct {
		reader
		Panel, Query string
		Kind, Label  string // hit or miss
		Age, Took    string // Age is empty if the panel may be shown again later
		ClearLabel   string
	}
	factView  struct{ Name, Value, How string }
	errorView struct {
		Status  int
		Title   string
		Detail  string
		Faults  []faultView
		Without string // the same page without the wrong parameters
	}
	faultView struct{ Parameter, Detail, Value, Expected, Suggestion string }
)

// A pageChange is what a request changes of the page that is there, beside the messages
// and what is about the visitor.
type pageChange struct {
	Form   bool        // the filter, but for its page
	Panels []panelLink // the browser asks for these itself
}

// A panelLink is where a panel is.
type panelLink struct{ ID, Href string }

// newTotalsView shows the totals.
func newTotalsView(r reader, t strikes.Totals) *totalsView {
	v := &totalsView{r, t, "–"}
	if t.Strikes > 0 {
		v.DamageShare = r.Percent(float64(t.Damaging) / float64(t.Strikes))
	}
	return v
}

// Dollars is the cost of all strikes.
func (v *totalsView) Dollars() string { return v.ShortDollars(float64(v.Cost)) }

// StrikesHref is the page of the filter.
func (v *pageView) StrikesHref() string { return pageURL(v.Query) }

// YouHref is the page about the visitor, which leads back to that of the filter.
func (v *pageView) YouHref() string { return backURL(youPath, v.Query) }

// AnswersHref is the page about what the cache of responses does.
func (v *pageView) AnswersHref() string { return backURL(answersPath, v.Query) }

// choices makes options of values; name says what each is called.
func choices[T ~string](values []T, name func(T) string, selected ...T) []option {
	list := make([]option, len(values))
	for i, v := range values {
		list[i] = option{Value: string(v), Label: name(v)}
		for _, s := range selected {
			list[i].Selected = list[i].Selected || s == v
		}
	}
	return list
}

// withAll puts the choice of everything before options.
func withAll(label string, list []option) []option {
	all := option{Label: label, Selected: true}
	for _, o := range list {
		all.Selected = all.Selected && !o.Selected
	}
	return append([]option{all}, list...)
}

// fillForm shows the filter in its form, and each part that is set as a chip
// that leads to the page without it.
func (v *pageView) fillForm(f filter, o strikes.Options, href func(filter) string) {
	plain := func(s string) string { return s }
	translated := func(s string) string { return v.T(s) }
	v.States = withAll(v.T("All states"), choices(o.States, plain, string(f.State)))
	v.Species = withAll(v.T("All species"), choices(o.Species, plain, string(f.Species)))
	v.Sizes = choices(o.Sizes, translated, distinct(f.Sizes)...)
	v.Phases = choices(o.Phases, translated, distinct(f.Phases)...)
	v.Sorts = choices(strikes.Sorts(), v.sortName, f.Sort)
	v.Rows = choices([]string{"10", "25", "50", "100"}, plain, strconv.Itoa(f.Rows))
	v.FirstDay, v.LastDay = o.From.Format(time.DateOnly), o.To.Format(time.DateOnly)
	v.MaxMinCost = maxMinCost

	chip := func(label string, change func(*filter)) {
		without := f
		without.Page = 1
		change(&without)
		v.Chips = append(v.Chips, link{label, href(without)})
	}
	if f.State != "" {
		chip(string(f.State), func(f *filter) { f.State = "" })
	}
	if f.Species != "" {
		chip(string(f.Species), func(f *filter) { f.Species = "" })
	}
	for i, s := range f.Sizes {
		chip(v.T(string(s)), func(f *filter) { f.Sizes = without(f.Sizes, i) })
	}
	for i, p := range f.Phases {
		chip(v.T(string(p)), func(f *filter) { f.Phases = without(f.Phases, i) })
	}
	if !f.From.IsZero() {
		v.From = f.From.Format(time.DateOnly)
		chip(v.T("from %s", v.Date(f.From)), func(f *filter) { f.From = time.Time{} })
	}
	if !f.To.IsZero() {
		v.To = f.To.Format(time.DateOnly)
		chip(v.T("until %s", v.Date(f.To)), func(f *filter) { f.To = time.Time{} })
	}
	if f.MinCost > 0 {
		v.MinCost = strconv.FormatInt(f.MinCost, 10)
		chip(v.T("at least %s", v.Dollars(f.MinCost)), func(f *filter) { f.MinCost = 0 })
	}
}

// without is a copy of the list without its element i.
func without[T any](list []T, i int) []T {
	return append(append([]T(nil), list[:i]...), list[i+1:]...)
}

// sortName is what an order is called.
func (r reader) sortName(s strikes.Sort) string {
	switch s {
	case strikes.Newest:
		return r.T("Newest first")
	case strikes.Oldest:
		return r.T("Oldest first")
	case strikes.Costliest:
		return r.T("Most expensive first")
	case strikes.Cheapest:
		return r.T("Cheapest first")
	case strikes.ByAirport:
		return r.T("Airport, A to Z")
	case strikes.ByAirportDown:
		return r.T("Airport, Z to A")
	case strikes.BySpecies:
		return r.T("Species, A to Z")
	case strikes.BySpeciesDown:
		return r.T("Species, Z to A")
	case strikes.Fastest:
		return r.T("Fastest first")
	case strikes.Slowest:
		return r.T("Slowest first")
	}
	return string(s)
}
