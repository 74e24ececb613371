package repo_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// block is Go code in a document.
type block struct {
	file  string
	line  int    // of the first line of code
	code  string // as it stands
	given string // the declarations in the comment above
}

var (
	fence  = regexp.MustCompile("^(\\s*)(```+|~~~+)\\s*([A-Za-z0-9_+-]*)")
	given  = regexp.MustCompile(`(?s)<!--\s*given:\n(.*?)-->\s*\z`)
	clause = regexp.MustCompile(`(?m)^package\s+\w+`)
)

// blocks finds the Go blocks of a document.
func blocks(file, text string) []block {
	var found []block
	var open string // the fence that ends the block we are in
	var isGo bool
	var indent string
	var b block
	var before, code strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		if open == "" {
			m := fence.FindStringSubmatch(line)
			if m == nil {
				before.WriteString(line)
				continue
			}
			indent, open, isGo = m[1], m[2], m[3] == "go" || m[3] == "golang"
			b = block{file: file, line: i + 2}
			if m := given.FindStringSubmatch(before.String()); m != nil {
				b.given = m[1]
			}
			before.Reset()
			code.Reset()
			continue
		}
		if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, open) && strings.Trim(trimmed, open[:1]) == "" {
			if open = ""; isGo {
				b.code = code.String()
				found = append(found, b)
			}
			continue
		}
		code.WriteString(strings.TrimPrefix(line, indent))
	}
	return found
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	const text = "# Title\n\n```go\na := 1\n```\n<!-- given:\nvar x int\n-->\n```go\nx++\n```\n- item\n\n  ```go\n  if b {\n  \tc()\n  }\n  ```\n```sh\ngo test\n```\n````go\n```\n````\n"
	want := []block{
		{file: "f.md", line: 4, code: "a := 1\n"},
		{file: "f.md", line: 10, code: "x++\n", given: "var x int\n"},
		{file: "f.md", line: 15, code: "if b {\n\tc()\n}\n"},
		{file: "f.md", line: 23, code: "```\n"},
	}
	if got := blocks("f.md", text); !slices.Equal(got, want) {
		t.Errorf("blocks() = %#v, want %#v", got, want)
	}
}

func TestGoBlocksInDocumentsCompile(t *testing.T) {
	t.Parallel()
	var all []block
	for _, file := range files(t, "*.md") {
		text, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, blocks(file, string(text))...)
	}
	c := newCompiler(t)
	for _, b := range all {
		t.Run(fmt.Sprintf("%s:%d", b.file, b.line), func(t *testing.T) {
			t.Parallel()
			if err := c.compile(t, b); err != nil {
				t.Errorf("this block does not compile; package repo says by which rules:\n%v", err)
			}
		})
	}
}

// The rules of the package comment, on blocks that are right and wrong.
func TestRulesForBlocks(t *testing.T) {
	t.Parallel()
	c := newCompiler(t)
	tests := []struct {
		name, given, code string
		want              string // part of the error; "" for none
	}{
		{"a whole file", "", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n", ""},
		{"a whole file after a comment", "", "// main.go\npackage main\n\nfunc main() {}\n", ""},
		{"a whole file with an unused import", "", "package main\n\nimport \"fmt\"\n\nfunc main() {}\n", `"fmt" imported and not used`},
		{"a whole file with an unused variable", "", "package main\n\nfunc main() { x := 1 }\n", "declared and not used: x"},
		{"statements", "", "s := strings.TrimSpace(\" a \")\n", ""},
		{"declarations", "", "type T struct{ at time.Time }\n\nfunc (t T) String() string { return t.at.String() }\n", ""},
		{"statements with ours and echo", "", "var s store.Store\ne := echo.New()\n_, _ = s.Get(context.Background(), e.Server.Addr)\n", ""},
		{"statements after an import", "", "import \"math/rand/v2\"\n\nn := rand.N(10)\n", ""},
		{"what is given", "type User struct{ ID int }\nvar ctx context.Context\n", "u := User{ID: 1}\n<-ctx.Done()\n", ""},
		{"a function", "", "func f(c echo.Context) error { return c.NoContent(http.StatusNoContent) }\n", ""},
		{"a value returned outside a function", "", "return errors.New(\"no\")\n", "too many return values"},
		{"an unknown name", "", "u := load(1)\n", "undefined: load"},
		{"an unknown method", "", "strings.Trimm(\" a \")\n", "undefined: strings.Trimm"},
		{"a wrong type", "", "var n int = \"a\"\n", "cannot use"},
		{"broken syntax", "", "if {\n", "missing condition"},
		{"dots for what is left out", "", "x := load(...)\n", "expected"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := c.compile(t, block{file: "f.md", line: 7, code: test.code, given: test.given})
			switch {
			case err == nil && test.want == "":
			case err == nil || test.want == "":
				t.Errorf("compile: %v, want %q", err, test.want)
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("compile: %v, want %q", err, test.want)
			}
		})
	}
}

// compiler type-checks blocks against the packages of the workspace.
type compiler struct {
	root  string
	names map[string]string // package name -> import path

	mu      sync.Mutex // the importer is for one at a time
	exports map[string]string
	types   types.Importer
}

