package main

import (
	"slices"

	"4d63.com/gocheckcompilerdirectives/checkcompilerdirectives"
	"codeberg.org/polyfloyd/go-errorlint/errorlint"
	errname "github.com/Antonboom/errname/pkg/analyzer"
	"github.com/alexkohler/nakedret/v2"
	"github.com/breml/bidichk/pkg/bidichk"
	"github.com/charithe/durationcheck"
	"github.com/curioswitch/go-reassign"
	"github.com/gordonklaus/ineffassign/pkg/ineffassign"
	"github.com/gostaticanalysis/nilerr"
	"github.com/kisielk/errcheck/errcheck"
	"github.com/ldez/usetesting"
	"github.com/maratori/testableexamples/pkg/testableexamples"
	"github.com/nishanths/predeclared/passes/predeclared"
	"github.com/ryanrolds/sqlclosecheck/pkg/analyzer"
	usestdlibvars "github.com/sashamelentyev/usestdlibvars/pkg/analyzer"
	"github.com/sonatard/noctx"
	"github.com/timakin/bodyclose/passes/bodyclose"
	fatcontext "go.augendre.info/fatcontext/pkg/analyzer"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/suite/fix"
	"golang.org/x/tools/go/analysis/suite/vet"
	"honnef.co/go/tools/analysis/lint"
	"honnef.co/go/tools/quickfix"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
)

// suite is the list of linters: our own, since the defaults of a tool change.
// What is left out has its reason beside it.
func suite() []*analysis.Analyzer {
	errcheck.DefaultExcludedSymbols = append(errcheck.DefaultExcludedSymbols,
		// These report through the writer's own state or cannot fail.
		"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln",
		// Nothing can be done when closing after reading fails.
		"(io.ReadCloser).Close",
	)
	// errors.New values that a function in the same package returns bare are
	// compared directly on hot paths; what crosses a package uses errors.Is.
	wrapped := with(errorlint.NewAnalyzer(), "comparison", "false")

	all := slices.Concat(
		vet.Suite,
		without(fix.Suite,
			// The older forms are as clear, and cost less where types and
			// values are walked by reflection on a hot path.
			"slicesbackward", "slicesclip", "stditerators",
			// They are part of vet, too.
			"buildtag", "hostport", "stringintconv",
		),
		without(staticchecks(),
			// Names of initials: the linter's list of them is not ours.
			"ST1003",
		),
		[]*analysis.Analyzer{
			// Mistakes.
			bidichk.NewAnalyzer(), // invisible characters
			bodyclose.Analyzer,
			checkcompilerdirectives.Analyzer(),
			durationcheck.Analyzer, // a duration times a duration
			errcheck.Analyzer,
			fatcontext.NewAnalyzer(), // contexts that grow in a loop
			ineffassign.Analyzer,
			nilerr.Analyzer,
			noctx.Analyzer,
			analyzer.NewDeferOnlyAnalyzer(), // rows and statements that are not closed
			unusedCode,
			usetesting.NewAnalyzer(),
			wrapped,

			// Rules of ours.
			documented,
			initless,
			reassign.NewAnalyzer(), // other packages' variables
			todo,

			// Style that a reader would stumble over.
			errname.New(),
			misspelt,
			nakedret.NakedReturnAnalyzer(&nakedret.NakedReturnRunner{MaxLength: 30}),
			predeclared.Analyzer,
			testableexamples.NewAnalyzer(),
			usestdlibvars.New(),
		},
	)
	return directed(all)
}

// staticchecks are the analyzers of staticcheck, https://staticcheck.dev.
func staticchecks() (all []*analysis.Analyzer) {
	for _, a := range slices.Concat([]*lint.Analyzer(staticcheck.Analyzers), simple.Analyzers, stylecheck.Analyzers, quickfix.Analyzers) {
		all = append(all, a.Analyzer)
	}
	return all
}

func named(all []*analysis.Analyzer, names ...string) []*analysis.Analyzer {
	return slices.DeleteFunc(slices.Clone(all), func(a *analysis.Analyzer) bool { return !slices.Contains(names, a.Name) })
}

func without(all []*analysis.Analyzer, names ...string) []*analysis.Analyzer {
	if len(named(all, names...)) != len(names) {
		panic("lint: no analyzers have these names: " + names[0] + " and others beside it")
	}
	return slices.DeleteFunc(slices.Clone(all), func(a *analysis.Analyzer) bool { return slices.Contains(names, a.Name) })
}

// with returns an analyzer with one of its settings set.
func with(a *analysis.Analyzer, setting, value string) *analysis.Analyzer {
	if err := a.Flags.Set(setting, value); err != nil {
		panic(err)
	}
	return a
}
