package contracts

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
)

var update = flag.Bool("update", false, "write testdata/shapes.txt")

// laws holds types to the law of keys and copies: what is copied is equal and
// shares no memory that can be written, what is a key tells equal values from
// different ones, and everything else is refused.
type laws struct {
	*testing.T
	found map[string]string
}

// family checks T and the shapes in which programs hold it. make returns a new
// value each time, other a different one.
func family[T any](l *laws, name string, value, other func() T, show func(T) string) {
	l.Helper()
	type row struct {
		ID int
		X  T
		P  *T
	}
	shape(l, name, value, other, show)
	shape(l, "*"+name, ptr(value), ptr(other), func(p *T) string { return show(*p) })
	shape(l, "[]"+name, func() []T { return []T{value(), other()} }, func() []T { return []T{other()} },
		func(s []T) string { return fmt.Sprint(len(s)) + show(s[0]) + show(s[len(s)-1]) })
	shape(l, "[2]"+name, func() [2]T { return [2]T{value(), other()} }, func() [2]T { return [2]T{other(), value()} },
		func(s [2]T) string { return show(s[0]) + show(s[1]) })
	shape(l, "map[string]"+name, func() map[string]T { return map[string]T{"a": value(), "b": other()} },
		func() map[string]T { return map[string]T{"a": other()} }, func(m map[string]T) string { return fmt.Sprint(len(m)) + show(m["a"]) })
	shape(l, "struct of "+name, func() row { return row{1, value(), ptr(other)()} }, func() row { return row{1, other(), ptr(value)()} },
		func(r row) string { return show(r.X) + show(*r.P) })
	shape(l, "any of "+name, func() any { return value() }, func() any { return other() }, func(v any) string { return show(v.(T)) })
	shape(l, "any of *"+name, func() any { return ptr(value)() }, func() any { return ptr(other)() }, func(v any) string { return show(*v.(*T)) })
}

func ptr[T any](f func() T) func() *T {
	return func() *T {
		v := f()
		return &v
	}
}

func shape[T any](l *laws, name string, value, other func() T, show func(T) string) {
	l.Helper()
	verdict := "copies: " + copied(l, name, value(), value(), show) + ", keys: " + keyed(l, name, value, other)
	if _, ok := l.found[name]; ok {
		l.Fatalf("%s: there are two of that name", name)
	}
	l.found[name] = verdict
}

func copied[T any](l *laws, name string, mine, same T, show func(T) string) string {
	l.Helper()
	plan, err := clone.For[T](clone.Config{})
	if err != nil {
		if _, ok := errors.AsType[*clone.TypeError](err); !ok {
			l.Errorf("%s: New refuses copies with %T: %v", name, err, err)
		}
		return "refused"
	}
	a, err1 := plan.Copy(mine)
	b, err2 := plan.Copy(mine)
	if err1 != nil || err2 != nil {
		if e, ok := errors.AsType[*clone.ValueError](err1); !ok || e.Path == "" || err2 == nil {
			l.Errorf("%s: a copy fails with %v and %v", name, err1, err2)
		}
		return "refused by value"
	}
	want := show(same)
	if got := []string{show(mine), show(a), show(b)}; got[0] != want || got[1] != want || got[2] != want {
		l.Errorf("%s: original and copies are %q, want %q", name, got, want)
	}
	if n := plan.Size(mine); n < int64(unsafe.Sizeof(mine)) {
		l.Errorf("%s: its size is %d", name, n)
	}
	if shared := overlap(memory(&mine), memory(&a)); shared != "" {
		l.Errorf("%s: the original and a copy share %s", name, shared)
	}
	if shared := overlap(memory(&a), memory(&b)); shared != "" {
		l.Errorf("%s: two copies share %s", name, shared)
	}
	return "true"
}

func keyed[T any](l *laws, name string, value, other func() T) string {
	l.Helper()
	known, err := keys.For("contracts: law", reflect.TypeFor[T](), keys.Config{})
	if err != nil {
		if e, ok := errors.AsType[*keys.Error](err); !ok || e.Path == "" || e.Type == nil {
			l.Errorf("%s: New refuses keys with %v", name, err)
		}
		return "refused"
	}
	a, again, b := value(), value(), other()
	id, err := known.ID(unsafe.Pointer(&a))
	if err == nil { // what a load must not see is refused when it is copied for one
		_, err = known.Own(unsafe.Pointer(&a))
	}
	if err != nil {
		if e, ok := errors.AsType[*keys.Error](err); !ok || e.Path == "" || e.Type == nil {
			l.Errorf("%s: a key fails with %v", name, err)
		}
		return "refused by value"
	}
	same, err1 := known.ID(unsafe.Pointer(&again))
	own, err2 := known.Own(unsafe.Pointer(&a))
	if err1 != nil || err2 != nil {
		l.Errorf("%s: %v, %v", name, err1, err2)
		return "broken"
	}
	copied, err1 := known.ID(own)
	different, err2 := known.ID(unsafe.Pointer(&b))
	if err1 != nil || err2 != nil || id != same || id != copied || id == different {
		l.Errorf("%s: equal keys have one identity: %t, a copy has it: %t, a different key has another: %t (%v, %v)",
			name, id == same, id == copied, id != different, err1, err2)
	}
	h1, err1 := known.Fingerprint(unsafe.Pointer(&a))
	h2, err2 := known.Fingerprint(unsafe.Pointer(&again))
	if h1 != h2 || err1 != nil || err2 != nil {
		l.Errorf("%s: the fingerprints of equal keys are %x and %x (%v, %v)", name, h1, h2, err1, err2)
	}
	return "true"
}

