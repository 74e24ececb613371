// Package plot draws bars, lines and maps as SVG on the server, with nothing
// but the standard library.
//
// A plot has no colours of its own: every mark has a class, and app.css gives
// it one from its variables, so that dark and light need no second drawing.
// Plots carry no style attributes and no script, so they work under a strict
// Content-Security-Policy. All text is escaped.
//
// Each plot has a title and a description for those who do not see it. One
// whose marks are links is a group of links; any other is a single image.
package plot

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// width is the width of every plot in its own units; the page scales it.
const width = 480

// A Chart is what every plot says about itself.
type Chart struct {
	ID     string               // unique on the page, usable as an id
	Title  string               // what is drawn
	Desc   string               // what there is to see, in a sentence or two
	Format func(float64) string // numbers on axes; nil: as they are
}

func (c Chart) number(f float64) string {
	if c.Format == nil {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return c.Format(f)
}

// svg writes a drawing.
type svg struct{ b strings.Builder }

// open starts the drawing. A linked one is a group, since the parts of an
// image are hidden from screen readers.
func open(c Chart, height float64, linked bool) *svg {
	role := "img"
	if linked {
		role = "group"
	}
	s := &svg{}
	fmt.Fprintf(&s.b, `<svg class="plot" viewBox="0 0 %d %s" role="%s" aria-labelledby="%[4]s-title %[4]s-desc">`,
		width, num(height), role, html.EscapeString(c.ID))
	fmt.Fprintf(&s.b, `<title id="%[1]s-title">%s</title><desc id="%[1]s-desc">%s</desc>`,
		html.EscapeString(c.ID), html.EscapeString(c.Title), html.EscapeString(c.Desc))
	return s
}

func (s *svg) close() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String()) // every text went through html.EscapeString
}

// raw writes markup that is ours: constants and numbers.
func (s *svg) raw(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

func (s *svg) text(class string, x, y float64, text string) {
	s.raw(`<text class="%s" x="%s" y="%s">%s</text>`, class, num(x), num(y), html.EscapeString(text))
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	s.raw(`<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

// tip is what a browser shows when the pointer rests on a mark.
func (s *svg) tip(text string) { s.raw(`<title>%s</title>`, html.EscapeString(text)) }

// num is a coordinate to a tenth of a unit, as short as it can be.
func num(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}
