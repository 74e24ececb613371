package known

import (
	"crypto/elliptic"
	"flag"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/refused.txt")

// Every exported type of the installed standard library that has private
// references is either in the table, where tests prove what it says, or is
// listed as refused. A type that a new release adds is in neither: look at it,
// and put it into one.
func TestEveryTypeOfTheStandardLibraryIsDecided(t *testing.T) {
	std := exportsOfStandard(t)
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(std[path]) })
	hidden := hiddenTypes(t)
	for name := range table {
		i := strings.LastIndexByte(name, '.')
		if path, typ := name[:i], name[i+1:]; isStandard(path) && runtime.GOOS == "linux" { // contracts proves the others
			if !token.IsExported(typ) {
				if !hidden[name] {
					t.Errorf("%s is in the table, and no value has this type", name)
				}
				continue
			}
			pkg, err := imp.Import(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := pkg.Scope().Lookup(typ).(*types.TypeName); !ok {
				t.Errorf("%s is in the table and not in the standard library", name)
			}
		}
	}
	found := privateTypes(t, imp, slices.Sorted(maps.Keys(std)))
	if len(found) < 150 {
		t.Fatalf("%d types with private references found: the walk is broken", len(found))
	}
	const file = "testdata/refused.txt"
	if *update {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if _, ok := table[name]; !ok {
				b.WriteString(name + "\n")
			}
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	for name := range strings.FieldsSeq(string(text)) {
		refused[name] = true
		if _, ok := table[name]; ok {
			t.Errorf("%s is in the table and in %s: it can be in one only", name, file)
		}
	}
	for name, field := range found {
		if _, ok := table[name]; !ok && !refused[name] {
			t.Errorf("%s has the private reference %s and is not decided: look at what it means, and put the type into table.go with a test, or into %s", name, field, file)
		}
	}
	if runtime.GOOS == "linux" {
		for name := range refused {
			if found[name] == "" {
				t.Errorf("%s in %s has no private references any more, or is gone: take it out", name, file)
			}
		}
	}
}

// hiddenTypes returns the unexported types of the standard library that are in
// the table, as values of them name their types: the compiler does not say what
// a package does not export.
func hiddenTypes(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	hidden := map[string]bool{}
	for _, v := range []any{entries[0], reflect.TypeFor[int](), elliptic.P256()} {
		typ := reflect.TypeOf(v).Elem()
		name, _, _ := strings.Cut(typ.Name(), "[")
		hidden[typ.PkgPath()+"."+name] = true
	}
	return hidden
}

// exportsOfStandard returns the packages of the standard library and where the
// compiler has left what each declares. Reading that takes a fraction of the
// time that the sources would take.
func exportsOfStandard(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-f", "{{.ImportPath}} {{.Export}}", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	return exports
}

// privateTypes returns the types with private references, and where these are.
func privateTypes(t *testing.T, imp types.Importer, paths []string) map[string]string {
	t.Helper()
	found := map[string]string{}
	roots := map[string]bool{}
	for _, path := range paths {
		root, _, _ := strings.Cut(path, "/")
		roots[root] = true
		if root == "vendor" || root == "internal" || strings.Contains(path, "/internal") || root == "unsafe" {
			continue
		}
		pkg, err := imp.Import(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, name := range pkg.Scope().Names() {
			tn, ok := pkg.Scope().Lookup(name).(*types.TypeName)
			if !ok || !tn.Exported() || tn.IsAlias() {
				continue
			}
			s, ok := tn.Type().Underlying().(*types.Struct)
			if !ok {
				continue
			}
			if field := privateField(s); field != "" {
				found[path+"."+name] = field
			}
		}
	}
	for root := range roots {
		if !isStandard(root) {
			t.Errorf("%q begins paths of the standard library and is not in standardRoots", root)
		}
	}
	return found
}

// privateField is privateReference for what the importer says of a type, and
// finds at least what that finds.
func privateField(s *types.Struct) string {
	for f := range s.Fields() {
		if f.Exported() {
			continue
		}
		if _, ok := f.Type().Underlying().(*types.Struct); ok && f.Embedded() {
			continue
		}
		if hasReference(f.Type(), map[types.Type]bool{}) {
			return f.Name() + " " + f.Type().String()
		}
	}
	return ""
}

func hasReference(t types.Type, seen map[types.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.String() {
	case "error", "reflect.Type", "*time.Location":
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Signature, *types.Chan:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer || u.Kind() == types.Uintptr
	case *types.Slice:
		return hasReference(u.Elem(), seen)
	case *types.Array:
		return u.Len() > 0 && hasReference(u.Elem(), seen)
	case *types.Map:
		return hasReference(u.Key(), seen) || hasReference(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if hasReference(f.Type(), seen) {
				return true
			}
		}
	}
	return false
}
