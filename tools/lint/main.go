// Command lint is the tool of go vet that make lint runs: all linters of this
// repository, in one process for each package. Its results are kept in the
// build cache, so what has not changed is not looked at again.
//
//	go vet -vettool=bin/lint ./...
//
// What a linter finds and is meant stays, with its reason, on the line that it
// is about or on the line above:
//
//	//lint:ignore errorlint only a cycle of this call
package main

import (
	"encoding/json"
	"os"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

const repository = "github.com/reecho-go/reecho"

func main() {
	// go vet asks about the packages that are imported, too.
	if isForeign(os.Args[len(os.Args)-1]) {
		unitchecker.Main(forImports()...)
	}
	unitchecker.Main(suite()...)
}

// isForeign says whether the argument, a file in which go vet describes a
// package, describes one of another module. Of these only facts are wanted.
func isForeign(config string) bool {
	if !strings.HasSuffix(config, ".cfg") {
		return false
	}
	var pkg struct {
		ImportPath string
		VetxOnly   bool
	}
	text, err := os.ReadFile(config)
	if err != nil || json.Unmarshal(text, &pkg) != nil {
		return false // unitchecker says what is wrong with it
	}
	return pkg.VetxOnly && pkg.ImportPath != repository && !strings.HasPrefix(pkg.ImportPath, repository+"/")
}

// forImports are the analyzers that learn something from imported packages
// which nothing else tells: what is deprecated. The names of functions like
// Printf, and what has no effect, are known for the standard library, and
// learned for packages of this repository.
func forImports() []*analysis.Analyzer {
	return named(staticchecks(), "SA1019")
}
