package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/golangci/misspell"
	"golang.org/x/tools/go/analysis"
	"honnef.co/go/tools/unused"
)

// unusedCode reports what staticcheck's U1000 finds, which only returns it.
var unusedCode = &analysis.Analyzer{
	Name:     "unused",
	Doc:      "code that nothing uses",
	Requires: []*analysis.Analyzer{unused.Analyzer.Analyzer},
	Run: func(pass *analysis.Pass) (any, error) {
		found := pass.ResultOf[unused.Analyzer.Analyzer].(unused.Result)
		for _, o := range found.Unused {
			if o.Kind != "type param" {
				pass.Reportf(place(pass, o.Position), "%s %s is unused", o.Kind, o.Name)
			}
		}
		return nil, nil
	},
}

// place is a position as a Pos of one of the package's files.
func place(pass *analysis.Pass, at token.Position) token.Pos {
	for _, f := range pass.Files {
		if file := pass.Fset.File(f.FileStart); file.Name() == at.Filename {
			return file.Pos(at.Offset)
		}
	}
	return token.NoPos
}

// documented finds exported names without a doc comment, outside of tests and of programs.
var documented = &analysis.Analyzer{
	Name: "documented",
	Doc:  "exported names need a doc comment",
	Run: func(pass *analysis.Pass) (any, error) {
		if pass.Pkg.Name() == "main" {
			return nil, nil
		}
		for _, f := range pass.Files {
			for _, decl := range f.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
						pass.Reportf(d.Name.Pos(), "%s has no doc comment", d.Name.Name)
					}
				case *ast.GenDecl:
					if d.Doc == nil {
						undocumented(pass, d.Specs)
					}
				}
			}
		}
		return nil, nil
	},
}

func undocumented(pass *analysis.Pass, specs []ast.Spec) {
	for _, spec := range specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Name.IsExported() {
				pass.Reportf(s.Name.Pos(), "%s has no doc comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			i := slices.IndexFunc(s.Names, (*ast.Ident).IsExported)
			if s.Doc == nil && s.Comment == nil && i >= 0 {
				pass.Reportf(s.Names[i].Pos(), "%s has no doc comment", s.Names[i].Name)
			}
		}
	}
}

// receiver is the name of the type of a method.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// initless finds functions init: what they do, nobody calls.
var initless = &analysis.Analyzer{
	Name: "initless",
	Doc:  "no functions init",
	Run: func(pass *analysis.Pass) (any, error) {
		for _, f := range pass.Files {
			for _, decl := range f.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
					pass.Reportf(d.Pos(), "a function init: let the program call it by a name")
				}
			}
		}
		return nil, nil
	},
}

var left = regexp.MustCompile(`\b(TODO|FIXME|BUG|XXX|HACK)\b`)

// todo finds comments that leave something to do.
var todo = &analysis.Analyzer{
	Name: "todo",
	Doc:  "nothing is left to do in a comment",
	Run: func(pass *analysis.Pass) (any, error) {
		for _, f := range pass.Files {
			for _, group := range f.Comments {
				for _, c := range group.List {
					if word := left.FindString(c.Text); word != "" {
						pass.Reportf(c.Pos(), "%s: do it, or say what there is", word)
					}
				}
			}
		}
		return nil, nil
	},
}

// misspelt finds words in comments that are often spelt wrong.
var misspelt = &analysis.Analyzer{
	Name: "misspell",
	Doc:  "words that are often spelt wrong",
	Run: func(pass *analysis.Pass) (any, error) {
		words := misspell.New()
		words.Compile()
		for _, f := range pass.Files {
			file := pass.Fset.File(f.FileStart)
			text, err := pass.ReadFile(file.Name())
			if err != nil {
				return nil, err
			}
			_, found := words.ReplaceGo(string(text))
			for _, d := range found {
				pass.Reportf(file.LineStart(d.Line), "%q is spelt %q", d.Original, strings.TrimSpace(d.Corrected))
			}
		}
		return nil, nil
	},
}
