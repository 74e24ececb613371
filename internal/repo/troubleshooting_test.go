package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// quoted is a heading of the page, of a text in code.
var quoted = regexp.MustCompile("(?m)^### `(.+)`$")

// Every text that the page explains is one that the source still has. A "…" stands
// for what differs from case to case.
func TestTroubleshootingQuotesTheSource(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	headings := quoted.FindAllStringSubmatch(string(page), -1)
	if len(headings) < 30 {
		t.Fatalf("docs/troubleshooting.md explains %d texts: too few to be all", len(headings))
	}
	texts := sourceTexts(t)
	for _, heading := range headings {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, heading[1]) }) {
			t.Errorf("docs/troubleshooting.md explains %q, which no text of the source has", heading[1])
		}
	}
}

func TestTextsOfTheSource(t *testing.T) {
	t.Parallel()
	const code = "package p\n\nvar a = \"x is %d: \" + `use %.80q` + \"!\"\n\nfunc f() { g(\"100%%, %s\" + b) }\n"
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := textsOf(file)
	for _, want := range []string{"x is …: use …!", "100%, …"} {
		if !slices.Contains(got, want) {
			t.Errorf("textsOf() = %q, without %q", got, want)
		}
	}
}

// sourceTexts are the texts in the code of all packages, without that of tests.
func sourceTexts(t *testing.T) []string {
	t.Helper()
	var texts []string
	for _, name := range files(t, "*.go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, textsOf(file)...)
	}
	return texts
}

// textsOf are the texts of a file, each with "…" for its verbs.
func textsOf(file *ast.File) []string {
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text := constant(e)
		if text == "" {
			return true
		}
		text = strings.ReplaceAll(verb.ReplaceAllString(text, "…"), "%%", "%")
		texts = append(texts, text)
		return false
	})
	return texts
}

var verb = regexp.MustCompile(`%[-+# 0]*(?:\d+|\*)?(?:\.\d*)?[a-zA-Z]`)

// constant is the text of an expression of literals, as far as it is one.
func constant(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if text, err := strconv.Unquote(e.Value); err == nil {
				return text
			}
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return constant(e.X) + constant(e.Y)
		}
	}
	return ""
}
