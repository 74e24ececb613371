package workloads

import (
	"errors"

	"github.com/reecho-go/reecho/benchmarks/bench"
)

// Headline is the workload that the README shows.
const Headline = "struct key with slice, 100 rows"

// Groups are the names of all groups, in the order of the report.
func Groups() []string { return []string{"hit", "stack"} }

// Of prepares the workloads of the given groups.
func Of(groups ...string) ([]bench.Workload, error) {
	var out []bench.Workload
	var errs []error
	add := func(ws []bench.Workload, err error) { out, errs = append(out, ws...), append(errs, err) }
	for _, g := range groups {
		switch g {
		case "hit":
			add(Hit(false))
			add(Hit(true))
		case "stack":
			add(Stack())
		}
	}
	return out, errors.Join(errs...)
}
