package plot

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strings"
)

// A Dot is one circle on a [Map]; its area is in proportion to Value.
type Dot struct {
	Place Place
	Value float64
	Name  string // a short one, written beside the dot where there is room
	Tip   string
}

// Backdrop is the path of one speck for each place: enough places draw a
// country without a single border. It takes longer than the rest of a map, so
// keep it.
func Backdrop(places []Place) string {
	var path strings.Builder
	seen := map[[2]int]bool{}
	for _, p := range places {
		x, y := onMap(p)
		cell := [2]int{int(math.Round(x * 2)), int(math.Round(y * 2))}
		if seen[cell] || x < 0 || x > width || y < 0 || y > mapHeight {
			continue
		}
		seen[cell] = true
		path.WriteString("M" + num(float64(cell[0])/2) + " " + num(float64(cell[1])/2) + "h0")
	}
	return path.String()
}

// BackdropID is the id of the path in what [BackdropFile] writes.
const BackdropID = "places"

// BackdropFile is a picture of a [Backdrop] alone. Pages refer to it, so that a browser
// fetches it once for all maps.
func BackdropFile(backdrop string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg"><path id="` + BackdropID + `" d="` + template.HTMLEscapeString(backdrop) + `"/></svg>`
}

// Map draws dots over a graticule of the United States without Alaska and over a
// backdrop, the URL of a path in a [BackdropFile], in an equal-area projection, the smallest dot on top.
func Map(c Chart, backdrop string, dots []Dot) template.HTML {
	dots = slices.SortedFunc(slices.Values(dots), func(a, b Dot) int { return cmp.Compare(b.Value, a.Value) })
	ticks := []float64{1}
	if len(dots) > 0 {
		ticks = Ticks(dots[0].Value, 4)
	}
	biggest := ticks[len(ticks)-1]
	radius := func(v float64) float64 { return max(18*math.Sqrt(v/biggest), 2) }

	s := open(c, mapHeight, false)
	s.raw(`<path class="graticule" d="%s"/>`, graticule())
	s.raw(`<use class="backdrop" href="%s"/>`, template.HTMLEscapeString(backdrop))
	s.raw(`<path class="frame" d="M6 238h120l22 22v48"/>`)
	taken := make([]box, 0, 2*len(dots))
	for _, d := range dots {
		x, y := onMap(d.Place)
		r := radius(d.Value)
		taken = append(taken, box{x - 0.8*r, y - 0.8*r, x + 0.8*r, y + 0.8*r})
		s.raw(`<circle class="dot" cx="%s" cy="%s" r="%s">`, num(x), num(y), num(r))
		s.tip(d.Tip)
		s.raw(`</circle>`)
	}
	for _, d := range dots {
		x, y := onMap(d.Place)
		label, ok := place(x, y, radius(d.Value), d.Name, &taken)
		if ok {
			s.text("name middle", (label.left+label.right)/2, label.bottom-2, d.Name)
		}
	}
	for i, t := range slices.Backward(ticks) {
		if i == 0 || i < len(ticks)-2 {
			break
		}
		x, r := 352+52*float64(len(ticks)-1-i), radius(t)
		s.raw(`<circle class="key" cx="%s" cy="%s" r="%s"/>`, num(x), num(mapHeight-20-r), num(r))
		s.text("tick middle", x, mapHeight-4, c.number(t))
	}
	return s.close()
}

// graticule is the meridians and parallels of the 48 states, every 10 degrees.
func graticule() string {
	var path strings.Builder
	trace := func(at func(i int) Place) {
		for i := range 21 {
			x, y := onMap(at(i))
			path.WriteString(string("ML"[min(i, 1)]) + num(x) + " " + num(y))
		}
	}
	for lon := -120.0; lon <= -70; lon += 10 {
		trace(func(i int) Place { return Place{Lat: 25 + float64(i)*1.25, Lon: lon} })
	}
	for lat := 30.0; lat <= 50; lat += 10 {
		trace(func(i int) Place { return Place{Lat: lat, Lon: -125 + float64(i)*2.95} })
	}
	return path.String()
}

type box struct{ left, top, right, bottom float64 }

func (b box) overlaps(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// place finds room for a name beside its dot: right, left, above or below. The
// first that overlaps nothing is taken; there may be none.
func place(x, y, r float64, name string, taken *[]box) (box, bool) {
	w, h := 7*float64(len([]rune(name)))+2, 12.0
	for _, b := range []box{
		{x + r + 1, y - h/2, x + r + 1 + w, y + h/2},
		{x - r - 1 - w, y - h/2, x - r - 1, y + h/2},
		{x - w/2, y - r - 1 - h, x + w/2, y - r - 1},
		{x - w/2, y + r + 1, x + w/2, y + r + 1 + h},
	} {
		if b.left < 0 || b.right > width || b.top < 0 || b.bottom > mapHeight-30 {
			continue
		}
		if slices.ContainsFunc(*taken, b.overlaps) {
			continue
		}
		*taken = append(*taken, b)
		return b, true
	}
	return box{}, false
}
