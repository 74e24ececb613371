package repo_test

import (
	"encoding/json"
	"errors"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// shownInternals are the uses of internal types in the public API that are meant,
// each with the reason why a reader of the documentation misses nothing.
var shownInternals = map[string]string{
	"middleware.Clearer":     "an interface of one method, which the comment describes; the hosts of the frameworks share it",
	"middleware.Context":     "an interface that handlers' contexts satisfy; programs pass theirs and call none of its methods",
	"middleware.Error":       "an interface of two methods, which the comment describes; the hosts of the frameworks share it",
	"middleware.Problem":     "the public name of problem details; the hosts of the frameworks write them, and middleware imports those",
	"middleware.ProblemItem": "part of middleware.Problem",
	"middleware.Stack.Serve": "for the packages that serve a framework; programs use the middleware of those",
	"cachedata.Storage":      "only package persist makes one; programs pass it on",
	"sessionstate.Foreign":   "only package gorillastate makes one; programs pass it on",
}

// The documentation shows neither the fields nor the methods of an internal
// type, and a program cannot write its name. So none is part of a public
// signature, field, alias or embedded in a public type.
func TestPublicAPIShowsNoInternalTypes(t *testing.T) {
	t.Parallel()
	packages := publicPackages(t)
	if len(packages) < 15 {
		t.Fatalf("%d public packages were found", len(packages))
	}
	found := make(map[string]string)
	for _, p := range packages {
		maps.Copy(found, internalsOf(p))
	}
	for _, where := range slices.Sorted(maps.Keys(found)) {
		if shownInternals[where] == "" {
			t.Errorf("%s shows %s: give it a public name, or keep it out of the API", where, found[where])
		}
	}
	for where, reason := range shownInternals {
		if found[where] == "" {
			t.Errorf("%s shows no internal type any more: leave it out of shownInternals (%s)", where, reason)
		}
	}
}

// The test finds what it is for, in a package with one of each.
func TestInternalTypesAreFoundInEachPlace(t *testing.T) {
	t.Parallel()
	secret := types.NewPackage(modulePath+"/internal/secret", "secret")
	named := func(p *types.Package, name string, under types.Type) *types.Named {
		obj := types.NewTypeName(token.NoPos, p, name, nil)
		n := types.NewNamed(obj, under, nil)
		p.Scope().Insert(obj)
		return n
	}
	hidden := named(secret, "T", types.NewStruct(nil, nil))
	public := types.NewPackage(modulePath+"/public", "public")
	field := func(name string, typ types.Type, embedded bool) *types.Var {
		return types.NewField(token.NoPos, public, name, typ, embedded)
	}
	signature := func(result types.Type) *types.Signature {
		return types.NewSignatureType(nil, nil, nil, nil, types.NewTuple(types.NewVar(token.NoPos, public, "", result)), false)
	}
	named(public, "Field", types.NewStruct([]*types.Var{field("F", types.NewSlice(hidden), false)}, nil))
	named(public, "Embedded", types.NewStruct([]*types.Var{field("T", types.NewPointer(hidden), true)}, nil))
	named(public, "Private", types.NewStruct([]*types.Var{field("f", hidden, false)}, nil))
	named(public, "Interface", types.NewInterfaceType([]*types.Func{types.NewFunc(token.NoPos, public, "M", signature(hidden))}, nil).Complete())
	method := named(public, "Method", types.Typ[types.Int])
	recv := types.NewVar(token.NoPos, public, "m", method)
	method.AddMethod(types.NewFunc(token.NoPos, public, "M", types.NewSignatureType(recv, nil, nil, nil, types.NewTuple(types.NewVar(token.NoPos, public, "", types.NewMap(types.Typ[types.Int], hidden))), false)))
	public.Scope().Insert(types.NewFunc(token.NoPos, public, "Func", signature(types.NewChan(types.SendRecv, hidden))))
	public.Scope().Insert(types.NewFunc(token.NoPos, public, "hidden", signature(hidden)))
	public.Scope().Insert(types.NewVar(token.NoPos, public, "Var", hidden))
	alias := types.NewTypeName(token.NoPos, public, "Alias", nil)
	types.NewAlias(alias, hidden)
	public.Scope().Insert(alias)

	got := slices.Sorted(maps.Keys(internalsOf(public)))
	want := []string{"public.Alias", "public.Embedded.T", "public.Field.F", "public.Func", "public.Interface.M", "public.Method.M", "public.Var"}
	if !slices.Equal(got, want) {
		t.Errorf("internal types were found in\n%q, want\n%q", got, want)
	}
}

const modulePath = "github.com/reecho-go/reecho"

// publicPackages are the packages that programs can import, of the core and of
// the modules beside it.
func publicPackages(t *testing.T) []*types.Package {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Name,Export,DepOnly", "./..."}
	for _, dir := range modules(t) {
		if dir == "echov5" || strings.HasPrefix(dir, "store/") {
			args = append(args, "./"+dir+"/...")
		}
	}
	exports := make(map[string]string)
	var public []string
	list := json.NewDecoder(strings.NewReader(run(t, root(t), nil, "go", args...)))
	for {
		var p struct {
			ImportPath, Name, Export string
			DepOnly                  bool
		}
		err := list.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly && p.Name != "main" && !strings.Contains(p.ImportPath, "/internal/") {
			public = append(public, p.ImportPath)
		}
	}
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var packages []*types.Package
	for _, path := range public {
		p, err := from.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// internalsOf returns where the documentation of p shows an internal type, and
// which.
func internalsOf(p *types.Package) map[string]string {
	found := make(map[string]string)
	for _, name := range p.Scope().Names() {
		if obj := p.Scope().Lookup(name); obj.Exported() {
			shown(obj, func(member string, internal types.Type) {
				found[strings.TrimPrefix(p.Path(), modulePath+"/")+"."+name+member] = internal.String()
			})
		}
	}
	return found
}

// shown calls note for each internal type that the documentation of obj shows,
// with the field or method that does.
func shown(obj types.Object, note func(member string, internal types.Type)) {
	look := func(member string, t types.Type) {
		inside(t, func(internal types.Type) { note(member, internal) })
	}
	name, ok := obj.(*types.TypeName)
	if !ok {
		look("", obj.Type())
		return
	}
	if alias, ok := name.Type().(*types.Alias); ok {
		look("", alias.Rhs())
		return
	}
	named := name.Type().(*types.Named)
	for i := range named.TypeParams().Len() {
		look("", named.TypeParams().At(i).Constraint())
	}
	for m := range named.Methods() {
		if m.Exported() {
			look("."+m.Name(), m.Type())
		}
	}
	switch under := named.Underlying().(type) {
	case *types.Struct:
		for f := range under.Fields() {
			if f.Exported() {
				look("."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for m := range under.ExplicitMethods() {
			if m.Exported() {
				look("."+m.Name(), m.Type())
			}
		}
		for e := range under.EmbeddedTypes() {
			look("", e)
		}
	default:
		look("", under)
	}
}

// inside calls note for the internal types that the text of t names.
func inside(t types.Type, note func(types.Type)) {
	each := func(list *types.TypeList) {
		for arg := range list.Types() {
			inside(arg, note)
		}
	}
	tuple := func(list *types.Tuple) {
		for v := range list.Variables() {
			inside(v.Type(), note)
		}
	}
	internal := func(obj *types.TypeName) bool {
		return obj.Pkg() != nil && strings.HasPrefix(obj.Pkg().Path(), modulePath) && strings.Contains(obj.Pkg().Path()+"/", "/internal/")
	}
	switch t := t.(type) {
	case *types.Alias:
		if internal(t.Obj()) {
			note(t)
		}
		each(t.TypeArgs())
	case *types.Named:
		if internal(t.Obj()) {
			note(t)
		}
		each(t.TypeArgs())
	case *types.Pointer:
		inside(t.Elem(), note)
	case *types.Slice:
		inside(t.Elem(), note)
	case *types.Array:
		inside(t.Elem(), note)
	case *types.Chan:
		inside(t.Elem(), note)
	case *types.Map:
		inside(t.Key(), note)
		inside(t.Elem(), note)
	case *types.Signature:
		tuple(t.Params())
		tuple(t.Results())
		for p := range t.TypeParams().TypeParams() {
			inside(p.Constraint(), note)
		}
	case *types.Struct:
		for f := range t.Fields() {
			inside(f.Type(), note)
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			inside(m.Type(), note)
		}
		for e := range t.EmbeddedTypes() {
			inside(e, note)
		}
	case *types.Union:
		for term := range t.Terms() {
			inside(term.Type(), note)
		}
	}
}
