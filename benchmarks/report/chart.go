package report

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// chart measures, in SVG user units.
const (
	width, labelWidth, barHeight, gap, head = 720, 240, 20, 8, 46
)

// Chart draws a workload as horizontal bars on a logarithmic scale, fastest
// first; highlight is the peer that is drawn in the accent colour.
func Chart(res bench.Result, highlight string) string {
	rows := slices.DeleteFunc(slices.Clone(res.Rows), func(m bench.Measure) bool { return m.Error != "" })
	slices.SortFunc(rows, func(a, b bench.Measure) int { return int(math.Copysign(1, a.NsPerOp-b.NsPerOp)) })
	low, high := math.Inf(1), 0.0
	for _, m := range rows {
		low, high = min(low, m.NsPerOp), max(high, m.NsPerOp)
	}
	low /= 2 // so that the fastest has a bar, too
	height := head + len(rows)*(barHeight+gap) + gap
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="system-ui, sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>%s: %s, nanoseconds per call, less is better</title>\n", html.EscapeString(res.Group), html.EscapeString(res.Name))
	b.WriteString(`<style>text{fill:#24292f}.bar{fill:#8c959f}.ours{fill:#0969da}@media(prefers-color-scheme:dark){text{fill:#d0d7de}.bar{fill:#6e7781}.ours{fill:#4493f8}}</style>` + "\n")
	fmt.Fprintf(&b, `<text x="0" y="18" font-size="15" font-weight="600">%s</text><text x="0" y="36" opacity=".7">ns per call, less is better, logarithmic</text>`+"\n", html.EscapeString(res.Name))
	for i, m := range rows {
		y := head + i*(barHeight+gap)
		w := math.Log(m.NsPerOp/low) / math.Log(high/low) * (width - labelWidth - 80)
		class := "bar"
		if m.Peer == highlight {
			class = "ours"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="3"/><text x="%.1f" y="%d">%s</text>`+"\n",
			labelWidth-10, y+15, html.EscapeString(m.Peer), class, labelWidth, y, w, barHeight, float64(labelWidth)+w+8, y+15, number(m.NsPerOp))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
