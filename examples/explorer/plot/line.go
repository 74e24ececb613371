package plot

import (
	"html/template"
	"strings"
)

// A Point is one step of a [Line].
type Point struct {
	Value float64
	Tip   string // what the pointer is told
	Tick  string // what the axis says below it; empty for most points
}

// Line draws evenly spaced values as a line over a filled area.
func Line(c Chart, points []Point) template.HTML {
	const (
		height = 306.0
		left   = 44.0
		right  = width - 8.0
		top    = 10.0
		floor  = height - 30.0
	)
	highest := 0.0
	for _, p := range points {
		highest = max(highest, p.Value)
	}
	ticks := Ticks(highest, 5)
	step := (right - left) / float64(max(len(points), 1))
	x := func(i int) float64 { return left + step*(float64(i)+0.5) }
	y := func(v float64) float64 { return floor - (floor-top)*v/ticks[len(ticks)-1] }

	s := open(c, height, false)
	for _, t := range ticks {
		s.line("grid", left, y(t), right, y(t))
		s.text("tick end", left-8, y(t)+4, c.number(t))
	}
	for i, p := range points {
		if p.Tick != "" {
			s.line("notch", x(i), floor, x(i), floor+5)
			s.text("tick middle", x(i), floor+22, p.Tick)
		}
	}
	if len(points) > 1 {
		var path strings.Builder
		for i, p := range points {
			path.WriteString(" L" + num(x(i)) + " " + num(y(p.Value)))
		}
		line := strings.TrimPrefix(path.String(), " L")
		s.raw(`<path class="area" d="M%s %s L%s L%s %sZ"/>`, num(x(0)), num(floor), line, num(x(len(points)-1)), num(floor))
		s.raw(`<path class="line" d="M%s"/>`, line)
	}
	for i, p := range points {
		class := "point"
		if len(points) <= 24 {
			class = "point shown"
		}
		s.raw(`<g class="step">`)
		s.tip(p.Tip)
		s.raw(`<rect class="hit" x="%s" y="%s" width="%s" height="%s"/>`, num(left+step*float64(i)), num(top), num(step), num(floor-top))
		s.raw(`<circle class="%s" cx="%s" cy="%s" r="3.5"/></g>`, class, num(x(i)), num(y(p.Value)))
	}
	return s.close()
}
