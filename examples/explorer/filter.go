package main

import (
	"slices"
	"time"

	"github.com/reecho-go/reecho/examples/explorer/strikes"
	"github.com/reecho-go/reecho/queryparams"
)

// A filter is the page's URL: one type from which the query is read, checked
// and written, for the page, its forms and links, and the JSON API alike.
type filter struct {
	State   state        `query:"state" empty:"missing"`
	Species species      `query:"species" empty:"missing"`
	Sizes   []size       `query:"size"`
	Phases  []phase      `query:"phase"`
	From    time.Time    `query:"from" layout:"2006-01-02"`
	To      time.Time    `query:"to" layout:"2006-01-02"`
	MinCost int64        `query:"mincost" min:"0" max:"10000000"`
	Sort    strikes.Sort `query:"sort" default:"-date" enum:"-date|date|-cost|cost|airport|-airport|species|-species|-speed|speed"`
	Rows    int          `query:"rows" default:"25" enum:"10|25|50|100"`
	Page    int          `query:"page" default:"1" min:"1" max:"1000"`
}

// maxMinCost is the max tag of MinCost, for the form.
const maxMinCost = 10_000_000

// Types of their own, so that each can have its own list of allowed values.
type (
	state   string
	species string
	size    string
	phase   string
	tag     string // of a language
)

// newSchema compiles the schema of a URL with a filter. The allowed values are those in the
// data.
func newSchema[T any](o strikes.Options) (*queryparams.Schema[T], error) {
	var tags, speeds []string
	for _, l := range locales() {
		tags = append(tags, l.Tag.String())
	}
	for _, u := range units() {
		speeds = append(speeds, string(u))
	}
	return queryparams.NewSchema[T](queryparams.SchemaConfig{
		Codecs: []queryparams.Codec{
			queryparams.OneOf[state](o.States...), queryparams.OneOf[species](o.Species...),
			queryparams.OneOf[size](o.Sizes...), queryparams.OneOf[phase](o.Phases...),
			queryparams.OneOf[tag](tags...), queryparams.OneOf[unit](speeds...),
		},
		Retain: []string{"embed"}, // pages that show ours in a frame say so in the URL
	})
}

// migrations make links to older versions of the page work, and drop the parameters that
// other sites append to links.
func migrations() []queryparams.Migration {
	return []queryparams.Migration{
		queryparams.Rename("min_cost", "mincost"),
		queryparams.Rename("per_page", "rows"),
		queryparams.Drop("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "fbclid", "gclid"),
	}
}

// Validate checks, for queryparams, the rule that takes two
// parameters.
func (f filter) Validate() error {
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		text := f.To.Format(time.DateOnly)
		return &queryparams.FieldError{
			Parameter: "to", Path: "to", Code: queryparams.CodeRange, Offset: -1,
			Detail: "is before from", Value: &text, Expected: "a date from " + f.From.Format(time.DateOnly) + " on",
		}
	}
	return nil
}

// selection is the part of the filter that says which strikes, not which page
// of them: the key of all cached results but the table's.
func (f filter) selection() strikes.Filter {
	return strikes.Filter{
		State: string(f.State), Species: string(f.Species),
		Sizes: distinct(f.Sizes), Phases: distinct(f.Phases),
		From: f.From, To: f.To, MinCost: f.MinCost,
	}
}

// page returns the whole filter as a query for the database.
func (f filter) page() strikes.Page {
	return strikes.Page{Filter: f.selection(), Sort: f.Sort, Number: f.Page, Size: f.Rows}
}

// distinct is the list as texts, each once.
func distinct[T ~string](list []T) []string {
	var texts []string
	for _, v := range list {
		if !slices.Contains(texts, string(v)) {
			texts = append(texts, string(v))
		}
	}
	return texts
}
