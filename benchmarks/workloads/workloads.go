// Package workloads is what the benchmarks do: one file per group.
package workloads

import (
	"slices"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// Peers whose rows the documents show.
const (
	Ours          = "reecho"
	ByHand        = "hand-written" // code for one type, with ordinary loops
	Hashstructure = "hashstructure"
	Copier        = "copier"
)

// Headline is the workload that the README shows.
const Headline = "struct key with slice, 100 rows"

// groups are all groups, in the order of the report.
var groups = []struct {
	name      string
	workloads func() []bench.Workload
}{
	{"hit", func() []bench.Workload { return slices.Concat(Hit(false), Hit(true)) }},
	{"resource", Resource},
	{"stampede", Stampede},
	{"stall", Stall},
	{"races", Races},
	{"pages", Pages},
	{"ratio", HitRatio},
	{"memory", Memory},
	{"key", Key},
	{"copy", Copy},
	{"stack", Stack},
	{"responses", Responses},
	{"query", Query},
	{"visitor", Visitor},
	{"session", Session},
}

// Groups are the names of all groups.
func Groups() []string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

// Of are the workloads of the given groups.
func Of(names ...string) []bench.Workload {
	var out []bench.Workload
	for _, g := range groups {
		if slices.Contains(names, g.name) {
			out = append(out, g.workloads()...)
		}
	}
	return out
}
