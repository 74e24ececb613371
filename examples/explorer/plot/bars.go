package plot

import (
	"html"
	"html/template"
)

// A Bar is one row of [Bars].
type Bar struct {
	Label string
	Value float64
	Text  string // the value as the reader's language writes it
	Tip   string // more, for the pointer and for screen readers
	Href  string // where a click leads; a path of this site, or empty
}

// Bars draws horizontal bars from 0, the first on top. Each label stands above
// its bar, so that long ones fit on a phone.
func Bars(c Chart, bars []Bar) template.HTML {
	const (
		row    = 36.0
		left   = 2.0
		right  = width - 14.0
		bottom = 26.0
	)
	highest, linked := 0.0, false
	for _, b := range bars {
		highest = max(highest, b.Value)
		linked = linked || b.Href != ""
	}
	ticks := Ticks(highest, 5)
	x := func(v float64) float64 { return left + (right-left)*v/ticks[len(ticks)-1] }
	floor := row*float64(len(bars)) + 4

	s := open(c, floor+bottom, linked)
	s.raw(`<g aria-hidden="true">`)
	for i, t := range ticks {
		s.line("grid", x(t), 0, x(t), floor)
		class := "tick middle"
		switch i {
		case 0:
			class = "tick"
		case len(ticks) - 1:
			class = "tick end"
		}
		s.text(class, x(t), floor+18, c.number(t))
	}
	s.raw(`</g>`)
	for i, b := range bars {
		y := row * float64(i)
		if b.Href != "" {
			s.raw(`<a class="row" href="%s" aria-label="%s">`, html.EscapeString(b.Href), html.EscapeString(b.Tip))
		} else {
			s.raw(`<g class="row">`)
		}
		s.tip(b.Tip)
		s.raw(`<rect class="hit" x="0" y="%s" width="%d" height="%s"/>`, num(y), width, num(row))
		s.text("label", left, y+17, b.Label)
		s.text("value end", right, y+17, b.Text)
		s.raw(`<rect class="bar" x="%s" y="%s" width="%s" height="9" rx="2"/>`, num(left), num(y+23), num(x(b.Value)-left))
		if b.Href != "" {
			s.raw(`</a>`)
		} else {
			s.raw(`</g>`)
		}
	}
	return s.close()
}
