package plot

import (
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"testing"
)

func TestTicksAreRoundAndCover(t *testing.T) {
	t.Parallel()
	tests := []struct {
		highest float64
		count   int
		want    string
	}{
		{0, 5, "[0 1]"},
		{1, 5, "[0 1]"},
		{5, 5, "[0 1 2 3 4 5]"},
		{6, 5, "[0 2 4 6]"},
		{147, 5, "[0 50 100 150]"},
		{908, 4, "[0 500 1000]"},
		{-3, 5, "[0 1]"},
		{math.NaN(), 5, "[0 1]"},
		{math.Inf(1), 5, "[0 1]"},
		{100, 0, "[0 100]"},
		{101, 1, "[0 200]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(Ticks(tt.highest, tt.count)); got != tt.want {
			t.Errorf("Ticks(%v, %d) = %s, want %s", tt.highest, tt.count, got, tt.want)
		}
	}
}

func FuzzTicks(f *testing.F) {
	f.Add(147.0, 5)
	f.Add(1e300, 3)
	f.Fuzz(func(t *testing.T, highest float64, count int) {
		count = 1 + int(uint(count)%20)
		ticks := Ticks(highest, count)
		last := ticks[len(ticks)-1]
		if len(ticks) < 2 || len(ticks) > count+1 || ticks[0] != 0 {
			t.Fatalf("%v, %d: %v", highest, count, ticks)
		}
		if !math.IsNaN(highest) && !math.IsInf(highest, 0) && last < highest {
			t.Errorf("%v, %d: %v does not cover", highest, count, ticks)
		}
		lead := fmt.Sprintf("%.0e", ticks[1])[0]
		if !strings.ContainsRune("125", rune(lead)) {
			t.Errorf("%v, %d: the step of %v is not round", highest, count, ticks)
		}
	})
}

// The example of Snyder's manual, page 291, for a sphere of radius 1.
func TestAlbersAgreesWithSnyder(t *testing.T) {
	t.Parallel()
	x, y := newAlbers(Place{Lat: 23, Lon: -96}, 29.5, 45.5).project(Place{Lat: 35, Lon: -75})
	if math.Abs(x-0.2952720) > 1e-7 || math.Abs(-y-0.2416774) > 1e-7 {
		t.Errorf("got %.7f, %.7f; want 0.2952720, 0.2416774", x, -y)
	}
}

// A cell of one degree keeps its area wherever it is.
func TestAlbersKeepsAreas(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]albers{"contiguous": contiguous, "hawaii": hawaii} {
		for lat := 19.0; lat < 49; lat += 3 {
			for lon := -160.0; lon < -66; lon += 7 {
				const d = 0.01
				x0, y0 := a.project(Place{lat, lon})
				x1, y1 := a.project(Place{lat + d, lon})
				x2, y2 := a.project(Place{lat, lon + d})
				got := math.Abs((x1-x0)*(y2-y0) - (x2-x0)*(y1-y0))
				want := radians(d) * (math.Sin(radians(lat+d)) - math.Sin(radians(lat)))
				if math.Abs(got/want-1) > 1e-3 {
					t.Errorf("%s at %v,%v: area is off by %.2g", name, lat, lon, got/want-1)
				}
			}
		}
	}
}

func TestMapHoldsTheStatesAndHawaii(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Place{
		"Cape Flattery": {48.38, -124.73}, "Key West": {24.55, -81.78}, "West Quoddy Head": {44.82, -66.95},
		"Brownsville": {25.9, -97.5}, "Northwest Angle": {49.38, -95.15}, "San Diego": {32.5, -117.2},
		"Lihue": {21.98, -159.34}, "Hilo": {19.72, -155.05},
	} {
		x, y := onMap(p)
		if x < 4 || x > width-4 || y < 4 || y > mapHeight-4 {
			t.Errorf("%s is drawn at %.0f,%.0f, outside the map", name, x, y)
		}
	}
}

const nasty = `<script>"'&` + "\u00e9"

