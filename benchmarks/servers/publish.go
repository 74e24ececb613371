package main

import (
	"path/filepath"
	"slices"

	"github.com/reecho-go/reecho/benchmarks/report"
)

// inReadme are the groups of which the README has a table.
var inReadme = []string{"cluster", "loopback"}

// publish writes everything that is committed, below the repository's folder, and
// returns the paths.
func publish(r report.Run, name, repository string) ([]string, error) {
	paths, err := r.Write(filepath.Join(repository, "benchmarks", "results"), name)
	if err != nil {
		return paths, err
	}
	readme := filepath.Join(repository, "README.md")
	for _, group := range inReadme {
		if !r.Has(group) {
			continue
		}
		if err := report.Between(readme, "measured:"+group, "\n"+r.Overview(group)+"\n"); err != nil {
			return paths, err
		}
		if !slices.Contains(paths, readme) {
			paths = append(paths, readme)
		}
	}
	return paths, nil
}
