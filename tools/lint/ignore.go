package main

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/analysis/lint"
)

// exception is a kind of finding that is none.
type exception struct {
	linter  string         // a pattern of names
	file    *regexp.Regexp // nil: any
	message string         // what the message begins with
	code    string         // what the line of code contains
}

var (
	tests   = regexp.MustCompile(`_test\.go$`)
	support = regexp.MustCompile(`(_test\.go|test/[a-z_]+\.go)$`)
)

var exceptions = []exception{
	// A test makes requests without a context, and hands bodies to helpers
	// that close them, which bodyclose does not see.
	{linter: "noctx", file: support},
	{linter: "bodyclose", file: support},
	// What a test fails to close goes away with its process.
	{linter: "errcheck", file: tests, code: "Close"},
	// Types that tests fill and compare by reflection.
	{linter: "unused", file: tests, message: "field"},
	// A test names its own doubles as it likes.
	{linter: "ST10*", file: tests},
	{linter: "documented", file: tests},
	{linter: "errname", file: tests},
	// A list of errors is called Errors, as the word says.
	{linter: "errname", message: "the error type name `Errors`"},
}

// directive is a comment lint:ignore. It is about its line, or about what begins
// after it, and never about what stands above it.
type directive struct {
	lint.Directive
	file  string
	lines [2]int
	used  bool
}

// found are the directives of the package, which are read once: a process looks at one package.
type found struct {
	once sync.Once
	mu   sync.Mutex
	all  []*directive
}

func (f *found) in(pass *analysis.Pass) []*directive {
	f.once.Do(func() {
		for _, d := range lint.ParseDirectives(pass.Files, pass.Fset) {
			at := pass.Fset.Position(d.Directive.Pos())
			next := max(at.Line, pass.Fset.Position(d.Node.Pos()).Line)
			f.all = append(f.all, &directive{Directive: d, file: at.Filename, lines: [2]int{at.Line, next}})
		}
	})
	return f.all
}

// directed returns the analyzers without what is an exception, or ignored by a
// directive, and with one more that reports directives without a reason or a use.
func directed(all []*analysis.Analyzer) []*analysis.Analyzer {
	directives := &found{}
	for _, a := range all {
		run := a.Run
		a.Run = func(pass *analysis.Pass) (any, error) {
			generated := map[string]bool{}
			for _, f := range pass.Files {
				generated[pass.Fset.Position(f.FileStart).Filename] = ast.IsGenerated(f)
			}
			report := pass.Report
			pass.Report = func(d analysis.Diagnostic) {
				at := pass.Fset.Position(d.Pos)
				if generated[at.Filename] || excepted(pass, a.Name, at, d) || directives.ignore(pass, a.Name, at) {
					return
				}
				d.Message += " (" + a.Name + ")"
				report(d)
			}
			return run(pass)
		}
	}
	return append(slices.Clone(all), &analysis.Analyzer{
		Name:     "ignored",
		Doc:      "comments lint:ignore need a reason and a use",
		Requires: all,
		Run: func(pass *analysis.Pass) (any, error) {
			for _, d := range directives.in(pass) {
				switch {
				case d.Command != "ignore" || len(d.Arguments) < 2:
					pass.Reportf(d.Directive.Directive.Pos(), "write lint:ignore, the linters' names, and why")
				case !d.used:
					pass.Reportf(d.Directive.Directive.Pos(), "%s finds nothing here", d.Arguments[0])
				}
			}
			return nil, nil
		},
	})
}

func excepted(pass *analysis.Pass, linter string, at token.Position, d analysis.Diagnostic) bool {
	return slices.ContainsFunc(exceptions, func(e exception) bool {
		return matches(e.linter, linter) && (e.file == nil || e.file.MatchString(at.Filename)) &&
			strings.HasPrefix(d.Message, e.message) && (e.code == "" || strings.Contains(line(pass, at), e.code))
	})
}

// line is the line of the source that a position is in.
func line(pass *analysis.Pass, at token.Position) string {
	text, err := pass.ReadFile(at.Filename)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	return lines[at.Line-1]
}

func (f *found) ignore(pass *analysis.Pass, linter string, at token.Position) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	ignored := false
	for _, d := range f.in(pass) {
		if d.file == at.Filename && slices.Contains(d.lines[:], at.Line) && d.Command == "ignore" && len(d.Arguments) > 0 &&
			slices.Contains(strings.Split(d.Arguments[0], ","), linter) { // no patterns: they would ignore what nobody has seen
			d.used, ignored = true, true
		}
	}
	return ignored
}

func matches(pattern, name string) bool {
	ok, err := filepath.Match(pattern, name)
	return ok && err == nil
}
