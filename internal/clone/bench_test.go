package clone_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/reecho-go/reecho/internal/clone"
)

type scalars struct {
	A int
	B float64
	C bool
	D time.Time
	E [4]uint32
}

type threeStrings struct{ A, B, C string }

type row struct {
	ID    int
	Name  string
	City  string
	Tags  []string
	Score float64
}

type node struct {
	Value int
	Name  string
	Kids  []*node
}

func rowsOf(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		id := strconv.Itoa(i)
		rows[i] = row{ID: i, Name: "name " + id, City: "city " + id, Tags: []string{"a" + id, "b", "c"}, Score: float64(i)}
	}
	return rows
}

func treeOf(n int) *node {
	root := &node{Name: "root"}
	level := []*node{root}
	for made := 1; made < n; {
		var next []*node
		for _, p := range level {
			for range 4 {
				if made < n {
					k := &node{Value: made, Name: strconv.Itoa(made)}
					p.Kids = append(p.Kids, k)
					next = append(next, k)
					made++
				}
			}
		}
		level = next
	}
	return root
}

func mapOf(n int) map[string]map[string]int {
	m := make(map[string]map[string]int, n)
	for i := range n {
		inner := make(map[string]int, n)
		for j := range n {
			inner["key "+strconv.Itoa(j)] = j
		}
		m["map "+strconv.Itoa(i)] = inner
	}
	return m
}

// The copies that somebody would write by hand: ordinary loops, one allocation per slice.

func handSame[V any](v V) V { return v }

func handRows(rows []row) []row {
	if rows == nil {
		return nil
	}
	out := make([]row, len(rows))
	for i, r := range rows {
		if r.Tags != nil {
			tags := make([]string, len(r.Tags))
			copy(tags, r.Tags)
			r.Tags = tags
		}
		out[i] = r
	}
	return out
}

func handTree(n *node) *node {
	if n == nil {
		return nil
	}
	out := *n
	if n.Kids != nil {
		out.Kids = make([]*node, len(n.Kids))
		for i, k := range n.Kids {
			out.Kids[i] = handTree(k)
		}
	}
	return &out
}

func handMap(m map[string]map[string]int) map[string]map[string]int {
	out := make(map[string]map[string]int, len(m))
	for k, inner := range m {
		to := make(map[string]int, len(inner))
		maps.Copy(to, inner)
		out[k] = to
	}
	return out
}

func handLists(m map[string][]int) map[string][]int {
	out := make(map[string][]int, len(m))
	for k, list := range m {
		to := make([]int, len(list))
		copy(to, list)
		out[k] = to
	}
	return out
}

func handBytes(b []byte) []byte {
	out := make([]byte, len(b))
	copy(out, b)
	return out
}

// handArena carves the tags of all rows from one allocation.
func handArena(rows []row) []row {
	total := 0
	for i := range rows {
		total += len(rows[i].Tags)
	}
	arena := make([]string, 0, total)
	out := slices.Clone(rows)
	for i := range out {
		start := len(arena)
		arena = append(arena, out[i].Tags...)
		out[i].Tags = arena[start:len(arena):len(arena)]
	}
	return out
}

// comparison measures a plan against a copy written by hand, in turns, so that both see the same machine.
type comparison struct {
	name string
	run  func(b *testing.B)
}

func compare[V any](name string, cfg clone.Config, v V, hand func(V) V) comparison {
	return comparison{name, func(b *testing.B) {
		p, err := clone.For[V](cfg)
		if err != nil {
			b.Fatal(err)
		}
		var sink V
		plan := func() { sink, _ = p.Copy(v) }
		byHand := func() { sink = hand(v) }
		n := 1
		for took(n, byHand) < 5*time.Millisecond {
			n *= 2
		}
		took(n, plan)
		var planned, handed, ratios []float64
		for b.Loop() {
			mp, mh := float64(took(n, plan)), float64(took(n, byHand))
			planned, handed, ratios = append(planned, mp), append(handed, mh), append(ratios, mp/mh)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(median(planned)/float64(n), "plan-ns")
		b.ReportMetric(median(handed)/float64(n), "hand-ns")
		b.ReportMetric(median(ratios), "ratio") // of pairs, which see the same load
		b.ReportMetric(testing.AllocsPerRun(10, plan), "plan-allocs")
		b.ReportMetric(testing.AllocsPerRun(10, byHand), "hand-allocs")
		_ = sink
	}}
}

func took(n int, f func()) time.Duration {
	start := time.Now()
	for range n {
		f()
	}
	return time.Since(start)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func listsOf(n int) map[string][]int {
	m := map[string][]int{}
	for i := range n {
		m["list "+strconv.Itoa(i)] = slices.Repeat([]int{i}, n)
	}
	return m
}

func comparisons() []comparison {
	return []comparison{
		compare("scalars", clone.Config{}, scalars{A: 1, D: time.Unix(1, 0)}, handSame),
		compare("3strings", clone.Config{}, threeStrings{"a", "b", "c"}, handSame),
		compare("rows100", clone.Config{}, rowsOf(100), handRows),
		compare("rows10000", clone.Config{}, rowsOf(10_000), handRows),
		compare("map100x100", clone.Config{}, mapOf(100), handMap),
		compare("lists100x100", clone.Config{}, listsOf(100), handLists),
		compare("flatmap10000", clone.Config{}, mapOf(1_000)["map 0"], maps.Clone),
		compare("tree1000", clone.Config{}, treeOf(1000), handTree),
		compare("bytes1MB", clone.Config{}, make([]byte, 1<<20), handBytes),
	}
}

func BenchmarkCopyAgainstHand(b *testing.B) {
	for _, c := range comparisons() {
		b.Run(c.name, c.run)
	}
}
