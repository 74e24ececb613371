package main

import (
	"github.com/OpenPeeDeeP/depguard/v2"
	"golang.org/x/tools/go/analysis"
)

// imports says who may import what. Packages whose name ends in test are made
// for tests.
func imports() *analysis.Analyzer {
	only := func(why, path string, allowed ...string) *depguard.List {
		files := []string{"$all", "!$test", "!**/benchmarks/**"}
		for _, pattern := range allowed {
			files = append(files, "!"+pattern)
		}
		return &depguard.List{Files: files, Deny: map[string]string{path: why}}
	}
	a, err := depguard.NewAnalyzer(&depguard.LinterSettings{
		"echo": only("echo stays at the edge, in packages echov4 and echov5", "github.com/labstack/echo",
			"**/*test/*.go", "**/echov4/*.go", "**/echov5/*.go", "**/examples/**"),
		"hashstructure": only("only internal/keys knows hashstructure", "github.com/mitchellh/hashstructure", "**/internal/keys/**"),
		"copier":        only("only cachedata/copiermap knows copier", "github.com/jinzhu/copier", "**/cachedata/copiermap/**"),
		"gorilla": only("only sessionstate/gorillastate knows gorilla's packages", "github.com/gorilla",
			"**/sessionstate/gorillastate/**", "**/examples/**"),
		"otter": only("only cachedata/engine.go knows otter", "github.com/maypok86/otter", "**/cachedata/engine.go"),
		"testing": {
			Files: []string{"$all", "!$test", "!**/*test/*.go"},
			Deny: map[string]string{
				"testing":                  "production code does not link the testing package",
				"go.uber.org/goleak":       "for tests only",
				"github.com/google/go-cmp": "for tests only",
				"net/http/httptest":        "for tests only",
			},
		},
	})
	if err != nil {
		panic(err)
	}
	return a
}
