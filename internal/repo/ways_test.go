package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hopLine is a line of a way in ARCHITECTURE.md: functions, and the file or
// folder that declares them.
var hopLine = regexp.MustCompile(`^[│├└─ ]*([A-Za-z]\w*(?:\.\w+)*(?:, [A-Za-z]\w*(?:\.\w+)*)*)\s+((?:[a-z]\w*/)*[a-z]\w*\.go|(?:[a-z]\w*/)+[a-z]\w*)(?:\s|$)`)

// maxHops is how many lines a way has at most.
const maxHops = 10

// hop is a function that a document names, with its receiver if it has one.
type hop struct{ function, in string }

// ways returns the ways of a document, by their first lines.
func ways(text string) map[string][]hop {
	found := make(map[string][]hop)
	inCode, way := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "```") {
			inCode, way = !inCode, ""
			continue
		}
		if m := hopLine.FindStringSubmatch(line); inCode && m != nil {
			for name := range strings.SplitSeq(m[1], ", ") {
				found[way] = append(found[way], hop{name, m[2]})
			}
		} else if line != "" && !strings.ContainsAny(line, "│├└") {
			way = line
		}
	}
	return found
}

func TestHopsOfAWay(t *testing.T) {
	t.Parallel()
	found := ways("# A\n```\na hit\nCache.Get    cache/cache.go   the shell\n└── core.find, core.miss  cache/key.go\n    └── flight.Table.Do  internal/flight  starts\n        and more\n\nparts\n├── cache    what it is, cache/key.go\n```\nx.Y  a/b.go  outside\n")
	hit := found["a hit"]
	if len(found) != 1 || len(hit) != 4 || hit[0] != (hop{"Cache.Get", "cache/cache.go"}) || hit[2].function != "core.miss" || hit[3] != (hop{"flight.Table.Do", "internal/flight"}) {
		t.Errorf("ways() = %v", found)
	}
}

// What ARCHITECTURE.md says of the way that a call goes leads to functions that
// are there, in few steps.
func TestWaysLeadToFunctions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := ways(string(text))
	for _, way := range []string{"a hit", "a miss", "a lease", "a release"} {
		if len(found[way]) < 3 {
			t.Errorf("the way of %s has %d hops: the document has no list of them that this test can read", way, len(found[way]))
		}
	}
	for way, hops := range found {
		if len(hops) > maxHops {
			t.Errorf("the way of %s has %d hops, more than %d", way, len(hops), maxHops)
		}
		for _, h := range hops {
			there := declared(t, h.in)
			short := strings.TrimPrefix(h.function, path.Base(path.Dir(h.in+"/"))+".")
			if path.Ext(h.in) == ".go" {
				short = strings.TrimPrefix(h.function, path.Base(path.Dir(h.in))+".")
			}
			if !there[h.function] && !there[short] {
				t.Errorf("the way of %s names %s, which %s does not declare", way, h.function, h.in)
			}
		}
	}
}

// declared returns the functions of a file, or of the files of a folder, each
// method behind the name of its receiver's type.
func declared(t *testing.T, in string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	at := filepath.Join(root(t), filepath.FromSlash(in))
	err := filepath.WalkDir(at, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != at {
			return filepath.SkipDir
		}
		if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				names[receiver(f)+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", in, err)
	}
	return names
}

// receiver is the name of the type that f is a method of, and a dot; empty for
// a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	for {
		switch of := typ.(type) {
		case *ast.StarExpr:
			typ = of.X
		case *ast.IndexExpr:
			typ = of.X
		case *ast.IndexListExpr:
			typ = of.X
		case *ast.Ident:
			return of.Name + "."
		default:
			return ""
		}
	}
}