// drawings is one of each kind, with text that must be escaped.
func drawings() map[string]template.HTML {
	c := Chart{ID: "x", Title: nasty, Desc: nasty, Format: func(f float64) string { return fmt.Sprint(nasty, f) }}
	return map[string]template.HTML{
		"bars":        Bars(c, []Bar{{Label: nasty, Value: 3, Text: nasty, Tip: nasty}, {Label: "b", Value: 6}}),
		"linked bars": Bars(c, []Bar{{Label: nasty, Value: 3, Text: nasty, Tip: nasty, Href: "/?a=1&b=" + nasty}}),
		"no bars":     Bars(Chart{}, nil),
		"line":        Line(c, []Point{{Value: 1, Tip: nasty, Tick: nasty}, {Value: 4}, {Value: 2}}),
		"one point":   Line(c, []Point{{Value: 1}}),
		"no points":   Line(Chart{}, nil),
		"map":         Map(c, "/places.svg#places", []Dot{{Place{33, -97}, 9, nasty, nasty}, {Place{41, -87}, 4, "ORD", ""}}),
		"empty map":   Map(Chart{}, "", nil),
	}
}

func TestDrawingsAreWellFormedAndEscaped(t *testing.T) {
	t.Parallel()
	for name, svg := range drawings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := xml.NewDecoder(strings.NewReader(string(svg)))
			var elements []string
			for {
				token, err := d.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%v in %s", err, svg)
				}
				if e, ok := token.(xml.StartElement); ok {
					elements = append(elements, e.Name.Local)
					for _, a := range e.Attr {
						if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
							t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
						}
					}
				}
			}
			for _, e := range elements {
				if e == "script" {
					t.Error("text became an element")
				}
			}
			if len(elements) < 3 || elements[0] != "svg" || elements[1] != "title" || elements[2] != "desc" {
				t.Errorf("it does not begin with its title and description: %v", elements)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for name, svg := range drawings() {
		want := `role="img" aria-labelledby="`
		if name == "linked bars" {
			want = `role="group" aria-labelledby="`
		}
		if !strings.Contains(string(svg), want) {
			t.Errorf("%s: no %s", name, want)
		}
	}
}

// Bars are as long, and circles as large, as their values are to each other.
func TestMarksAreInProportion(t *testing.T) {
	t.Parallel()
	bars := attributes(t, Bars(Chart{}, []Bar{{Value: 50}, {Value: 25}, {Value: 100}}), "rect", "bar", "width")
	if len(bars) != 3 || math.Abs(bars[0]/bars[1]-2) > 0.01 || math.Abs(bars[2]/bars[0]-2) > 0.01 {
		t.Errorf("bars of 50, 25, 100 are %v long", bars)
	}
	dots := attributes(t, Map(Chart{}, "", []Dot{{Value: 100}, {Value: 400}}), "circle", "dot", "r")
	if len(dots) != 2 || math.Abs(dots[0]*dots[0]/(dots[1]*dots[1])-4) > 0.1 {
		t.Errorf("circles of 400 and 100 have the radii %v", dots)
	}
	points := attributes(t, Line(Chart{}, []Point{{Value: 0}, {Value: 50}, {Value: 100}}), "circle", "point shown", "cy")
	if len(points) != 3 || math.Abs((points[0]-points[1])-(points[1]-points[2])) > 0.2 || points[0] <= points[2] {
		t.Errorf("points of 0, 50, 100 are at heights %v", points)
	}
}

// attributes is one attribute of every element of a class, as numbers.
func attributes(t *testing.T, svg template.HTML, element, class, attribute string) []float64 {
	t.Helper()
	var all []float64
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != element {
			continue
		}
		values := map[string]string{}
		for _, a := range e.Attr {
			values[a.Name.Local] = a.Value
		}
		if values["class"] == class {
			var f float64
			if _, err := fmt.Sscan(values[attribute], &f); err != nil {
				t.Fatal(err)
			}
			all = append(all, f)
		}
	}
}

func TestNamesNeverOverlap(t *testing.T) {
	t.Parallel()
	var dots []Dot
	for i := range 40 {
		dots = append(dots, Dot{Place: Place{40 + float64(i%5)/4, -74 - float64(i/5)/3}, Value: float64(1 + i), Name: "ABC"})
	}
	var taken []box
	for _, d := range dots {
		x, y := onMap(d.Place)
		if b, ok := place(x, y, 4, d.Name, &taken); ok {
			for _, other := range taken[:len(taken)-1] {
				if b.overlaps(other) {
					t.Errorf("%v overlaps %v", b, other)
				}
			}
		}
	}
	if len(taken) == 0 || len(taken) == len(dots) {
		t.Errorf("%d of %d crowded names were placed", len(taken), len(dots))
	}
}
