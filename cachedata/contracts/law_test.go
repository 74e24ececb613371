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

// family checks T and the shapes in which programs hold it. value returns a new
// value each time, other a different one. All that is compiled once for each T is here.
func family[T any](l *laws, name string, value, other func() T, show func(T) string) {
	l.Helper()
	l.family(name, reflect.TypeFor[row[T]](), sample{
		value: func() reflect.Value { v := value(); return reflect.ValueOf(&v).Elem() },
		other: func() reflect.Value { v := other(); return reflect.ValueOf(&v).Elem() },
		show:  func(v reflect.Value) string { return show(*(*T)(v.Addr().UnsafePointer())) },
	})
}

type row[T any] struct {
	ID int
	X  T
	P  *T
}

// sample is values of one type. All of them, and what show is given, are variables.
type sample struct {
	value, other func() reflect.Value
	show         func(v reflect.Value) string
}

// variable is a new variable of t that set has written.
func variable(t reflect.Type, set func(v reflect.Value)) reflect.Value {
	v := reflect.New(t).Elem()
	set(v)
	return v
}

// family checks s and the shapes of it; row is row of its type.
func (l *laws) family(name string, row reflect.Type, s sample) {
	l.Helper()
	t := row.Field(1).Type
	shape := func(name string, t reflect.Type, value, other func(v reflect.Value), show func(v reflect.Value) string) {
		l.Helper()
		l.shape(name, t, sample{
			value: func() reflect.Value { return variable(t, value) },
			other: func() reflect.Value { return variable(t, other) },
			show:  show,
		})
	}
	// showCopy shows what is no variable: the content of a map or an interface.
	showCopy := func(v reflect.Value) string {
		return s.show(variable(t, func(own reflect.Value) { own.Set(v) }))
	}
	l.shape(name, t, s)
	shape("*"+name, reflect.PointerTo(t),
		func(v reflect.Value) { v.Set(s.value().Addr()) },
		func(v reflect.Value) { v.Set(s.other().Addr()) },
		func(v reflect.Value) string { return s.show(v.Elem()) })
	shape("[]"+name, reflect.SliceOf(t),
		func(v reflect.Value) { v.Set(reflect.Append(v, s.value(), s.other())) },
		func(v reflect.Value) { v.Set(reflect.Append(v, s.other())) },
		func(v reflect.Value) string {
			return fmt.Sprint(v.Len()) + s.show(v.Index(0)) + s.show(v.Index(v.Len()-1))
		})
	array := func(v, first, second reflect.Value) {
		v.Index(0).Set(first)
		v.Index(1).Set(second)
	}
	shape("[2]"+name, reflect.ArrayOf(2, t),
		func(v reflect.Value) { array(v, s.value(), s.other()) },
		func(v reflect.Value) { array(v, s.other(), s.value()) },
		func(v reflect.Value) string { return s.show(v.Index(0)) + s.show(v.Index(1)) })
	a, b := reflect.ValueOf("a"), reflect.ValueOf("b")
	table := func(v, first reflect.Value) {
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(a, first)
	}
	shape("map[string]"+name, reflect.MapOf(a.Type(), t),
		func(v reflect.Value) { table(v, s.value()); v.SetMapIndex(b, s.other()) },
		func(v reflect.Value) { table(v, s.other()) },
		func(v reflect.Value) string { return fmt.Sprint(v.Len()) + showCopy(v.MapIndex(a)) })
	fields := func(v, x, p reflect.Value) {
		v.Field(0).SetInt(1)
		v.Field(1).Set(x)
		v.Field(2).Set(p.Addr())
	}
	shape("struct of "+name, row,
		func(v reflect.Value) { fields(v, s.value(), s.other()) },
		func(v reflect.Value) { fields(v, s.other(), s.value()) },
		func(v reflect.Value) string { return s.show(v.Field(1)) + s.show(v.Field(2).Elem()) })
	shape("any of "+name, reflect.TypeFor[any](),
		func(v reflect.Value) { v.Set(s.value()) },
		func(v reflect.Value) { v.Set(s.other()) },
		func(v reflect.Value) string { return showCopy(v.Elem()) })
	shape("any of *"+name, reflect.TypeFor[any](),
		func(v reflect.Value) { v.Set(s.value().Addr()) },
		func(v reflect.Value) { v.Set(s.other().Addr()) },
		func(v reflect.Value) string { return s.show(v.Elem().Elem()) })
}

