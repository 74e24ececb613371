package dashboard

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// noImports fails to import anything: for the types of a package's own constants
// nothing else is needed.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not imported") }

// reasonsOf is every constant of the type reason in the source of respcache, and the
// values of the table by which such that have something particular are counted.
func reasonsOf(t *testing.T) (all map[string]bool, begins []string) {
	t.Helper()
	const dir = "../middleware/respcache"
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, dir+"/"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	cfg := types.Config{Importer: noImports{}, Error: func(error) {}} // of what is imported
	_, _ = cfg.Check("respcache", fset, files, info)
	all = map[string]bool{}
	for _, v := range info.Types {
		named, ok := v.Type.(*types.Named)
		if ok && named.Obj().Name() == "reason" && v.Value != nil {
			all[constant.StringVal(v.Value)] = true
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "kind" {
				ast.Inspect(fn, func(n ast.Node) bool {
					row, ok := n.(*ast.CompositeLit)
					if !ok || row.Type != nil || len(row.Elts) != 2 {
						return true
					}
					begins = append(begins, text(info, row.Elts[0]))
					all[text(info, row.Elts[1])] = true
					return true
				})
			}
		}
	}
	if len(begins) < 5 {
		t.Fatalf("the table of kinds has only %q", begins)
	}
	return all, begins
}

func text(info *types.Info, e ast.Expr) string { return constant.StringVal(info.Types[e].Value) }

// ofSessions are reasons that sessionstate gives.
var ofSessions = []string{"a flash message waits", "something is kept for the session", "the session cannot be read"}

// Every reason that the cache can give is explained, and no other.
func TestEveryReasonOfTheCacheHasAMeaning(t *testing.T) {
	t.Parallel()
	all, begins := reasonsOf(t)
	for _, reason := range ofSessions {
		all[reason] = true
	}
	if !all["cookie"] || !all["set-cookie"] || !all["the visitor was read"] || len(all) < 40 {
		t.Fatalf("not all reasons were found: %v", all)
	}
	for reason := range all {
		counted := reason == ""
		for _, b := range begins {
			counted = counted || strings.HasPrefix(reason, b) // under another name, which is there too
		}
		if !counted && meanings[reason] == "" {
			t.Errorf("%q is not explained", reason)
		}
	}
	for reason, meaning := range meanings {
		if !all[reason] {
			t.Errorf("respcache has no reason %q", reason)
		}
		if !strings.HasSuffix(meaning, ".") {
			t.Errorf("%s: %q is no sentence", reason, meaning)
		}
	}
}
