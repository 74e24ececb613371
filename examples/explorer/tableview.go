package main

import (
	"strconv"

	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

// A columnView is the head of a column; one that can be sorted has a link.
type columnView struct {
	Label, Href, Arrow, AriaSort, Class string
}

// A pageLink is one step of the pages below the table.
type pageLink struct {
	Label, Title, Href, Rel string
	Current                 bool
}

// A tableView is the table of strikes with its pages.
type tableView struct {
	reader
	List    []strikes.Strike
	Range   string // which strikes of how many
	Nothing string // why the table is empty
	Columns []columnView
	Pages   []pageLink
}

// newTableView shows one page of strikes, total being all that are selected.
func newTableView(r reader, f filter, list []strikes.Strike, total int, href func(filter) string) *tableView {
	v := &tableView{reader: r, List: list}
	pages := (total + f.Rows - 1) / f.Rows
	first := (f.Page-1)*f.Rows + 1
	switch {
	case total == 0:
		v.Range = v.T("none")
		v.Nothing = v.T("No strike in this selection.")
	case first > total:
		v.Range = v.T("%d in all", total)
		v.Nothing = v.T("There is no page %d; the last one is page %d.", f.Page, pages)
	default:
		v.Range = v.T("%d to %d of %d", first, first+len(list)-1, total)
	}
	v.Columns = []columnView{
		v.column(f, "Date", "", strikes.Newest, strikes.Oldest, href),
		v.column(f, "Airport", "", strikes.ByAirport, strikes.ByAirportDown, href),
		v.column(f, "Species", "", strikes.BySpecies, strikes.BySpeciesDown, href),
		{Label: v.T("Phase of flight")},
		{Label: v.T("Aircraft")},
		v.column(f, "Speed", "number", strikes.Fastest, strikes.Slowest, href),
		{Label: v.T("Damage")},
		v.column(f, "Cost", "number", strikes.Costliest, strikes.Cheapest, href),
	}
	if pages > 1 || f.Page > 1 {
		v.Pages = v.pageLinks(f, pages, href)
	}
	return v
}

// column is a column that can be sorted: a click asks for the order that is
// wanted first, and another for its opposite.
func (v *tableView) column(f filter, label, class string, wanted, opposite strikes.Sort, href func(filter) string) columnView {
	c := columnView{Label: v.T(label), Class: class}
	next := f
	next.Page, next.Sort = 1, wanted
	switch f.Sort {
	case wanted:
		next.Sort = opposite
		c.AriaSort, c.Arrow = direction(wanted)
	case opposite:
		c.AriaSort, c.Arrow = direction(opposite)
	}
	c.Href = href(next) + "#panel-strikes"
	return c
}

func direction(s strikes.Sort) (ariaSort, arrow string) {
	if s[0] == '-' {
		return "descending", "↓"
	}
	return "ascending", "↑"
}

// pageLinks is the way to the pages before and after, and to the first, the
// last and the nearest ones.
func (v *tableView) pageLinks(f filter, pages int, href func(filter) string) []pageLink {
	to := func(n int) string {
		next := f
		next.Page = n
		return href(next) + "#panel-strikes"
	}
	var links []pageLink
	if f.Page > 1 {
		links = append(links, pageLink{Label: "‹", Title: v.T("Previous page"), Href: to(min(f.Page-1, max(pages, 1))), Rel: "prev"})
	}
	last := 0
	for n := 1; n <= pages; n++ {
		if n != 1 && n != pages && (n < f.Page-2 || n > f.Page+2) {
			continue
		}
		if n > last+1 {
			links = append(links, pageLink{Label: "…"})
		}
		last = n
		if n == f.Page {
			links = append(links, pageLink{Label: v.Int(n), Current: true})
			continue
		}
		links = append(links, pageLink{Label: v.Int(n), Title: v.T("Page %s", strconv.Itoa(n)), Href: to(n)})
	}
	if f.Page < pages {
		links = append(links, pageLink{Label: "›", Title: v.T("Next page"), Href: to(f.Page + 1), Rel: "next"})
	}
	return links
}