func newCompiler(t *testing.T) *compiler {
	t.Helper()
	c := &compiler{root: root(t), names: make(map[string]string), exports: make(map[string]string)}
	c.types = importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if c.exports[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(c.exports[path])
	})
	ambiguous := make(map[string]bool)
	for _, line := range lines(run(t, c.root, nil, "go", "list", "-f", "{{.Name}} {{.ImportPath}}", "std")) {
		name, path, _ := strings.Cut(line, " ")
		if strings.Contains("/"+path+"/", "/internal/") || strings.HasPrefix(path, "vendor/") {
			continue
		}
		ambiguous[name] = c.names[name] != ""
		c.names[name] = path
	}
	maps.DeleteFunc(c.names, func(name, _ string) bool { return ambiguous[name] })
	c.names["echo"] = "github.com/labstack/echo/v4"
	c.names["template"] = "html/template"
	for _, line := range lines(run(t, c.root, nil, "go", "list", "-e", "-f", "{{.Name}} {{.ImportPath}}", "github.com/reecho-go/reecho/...")) {
		name, path, _ := strings.Cut(line, " ")
		if name != "main" && !strings.Contains(path, "/internal/") {
			c.names[name] = path
		}
	}
	return c
}

// compile says what is wrong with a block.
func (c *compiler) compile(t *testing.T, b block) error {
	t.Helper()
	fset := token.NewFileSet()
	whole := clause.MatchString(b.code)
	var parsed []*ast.File
	var err error
	if whole {
		var file *ast.File
		file, err = parser.ParseFile(fset, b.file, b.at()+b.code, parser.SkipObjectResolution)
		parsed = append(parsed, file)
	} else {
		parsed, err = c.fragment(fset, b)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(t, parsed); err != nil {
		return err
	}
	var errs []string
	config := types.Config{Importer: c.types, Error: func(err error) {
		if at, ok := errors.AsType[types.Error](err); ok && !whole && strings.HasPrefix(at.Msg, "declared and not used") {
			return
		}
		errs = append(errs, err.Error())
	}}
	_, _ = config.Check("document", fset, parsed, nil) // config.Error has them all
	if len(errs) > 0 {
		return fmt.Errorf("%s", strings.Join(errs, "\n"))
	}
	return nil
}

// at makes positions those of the document.
func (b block) at() string { return fmt.Sprintf("//line %s:%d\n", b.file, b.line) }

// fragment makes files of a fragment and what is given: as declarations if it
// parses so, else as the body of a function.
func (c *compiler) fragment(fset *token.FileSet, b block) ([]*ast.File, error) {
	imports, rest := splitImports(b.code)
	header := "package document\n" + b.at() + imports
	file, err := parser.ParseFile(fset, b.file, header+rest, 0)
	if err != nil {
		line := b.line + strings.Count(imports, "\n")
		body := fmt.Sprintf("func _() {\n//line %s:%d\n%s\n}\n", b.file, line, rest)
		if file, err = parser.ParseFile(fset, b.file, header+body, 0); err != nil {
			return nil, err
		}
	}
	parsed := []*ast.File{file}
	if b.given != "" {
		file, err := parser.ParseFile(fset, b.file+" (given)", "package document\n"+b.given, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
	}
	for _, file := range parsed {
		c.addImports(file)
	}
	return parsed, nil
}

// splitImports cuts the import declarations off the beginning of a fragment.
func splitImports(code string) (imports, rest string) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p;"+code, parser.ImportsOnly)
	if file == nil || err != nil || len(file.Decls) == 0 {
		return "", code
	}
	end := int(file.Decls[len(file.Decls)-1].End()) - 1 - len("package p;")
	return code[:end] + "\n", strings.TrimPrefix(code[end:], "\n")
}

// addImports adds the imports of the package names that file uses and does not
// declare.
func (c *compiler) addImports(file *ast.File) {
	have := make(map[string]bool)
	for _, spec := range file.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			have[imported] = true
		}
		if spec.Name != nil {
			have[spec.Name.Name] = true
		}
	}
	missing := make(map[string]string)
	for _, id := range file.Unresolved {
		imported, known := c.names[id.Name]
		if known && !have[imported] && !have[id.Name] && c.selects(file, id) && !importsAs(file, id.Name) {
			missing[id.Name] = imported
		}
	}
	decl := &ast.GenDecl{Tok: token.IMPORT, Lparen: 1, Rparen: 1}
	for name, imported := range missing {
		spec := &ast.ImportSpec{
			Name: ast.NewIdent(name),
			Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(imported)},
		}
		decl.Specs = append(decl.Specs, spec)
		file.Imports = append(file.Imports, spec)
	}
	if len(decl.Specs) > 0 {
		file.Decls = append([]ast.Decl{decl}, file.Decls...)
	}
}

// selects says whether id is the x of some x.y.
func (c *compiler) selects(file *ast.File, id *ast.Ident) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.X == id {
			found = true
		}
		return !found
	})
	return found
}

// importsAs says whether an import without a name of its own ends in name, or
// in name and a major version.
func importsAs(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil || spec.Name != nil {
			return false
		}
		base := path.Base(imported)
		if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
			base = path.Base(path.Dir(imported))
		}
		return base == name
	})
}

// load makes sure that the importer finds what the files import. The caller
// holds the lock.
func (c *compiler) load(t *testing.T, parsed []*ast.File) error {
	t.Helper()
	var missing []string
	for _, file := range parsed {
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if c.exports[imported] == "" && imported != "unsafe" {
				missing = append(missing, imported)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	args := append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, missing...)
	for _, line := range lines(run(t, c.root, nil, "go", args...)) {
		imported, export, _ := strings.Cut(line, "\t")
		c.exports[imported] = export
	}
	return nil
}
