package main

import (
	"html/template"
	"strings"
	"time"

	"github.com/reecho-go/reecho/examples/explorer/plot"
	"github.com/reecho-go/reecho/examples/explorer/strikes"
)

// A chart is a drawing and a table of the same figures, for readers who cannot see the
// drawing or want the figures.
type chart struct {
	SVG   template.HTML
	Table table
}

// A table's first column names its rows; the others are numbers.
type table struct {
	Head []string
	Rows [][]cell
}

// A cell is a text and where it leads, if anywhere.
type cell struct{ Text, Href string }

// Empty reports that there is nothing to draw.
func (c chart) Empty() bool { return len(c.Table.Rows) == 0 }

func (t *table) add(href string, texts ...string) {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].Text = text
	}
	row[0].Href = href
	t.Rows = append(t.Rows, row)
}

// monthsChart draws strikes per month.
func monthsChart(r reader, months []strikes.Month) chart {
	t := table{Head: []string{r.T("Month"), r.T("Strikes")}}
	points := make([]plot.Point, len(months))
	top := 0
	for i, m := range months {
		points[i] = plot.Point{
			Value: float64(m.Strikes),
			Tip:   r.Month(m.Start) + ": " + r.Int(m.Strikes),
			Tick:  monthTick(months, i),
		}
		if m.Strikes > months[top].Strikes {
			top = i
		}
		t.add("", r.Month(m.Start), r.Int(m.Strikes))
	}
	if len(months) == 0 {
		return chart{Table: t}
	}
	return chart{Table: t, SVG: plot.Line(plot.Chart{
		ID:    "plot-months",
		Title: r.T("Strikes per month"),
		Desc: r.T("A line from %s to %s. The highest month is %s: %d.",
			r.Month(months[0].Start), r.Month(months[len(months)-1].Start), r.Month(months[top].Start), months[top].Strikes),
		Format: r.Number,
	}, points)}
}

// monthTick returns the label of the axis below a month: the year if there are several
// years, otherwise the month.
func monthTick(months []strikes.Month, i int) string {
	m := months[i].Start
	if len(months) <= 18 {
		if i%max(1, (len(months)+5)/6) != 0 {
			return ""
		}
		return m.Format("1/2006")
	}
	every := 1 + len(months)/12/7
	if m.Month() != time.January || m.Year()%every != 0 {
		return ""
	}
	return m.Format("2006")
}

// speciesChart draws the species that were struck most; each bar leads to its
// own strikes.
func speciesChart(r reader, species []strikes.Species, href func(species string) string) chart {
	t := table{Head: []string{r.T("Species"), r.T("Strikes"), r.T("Cost")}}
	bars := make([]plot.Bar, len(species))
	for i, s := range species {
		bars[i] = plot.Bar{
			Label: s.Name,
			Value: float64(s.Strikes),
			Text:  r.Int(s.Strikes),
			Tip:   r.T("%s, strikes: %d. Show only these.", s.Name, s.Strikes),
			Href:  href(s.Name),
		}
		t.add(bars[i].Href, s.Name, r.Int(s.Strikes), r.Dollars(s.Cost))
	}
	return chart{Table: t, SVG: plot.Bars(plot.Chart{
		ID:     "plot-species",
		Title:  r.T("Top species"),
		Desc:   r.T("Bars of the identified species that were struck most often. Each leads to its strikes."),
		Format: r.Number,
	}, bars)}
}

// phasesChart draws what the strikes of each phase of flight cost.
func phasesChart(r reader, phases []strikes.PhaseCost, href func(phase string) string) chart {
	t := table{Head: []string{r.T("Phase of flight"), r.T("Cost"), r.T("Strikes"), r.T("Strikes with costs")}}
	bars := make([]plot.Bar, len(phases))
	for i, p := range phases {
		bars[i] = plot.Bar{
			Label: r.T(p.Phase),
			Value: float64(p.Cost),
			Text:  r.Dollars(p.Cost),
			Tip:   r.T("%s: %s, strikes: %d. Show only these.", r.T(p.Phase), r.Dollars(p.Cost), p.Strikes),
			Href:  href(p.Phase),
		}
		t.add(bars[i].Href, r.T(p.Phase), r.Dollars(p.Cost), r.Int(p.Strikes), r.Int(p.Costly))
	}
	return chart{Table: t, SVG: plot.Bars(plot.Chart{
		ID:     "plot-phases",
		Title:  r.T("Cost by phase of flight"),
		Desc:   r.T("Bars of what strikes cost in each phase of flight, the most expensive first. Each leads to its strikes."),
		Format: r.ShortDollars,
	}, bars)}
}

// airportsChart maps strikes by airport over a backdrop of all airports.
func airportsChart(r reader, airports []strikes.Airport) chart {
	t := table{Head: []string{r.T("Airport"), r.T("Strikes"), r.T("Cost")}}
	dots := make([]plot.Dot, len(airports))
	for i, a := range airports {
		name := a.Label + " (" + a.IATA + ")"
		short := a.IATA
		if a.Note != "" {
			name = a.Label + " (" + r.T(a.Note) + ")"
			short, _, _ = strings.Cut(a.Label, " ")
		}
		dots[i] = plot.Dot{
			Place: plot.Place{Lat: a.Lat, Lon: a.Lon},
			Value: float64(a.Strikes),
			Name:  short,
			Tip:   r.T("%s, strikes: %d", name, a.Strikes),
		}
		t.add("", name, r.Int(a.Strikes), r.Dollars(a.Cost))
	}
	if len(airports) == 0 {
		return chart{Table: t}
	}
	return chart{Table: t, SVG: plot.Map(plot.Chart{
		ID:    "plot-airports",
		Title: r.T("Map of airports"),
		Desc: r.T("A map of the United States with a circle for each airport, its area in proportion to the strikes there. The largest is %s: %d.",
			airports[0].Label, airports[0].Strikes),
		Format: r.Number,
	}, backdropPath+"#"+plot.BackdropID, dots)}
}
