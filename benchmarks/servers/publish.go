package main

import (
	"path/filepath"

	"github.com/reecho-go/reecho/benchmarks/report"
)

// publish writes everything that is committed, below the repository's folder, and
// returns the paths.
func publish(r report.Run, name, repository string) ([]string, error) {
	paths, err := r.Write(filepath.Join(repository, "benchmarks", "results"), name)
	if err != nil || !r.Has("cluster") {
		return paths, err
	}
	readme := filepath.Join(repository, "README.md")
	return append(paths, readme), report.Between(readme, "measured:cluster", "\n"+r.Overview("cluster")+"\n")
}
