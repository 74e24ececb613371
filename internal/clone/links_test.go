package clone_test

import (
	"log/slog"
	"reflect"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

type single struct{ N *int }

var onlyCloned = &single{new(1)}

func (*single) Clone() *single { return onlyCloned }

// A copy says whether references in it lead to one place, and one that says that none
// do is copied without a memory of what was met.
func TestLinksSayWhetherReferencesLeadToOnePlace(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B *int }
	type row struct {
		N, M *int
		Tags []string
		Of   map[string]*int
	}
	type ring struct{ Next *ring }
	n, tags, of := new(1), []string{"a"}, map[string]*int{"a": new(2)}
	loop := &ring{}
	loop.Next = loop
	for name, got := range map[string]linked{
		"flat":                        linksOf(t, 7, clone.Tree),
		"one pointer":                 linksOf(t, n, clone.Tree),
		"nil":                         linksOf(t, pair{}, clone.Tree),
		"two pointers":                linksOf(t, pair{new(1), new(2)}, clone.Tree),
		"two pointers to one":         linksOf(t, pair{n, n}, clone.Shared),
		"rows":                        linksOf(t, []row{{new(1), new(2), tags, of}, {new(3), nil, tags, nil}}, clone.Tree),
		"rows that share a target":    linksOf(t, []row{{N: n}, {M: n}}, clone.Shared),
		"rows that share a map":       linksOf(t, []row{{Of: of}, {Of: of}}, clone.Shared),
		"maps that share":             linksOf(t, map[string]*int{"a": n, "b": n}, clone.Shared),
		"a map":                       linksOf(t, map[string]*int{"a": new(1), "b": new(2)}, clone.Tree),
		"interfaces":                  linksOf(t, []any{new(1), "a", []string{"b"}}, clone.Tree),
		"interfaces that share":       linksOf(t, []any{n, pair{A: n}}, clone.Shared),
		"a map in interfaces, twice":  linksOf(t, []any{of, of}, clone.Shared),
		"flat maps shared":            linksOf(t, []any{map[int]int{}, n, n}, clone.Shared),
		"a chain":                     linksOf(t, &ring{&ring{&ring{}}}, clone.Tree),
		"a ring":                      linksOf(t, loop, clone.Shared),
		"into the middle":             linksOf(t, []any{&tags[0], tags}, clone.Inside),
		"by a method":                 linksOf(t, []*single{{n}, {new(2)}}, clone.Shared),
		"log values, each its own":    linksOf(t, []slog.Value{slog.AnyValue(n), slog.AnyValue(n)}, clone.Tree),
		"a log value that shares not": linksOf(t, []slog.Value{slog.AnyValue(n), slog.AnyValue(new(2))}, clone.Tree),
	} {
		if got.links != got.want {
			t.Errorf("%s: links are %d, want %d", name, got.links, got.want)
		}
		if !got.equal {
			t.Errorf("%s: a copy by these links differs", name)
		}
		if got.places != got.again {
			t.Errorf("%s: a copy by these links has %d targets, want %d", name, got.again, got.places)
		}
	}
}

// linked is what is known of the copy of a value, and of a copy of that.
type linked struct {
	links, want   clone.Links
	equal         bool
	places, again int
}

func linksOf[T any](t *testing.T, v T, want clone.Links) linked {
	t.Helper()
	p, err := clone.For[T](clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first, second := new(T), new(T)
	links, err := p.CopyExactly(unsafe.Pointer(first), unsafe.Pointer(&v))
	if err != nil {
		t.Fatal(err)
	}
	if p.Flat() {
		return linked{links: links, want: want, equal: true}
	}
	if links == clone.Inside {
		_, err = p.CopyExactly(unsafe.Pointer(second), unsafe.Pointer(first))
	} else {
		r := p.Begin()
		*(*T)(r.At) = *first
		r.Fix(links)
		*second, *(*T)(r.At) = *(*T)(r.At), *new(T)
		err = r.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return linked{links, want, reflect.DeepEqual(first, second), targets(first), targets(second)}
}

// targets counts the pointers and maps in v that differ.
func targets(v any) int {
	seen := map[unsafe.Pointer]bool{}
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map:
			if v.IsNil() || seen[v.UnsafePointer()] {
				return
			}
			seen[v.UnsafePointer()] = true
			if v.Kind() == reflect.Pointer {
				walk(v.Elem())
				return
			}
			for it := v.MapRange(); it.Next(); {
				walk(it.Value())
			}
		case reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		}
	}
	walk(reflect.ValueOf(v))
	return len(seen)
}