// span is memory that can be written.
type span struct {
	lo, hi uintptr
	what   string
}

// overlap names a type of which a value is in both.
func overlap(a, b []span) string {
	byStart := func(x, y span) int { return int(x.lo) - int(y.lo) }
	slices.SortFunc(a, byStart)
	slices.SortFunc(b, byStart)
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].hi <= b[j].lo:
			i++
		case b[j].hi <= a[i].lo:
			j++
		default:
			return a[i].what
		}
	}
	return ""
}

// constant are types whose values nobody changes: sharing them is right.
var constant = []string{
	"*time.Location", "*reflect.rtype", "*regexp.Regexp", "*runtime.Func", "*elliptic.nistCurve", "*elliptic.CurveParams", "*impl.MessageInfo",
	"*ecdh.PublicKey", "*ecdh.PrivateKey", "*rsa.PrivateKey", "*os.unixDirent", "*strings.Replacer", "*errors.errorString",
}

// memory returns what can be written to through *root.
func memory[T any](root *T) []span {
	m := &walker{seen: map[any]bool{}}
	m.walk(reflect.ValueOf(root).Elem())
	return m.spans
}

type walker struct {
	spans []span
	seen  map[any]bool
}

type place struct {
	p unsafe.Pointer
	n int
	t reflect.Type
}

// first notes the memory of n values of t at p, once.
func (w *walker) first(p unsafe.Pointer, n int, t reflect.Type) bool {
	at := place{p, n, t}
	if p == nil || n == 0 || t.Size() == 0 || w.seen[at] {
		return false
	}
	w.seen[at] = true
	w.spans = append(w.spans, span{uintptr(p), uintptr(p) + uintptr(n)*t.Size(), t.String()})
	return true
}

// walk follows the references of v, which is addressable.
func (w *walker) walk(v reflect.Value) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem() // private fields as well
	switch v.Type() {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[slog.Attr](), reflect.TypeFor[strings.Builder]():
		return
	case reflect.TypeFor[slog.Value]():
		switch s := v.Interface().(slog.Value); s.Kind() {
		case slog.KindAny:
			held := s.Any()
			w.walk(reflect.ValueOf(&held).Elem())
		case slog.KindGroup:
			attrs := s.Group()
			if w.first(unsafe.Pointer(unsafe.SliceData(attrs)), len(attrs), reflect.TypeFor[slog.Attr]()) {
				for i := range attrs {
					w.walk(reflect.ValueOf(&attrs[i].Value).Elem())
				}
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		for _, name := range constant {
			if strings.HasPrefix(v.Type().String(), name) {
				return
			}
		}
		if w.first(v.UnsafePointer(), 1, v.Type().Elem()) {
			w.walk(v.Elem())
		}
	case reflect.Slice:
		if w.first(v.UnsafePointer(), v.Len(), v.Type().Elem()) {
			for i := range v.Len() {
				w.walk(v.Index(i))
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	case reflect.Map:
		if !v.IsNil() && w.first(v.UnsafePointer(), 1, reflect.TypeFor[[6]uintptr]()) {
			for it := v.MapRange(); it.Next(); {
				w.copyOf(it.Key())
				w.copyOf(it.Value())
			}
		}
	case reflect.Interface:
		if !v.IsNil() {
			w.copyOf(v.Elem())
		}
	case reflect.Struct:
		switch v.Type().String() {
		case "language.Tag", "regexp.Regexp", "embed.FS", "netip.Addr":
			return // by assignment
		}
		if strings.HasPrefix(v.Type().String(), "unique.Handle[") {
			return
		}
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	}
}

func (w *walker) copyOf(v reflect.Value) {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	w.walk(c)
}

// What is copied, what is a key, and what is refused, for every shape; a change
// of the list is a change of what users may cache.
func TestShapesOfTheStandardLibraryAndOfModulesKeepTheLaw(t *testing.T) {
	t.Parallel()
	l := &laws{t, map[string]string{}}
	standardShapes(l)
	moduleShapes(l)
	if len(l.found) < 300 {
		t.Errorf("%d shapes, want at least 300", len(l.found))
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l.found)) {
		fmt.Fprintf(&b, "%s: %s\n", name, l.found[name])
	}
	const file = "testdata/shapes.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		was := strings.Split(string(want), "\n")
		for line := range strings.SplitSeq(b.String(), "\n") {
			if !slices.Contains(was, line) {
				t.Errorf("not in %s: %s", file, line)
			}
		}
		t.Errorf("%s is not what is true: look at the changes, and run this test with -update", file)
	}
}
