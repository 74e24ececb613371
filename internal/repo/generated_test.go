package repo_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The marks of what a document shows of the source. The package comment
// explains them.
var (
	optionsMark = regexp.MustCompile(`(?s)<!-- options: (\S+) (\w+) -->\n.*?<!-- /options -->`)
	exampleMark = regexp.MustCompile("(?s)<!-- example: (\\S+) (\\w+) -->\n```go\n.*?```\n")
)

// What documents show of the source is what the source says now.
func TestDocumentsShowTheSource(t *testing.T) {
	t.Parallel()
	s := &theSource
	for _, file := range files(t, "*.md") {
		path := filepath.Join(root(t), file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := s.fill(t, string(text))
		switch {
		case want == string(text):
		case *update:
			if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s does not show the source as it is: run go test ./internal/repo -run TestDocumentsShowTheSource -update", file)
		}
	}
}

// Every type that configures something stands on the page of its package.
func TestPagesListAllOptions(t *testing.T) {
	t.Parallel()
	s := &theSource
	shown := make(map[string]bool)
	for _, page := range files(t, "*.md") {
		if filepath.Dir(page) != "docs/packages" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), page))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range optionsMark.FindAllStringSubmatch(string(text), -1) {
			shown[match[1]+" "+match[2]] = true
		}
	}
	seen := make(map[string]bool)
	for _, file := range files(t, "*.go") {
		dir := filepath.ToSlash(filepath.Dir(file))
		if seen[dir] || dir == "." || slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool {
			return slices.Contains([]string{"internal", "examples", "benchmarks", "tools", "contracts"}, part)
		}) {
			continue
		}
		seen[dir] = true
		for name := range s.of(t, dir).options {
			if !shown[dir+" "+name] {
				t.Errorf("no page of docs/packages has the options of %s.%s: add <!-- options: %s %s --> and <!-- /options -->, each on a line of its own", dir, name, dir, name)
			}
		}
	}
	if len(seen) < 10 || len(shown) < 20 {
		t.Errorf("found %d packages and %d tables of options: too few to be all", len(seen), len(shown))
	}
}

