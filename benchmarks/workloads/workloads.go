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

// All are all groups, in the order of the report.
func All() bench.Groups {
	return bench.Groups{
		{Name: "hit", Workloads: func() []bench.Workload { return slices.Concat(Hit(false), Hit(true)) }},
		{Name: "resource", Workloads: Resource},
		{Name: "stampede", Workloads: Stampede},
		{Name: "stall", Workloads: Stall},
		{Name: "races", Workloads: Races},
		{Name: "pages", Workloads: Pages},
		{Name: "ratio", Workloads: HitRatio},
		{Name: "memory", Workloads: Memory},
		{Name: "key", Workloads: Key},
		{Name: "copy", Workloads: Copy},
		{Name: "stack", Workloads: Stack},
		{Name: "responses", Workloads: Responses},
		{Name: "query", Workloads: Query},
		{Name: "visitor", Workloads: Visitor},
		{Name: "session", Workloads: Session},
	}
}
