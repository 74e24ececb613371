package dashboard

import (
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/cachedata"
)

// line is a chart of values over time. A missing value is a gap.
type line struct {
	Width, Height int
	Paths         []string // for the attribute points of polylines
	Area          string   // below the first path; empty: none
	Top           string   // the label of the upper edge
	Label         string   // a description for screen readers
}

// value is a point of a line; ok is false if it is missing.
type value struct {
	v  float64
	ok bool
}

// newLine returns a chart of values between 0 and top.
func newLine(width, height int, top float64, label string, all ...[]value) *line {
	l := &line{Width: width, Height: height, Label: label}
	for i, values := range all {
		var runs [][]string
		fresh := true
		for x, v := range values {
			if !v.ok {
				fresh = true
				continue
			}
			if fresh {
				runs = append(runs, nil)
				fresh = false
			}
			run := &runs[len(runs)-1]
			*run = append(*run, point(x, len(values), width, height, v.v/top))
		}
		for _, run := range runs {
			if len(run) == 1 {
				x, y, _ := strings.Cut(run[0], ",")
				left, _ := strconv.ParseFloat(x, 64)
				run = append(run, number(left+1)+","+y)
			}
			l.Paths = append(l.Paths, strings.Join(run, " "))
			if i == 0 && len(runs) == 1 {
				first, _, _ := strings.Cut(run[0], ",")
				last, _, _ := strings.Cut(run[len(run)-1], ",")
				l.Area = first + "," + strconv.Itoa(height) + " " + strings.Join(run, " ") + " " + last + "," + strconv.Itoa(height)
			}
		}
	}
	return l
}

// minSamples is the least number of samples that fill the width of a chart. Fewer samples are drawn
// at its right side.
const minSamples = 30

func point(i, n, width, height int, part float64) string {
	window := max(n, minSamples)
	x := float64(width) * float64(i+window-n) / float64(window-1) // the latest sample is on the right
	y := float64(height-2)*(1-min(max(part, 0), 1)) + 1
	return number(x) + "," + number(y)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// ratios returns the hit ratios.
func ratios(all []sample) []value {
	values := make([]value, len(all))
	for i, s := range all {
		values[i] = value{float64(s.ratio), s.calls > 0}
	}
	return values
}

// ratioLine returns a chart of the hit ratio.
func ratioLine(all []sample, width, height int) *line {
	l := newLine(width, height, 1, "hit ratio over the last minutes", ratios(all))
	if len(l.Paths) == 0 {
		return nil
	}
	return l
}

// timesLine returns a chart of the durations of loads.
func timesLine(all []sample, width, height int) *line {
	var p50, p99 []value
	top := 0.0
	for _, s := range all {
		p50, p99 = append(p50, value{float64(s.p50), s.p50 > 0}), append(p99, value{float64(s.p99), s.p99 > 0})
		top = max(top, float64(s.p99))
	}
	if top == 0 {
		return nil
	}
	// Slow first, so that the area is below the slow loads.
	l := newLine(width, height, top*1.1, "load times over the last minutes", p99, p50)
	l.Top = span(time.Duration(top * 1.1 * float64(time.Second)))
	return l
}

// bar is one bar of a histogram.
type bar struct {
	X, Y, Width, Height float64
	Title               string
}

// bars is a histogram.
type bars struct {
	Width, Height int
	Bars          []bar
	From, To      string
	Label         string
}

// loadBars returns the histogram of load times, from the first to the last element that is
// not empty.
func loadBars(h cachedata.Histogram, width, height int) *bars {
	first, last, most := -1, 0, uint64(0)
	for i, n := range h {
		if n > 0 {
			if first < 0 {
				first = i
			}
			last, most = i, max(most, n)
		}
	}
	if first < 0 {
		return nil
	}
	first, last = max(first-1, 0), min(last+1, len(h)-1)
	b := &bars{Width: width, Height: height, Label: "how long loads took"}
	step := float64(width) / float64(last-first+1)
	for i := first; i <= last; i++ {
		bound, ok := h.Bound(i)
		title := "at most " + span(bound)
		if !ok {
			longest, _ := h.Bound(len(h) - 2)
			title = "more than " + span(longest)
		}
		tall := float64(h[i]) / float64(most) * float64(height-4)
		if h[i] > 0 {
			tall = max(tall, 2)
		}
		b.Bars = append(b.Bars, bar{
			X: round(float64(i-first)*step + 1), Y: round(float64(height) - tall), Width: round(max(step-2, 1)), Height: round(tall),
			Title: count(h[i]) + " " + title,
		})
	}
	if first > 0 {
		bound, _ := h.Bound(first - 1)
		b.From = span(bound)
	} else {
		b.From = "0"
	}
	if bound, ok := h.Bound(last); ok {
		b.To = span(bound)
	} else {
		b.To = "longer"
	}
	return b
}

func round(v float64) float64 { return float64(int(v*10+0.5)) / 10 }