func TestTablesOfOptions(t *testing.T) {
	t.Parallel()
	const text = `package p

// Config configures a [Cache]. It is *small*.
//
// Second paragraph.
type Config struct {
	// TTL is how long, see
	// [Cache.Get] | not "*.x[y]". Default 0: for ever.
	TTL time.Duration
	// Default is what is there. Default: nothing.
	Default string
	// Min and Max are bounds.
	Min, Max *int
	hidden bool
	Hook func(ctx context.Context, what observe.CacheClear) // Hook runs after.
}
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	p := &parsedPackage{options: make(map[string]string), examples: make(map[string]string)}
	p.add(token.NewFileSet(), file, []byte(text))
	const want = "Config configures a `Cache`. It is \\*small\\*.\n\nSecond paragraph.\n\n" +
		"| option | type | what it does | default |\n|---|---|---|---|\n" +
		"| `TTL` | `time.Duration` | TTL is how long, see `Cache.Get` \\| not \"\\*.x[y]\". | 0: for ever |\n" +
		"| `Default` | `string` | Default is what is there. | nothing |\n" +
		"| `Min`, `Max` | `*int` | Min and Max are bounds. | |\n" +
		"| `Hook` | `func(ctx context.Context, what observe.CacheClear)` | Hook runs after. | |\n"
	if got := p.options["Config"]; got != want {
		t.Errorf("the table of the options is\n%s\nwant\n%s", got, want)
	}
}

// source holds the packages that documents show, each parsed once.
type source struct {
	mu       sync.Mutex
	packages map[string]*parsedPackage
}

// theSource is that of all tests.
var theSource = source{packages: make(map[string]*parsedPackage)}

// parsedPackage is what documents show of a package: the options of its types,
// and its examples.
type parsedPackage struct{ options, examples map[string]string }

// fill returns a document with what it shows of the source.
func (s *source) fill(t *testing.T, text string) string {
	t.Helper()
	text = optionsMark.ReplaceAllStringFunc(text, func(old string) string {
		match := optionsMark.FindStringSubmatch(old)
		table, ok := s.of(t, match[1]).options[match[2]]
		if !ok {
			t.Errorf("%s has no type %s with options", match[1], match[2])
			return old
		}
		return fmt.Sprintf("<!-- options: %s %s -->\n%s<!-- /options -->", match[1], match[2], table)
	})
	return exampleMark.ReplaceAllStringFunc(text, func(old string) string {
		match := exampleMark.FindStringSubmatch(old)
		code, ok := s.of(t, match[1]).examples[match[2]]
		if !ok {
			t.Errorf("%s has no function %s", match[1], match[2])
			return old
		}
		return fmt.Sprintf("<!-- example: %s %s -->\n```go\n%s```\n", match[1], match[2], code)
	})
}

// of parses a package with its tests.
func (s *source) of(t *testing.T, dir string) *parsedPackage {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.packages[dir]; p != nil {
		return p
	}
	p := &parsedPackage{options: make(map[string]string), examples: make(map[string]string)}
	names, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		p.add(fset, file, text)
	}
	s.packages[dir] = p
	return p
}

// configures are the names of types whose fields are options.
var configures = regexp.MustCompile(`^([A-Z]\w*)?(Config|Options)$|^(Funcs|Limits|Param)$`)

// add adds what a file has.
func (p *parsedPackage) add(fset *token.FileSet, file *ast.File, text []byte) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if strings.HasPrefix(decl.Name.Name, "Example") {
				p.examples[decl.Name.Name] = body(fset, decl, text)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				spec, ok := spec.(*ast.TypeSpec)
				if !ok || !configures.MatchString(spec.Name.Name) {
					continue
				}
				fields, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				doc := spec.Doc
				if doc == nil {
					doc = decl.Doc
				}
				p.options[spec.Name.Name] = table(doc, fields)
			}
		}
	}
}

// body returns the inside of a function, with its comments.
func body(fset *token.FileSet, f *ast.FuncDecl, text []byte) string {
	inside := text[fset.Position(f.Body.Lbrace).Offset+1 : fset.Position(f.Body.Rbrace).Offset]
	var out strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(string(inside), "\n")) {
		out.WriteString(strings.TrimPrefix(line, "\t"))
	}
	return out.String()
}

// table describes the fields of a type in Markdown.
func table(doc *ast.CommentGroup, fields *ast.StructType) string {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(doc.Text()), "\n\n") {
		out.WriteString(prose(paragraph) + "\n\n")
	}
	out.WriteString("| option | type | what it does | default |\n|---|---|---|---|\n")
	for _, field := range fields.Fields.List {
		var names []string
		for _, name := range field.Names {
			if name.IsExported() {
				names = append(names, "`"+name.Name+"`")
			}
		}
		if len(names) == 0 {
			continue
		}
		text := field.Doc.Text()
		if text == "" {
			text = field.Comment.Text()
		}
		what, otherwise := prose(text), ""
		if at := byDefault.FindStringSubmatchIndex(what); at != nil {
			what, otherwise = what[:at[2]], strings.TrimSuffix(what[at[3]:], ".")+" "
		}
		var kind bytes.Buffer
		if err := printer.Fprint(&kind, token.NewFileSet(), field.Type); err != nil {
			kind.WriteString(err.Error())
		}
		fmt.Fprintf(&out, "| %s | `%s` | %s | %s|\n", strings.Join(names, ", "), kind.String(), strings.TrimSpace(what), otherwise)
	}
	return out.String()
}

var (
	byDefault = regexp.MustCompile(`. (Defaults?(?:: | )(?:to )?)`) // not the name of a field, which begins its comment
	docLink   = regexp.MustCompile(`(^|[^\w.\]])\[(\*?[A-Za-z][\w.]*)\]`)
	escaped   = strings.NewReplacer("*", `\*`, "|", `\|`, "<", "&lt;")
)

// prose is a comment in one line of Markdown.
func prose(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var out strings.Builder
	for {
		at := docLink.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(escaped.Replace(text))
			return out.String()
		}
		out.WriteString(escaped.Replace(text[:at[3]]) + "`" + text[at[4]:at[5]] + "`")
		text = text[at[1]:]
	}
}