func (l *laws) shape(name string, t reflect.Type, s sample) {
	l.Helper()
	verdict := "copies: " + l.copied(name, t, s) + ", keys: " + l.keyed(name, t, s)
	if _, ok := l.found[name]; ok {
		l.Fatalf("%s: there are two of that name", name)
	}
	l.found[name] = verdict
}

func (l *laws) copied(name string, t reflect.Type, s sample) string {
	l.Helper()
	plan, err := clone.ForType(t, clone.Config{})
	if err != nil {
		if _, ok := errors.AsType[*clone.TypeError](err); !ok {
			l.Errorf("%s: New refuses copies with %T: %v", name, err, err)
		}
		return "refused"
	}
	mine := s.value()
	a, err1 := copyOf(plan, t, mine)
	b, err2 := copyOf(plan, t, mine)
	if err1 != nil || err2 != nil {
		if e, ok := errors.AsType[*clone.ValueError](err1); !ok || e.Path == "" || err2 == nil {
			l.Errorf("%s: a copy fails with %v and %v", name, err1, err2)
		}
		return "refused by value"
	}
	want := s.show(s.value())
	if got := []string{s.show(mine), s.show(a), s.show(b)}; got[0] != want || got[1] != want || got[2] != want {
		l.Errorf("%s: original and copies are %q, want %q", name, got, want)
	}
	if n := plan.Size(mine.Addr().UnsafePointer(), clone.Shared); n < int64(t.Size()) {
		l.Errorf("%s: its size is %d", name, n)
	}
	if shared := overlap(memory(mine), memory(a)); shared != "" {
		l.Errorf("%s: the original and a copy share %s", name, shared)
	}
	if shared := overlap(memory(a), memory(b)); shared != "" {
		l.Errorf("%s: two copies share %s", name, shared)
	}
	return "true"
}

// copyOf is what [clone.Plan.Copy] returns.
func copyOf(plan *clone.Untyped, t reflect.Type, v reflect.Value) (reflect.Value, error) {
	own := reflect.New(t).Elem()
	if plan.Flat() {
		own.Set(v)
		return own, nil
	}
	run := plan.Begin()
	at := reflect.NewAt(t, run.At).Elem()
	at.Set(v)
	run.Fix(clone.Shared)
	own.Set(at)
	at.SetZero()
	return own, run.End()
}

func (l *laws) keyed(name string, t reflect.Type, s sample) string {
	l.Helper()
	known, err := keys.For("contracts: law", t, keys.Config{})
	if err != nil {
		if e, ok := errors.AsType[*keys.Error](err); !ok || e.Path == "" || e.Type == nil {
			l.Errorf("%s: New refuses keys with %v", name, err)
		}
		return "refused"
	}
	a, again, b := s.value().Addr().UnsafePointer(), s.value().Addr().UnsafePointer(), s.other().Addr().UnsafePointer()
	id, err := known.ID(a)
	if err == nil { // what a load must not see is refused when it is copied for one
		_, err = known.Own(a, id)
	}
	if err != nil {
		if e, ok := errors.AsType[*keys.Error](err); !ok || e.Path == "" || e.Type == nil {
			l.Errorf("%s: a key fails with %v", name, err)
		}
		return "refused by value"
	}
	same, err1 := known.ID(again)
	own, err2 := known.Own(a, id)
	if err1 != nil || err2 != nil {
		l.Errorf("%s: %v, %v", name, err1, err2)
		return "broken"
	}
	copied, err1 := known.ID(own)
	different, err2 := known.ID(b)
	if err1 != nil || err2 != nil || id != same || id != copied || id == different {
		l.Errorf("%s: equal keys have one identity: %t, a copy has it: %t, a different key has another: %t (%v, %v)",
			name, id == same, id == copied, id != different, err1, err2)
	}
	h1, err1 := known.Fingerprint(a)
	h2, err2 := known.Fingerprint(again)
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

// memory returns what can be written to through v, a variable.
func memory(v reflect.Value) []span {
	m := &walker{seen: map[any]bool{}}
	m.walk(v)
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
