package clone_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// The oracle knows nothing of plans. It writes a value down, with everything that can be observed of it: nil and
// empty, bits of floats, dynamic types, unexported fields, and which pointers and maps are one and the same.

type writer struct {
	strings.Builder
	ids  map[[2]any]int      // pointers and maps in the order of their first visit
	path []reflect.Value     // slices that are being written, for those that contain themselves
	have map[[2]uintptr]bool // all memory that is reached and can be written: start and end
}

func write(v reflect.Value) *writer {
	w := &writer{ids: map[[2]any]int{}, have: map[[2]uintptr]bool{}}
	w.value(v)
	return w
}

var (
	errorType = reflect.TypeFor[error]()
	identity  = []reflect.Type{reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[*time.Location]()}
)

// first writes the number of an object and reports whether it is new.
func (w *writer) first(p uintptr, t reflect.Type) bool {
	id, ok := w.ids[[2]any{p, t}]
	if !ok {
		id = len(w.ids)
		w.ids[[2]any{p, t}] = id
	}
	fmt.Fprintf(w, "#%d", id)
	return !ok
}

func (w *writer) region(start, size uintptr) {
	if size > 0 {
		w.have[[2]uintptr{start, start + size}] = true
	}
}

func (w *writer) value(v reflect.Value) {
	t := v.Type()
	if slices.Contains(identity, t) {
		w.WriteString(raw(v))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		fmt.Fprint(w, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		fmt.Fprint(w, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		fmt.Fprint(w, v.Uint())
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(w, "%x", math.Float64bits(v.Float()))
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		fmt.Fprintf(w, "%x+%x", math.Float64bits(real(c)), math.Float64bits(imag(c)))
	case reflect.String:
		fmt.Fprintf(w, "%q", v.String())
	case reflect.Struct:
		w.WriteByte('{')
		for i := range v.NumField() {
			w.value(v.Field(i))
			w.WriteByte(' ')
		}
		w.WriteByte('}')
	case reflect.Array:
		w.WriteByte('[')
		for i := range v.Len() {
			w.value(v.Index(i))
			w.WriteByte(' ')
		}
		w.WriteByte(']')
	case reflect.Slice:
		w.slice(v)
	case reflect.Pointer:
		if v.IsNil() {
			w.WriteString("nil")
		} else if w.first(v.Pointer(), t) {
			w.region(v.Pointer(), t.Elem().Size())
			w.WriteByte('&')
			w.anew(func() { w.value(v.Elem()) })
		}
	case reflect.Map:
		if v.IsNil() {
			w.WriteString("nil")
		} else if w.first(v.Pointer(), t) {
			w.region(v.Pointer(), 1)
			w.anew(func() { w.entries(v) })
		}
	case reflect.Interface:
		if v.IsNil() {
			w.WriteString("nil")
			return
		}
		fmt.Fprintf(w, "(%s)", v.Elem().Type())
		if v.Elem().Type().Implements(errorType) {
			w.WriteString(raw(v.Elem()))
			return
		}
		w.value(v.Elem())
	default:
		fmt.Fprintf(w, "%s?", v.Kind())
	}
}

// anew writes what is behind a pointer or a map. Slices are values: one that comes again behind these may be another.
func (w *writer) anew(f func()) {
	path := w.path
	w.path = nil
	f()
	w.path = path
}

func (w *writer) slice(v reflect.Value) {
	if v.IsNil() {
		w.WriteString("nil")
		return
	}
	for i, above := range w.path {
		if v.Len() > 0 && above.Type() == v.Type() && above.Pointer() == v.Pointer() && above.Len() == v.Len() {
			fmt.Fprintf(w, "^%d", len(w.path)-i)
			return
		}
	}
	w.path = append(w.path, v)
	w.region(v.Pointer(), uintptr(v.Len())*v.Type().Elem().Size())
	w.WriteString("[")
	for i := range v.Len() {
		w.value(v.Index(i))
		w.WriteByte(' ')
	}
	w.WriteString("]")
	w.path = w.path[:len(w.path)-1]
}

// entries writes a map in the order of its keys. Keys that have no order of their own (references, NaN) are alone in
// their map, see maker.
func (w *writer) entries(v reflect.Value) {
	type entry struct {
		k, v reflect.Value
		s    string
	}
	var all []entry
	for it := v.MapRange(); it.Next(); {
		e := entry{k: it.Key(), v: it.Value()}
		if v.Len() > 1 {
			e.s = write(e.k).String()
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.s, b.s) })
	w.WriteByte('<')
	for _, e := range all {
		w.value(e.k)
		w.WriteByte(':')
		w.value(e.v)
		w.WriteByte(' ')
	}
	w.WriteByte('>')
}

// ordered reports whether keys of type t are told apart by what is written of them.
func ordered(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Pointer, reflect.Interface:
		return false
	case reflect.Array:
		return ordered(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !ordered(t.Field(i).Type) {
				return false
			}
		}
	}
	return !slices.Contains(identity, t)
}

// raw writes the memory of a value that is shared as it is.
func raw(v reflect.Value) string {
	c := reflect.New(v.Type())
	if v.CanInterface() {
		c.Elem().Set(v)
	} else if v.CanAddr() {
		c.Elem().Set(reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem())
	} else {
		return fmt.Sprint(v) // an unexported field of a value in an interface
	}
	return fmt.Sprintf("%x", unsafe.Slice((*byte)(c.UnsafePointer()), v.Type().Size()))
}

// checkCopy fails the test unless got is an exact copy of want that shares no memory with it.
func checkCopy(t testing.TB, got, want reflect.Value) {
	t.Helper()
	g, w := write(got), write(want)
	if g.String() != w.String() {
		at := 0
		for a, b := g.String(), w.String(); at < min(len(a), len(b)) && a[at] == b[at]; at++ {
		}
		from := max(0, at-200)
		t.Fatalf("copy of %s differs after %d bytes:\n got ...%.400s\nwant ...%.400s", want.Type(), at, g.String()[from:], w.String()[from:])
	}
	type edge struct {
		at    uintptr
		delta int
		mine  bool
	}
	var edges []edge
	for mine, have := range map[bool]map[[2]uintptr]bool{true: g.have, false: w.have} {
		for r := range have {
			edges = append(edges, edge{r[0], 1, mine}, edge{r[1], -1, mine})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			return map[bool]int{true: -1, false: 1}[a.at < b.at]
		}
		return a.delta - b.delta
	})
	open := map[bool]int{}
	for _, e := range edges {
		open[e.mine] += e.delta
		if open[true] > 0 && open[false] > 0 {
			t.Fatalf("copy of %s shares memory with the original: %.2000s", want.Type(), w)
		}
	}
	before := w.String()
	scramble(got, map[[2]any]bool{})
	if after := write(want).String(); after != before {
		t.Fatalf("writing to the copy of %s changed the original:\n got %.2000s\nwant %.2000s", want.Type(), after, before)
	}
}

// scramble overwrites every location that can be reached from v, unexported fields included.
func scramble(v reflect.Value, seen map[[2]any]bool) {
	t := v.Type()
	if slices.Contains(identity, t) {
		return
	}
	if v.CanAddr() {
		v = reflect.NewAt(t, v.Addr().UnsafePointer()).Elem()
	}
	mark := func(p uintptr) bool {
		key := [2]any{p, t}
		was := seen[key]
		seen[key] = true
		return !was
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(v.Field(i), seen)
		}
	case reflect.Array:
		for i := range v.Len() {
			scramble(v.Index(i), seen)
		}
	case reflect.Slice:
		if v.Len() > 0 && mark(v.Pointer()) {
			for i := range v.Len() {
				scramble(v.Index(i), seen)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && mark(v.Pointer()) {
			scramble(v.Elem(), seen)
		}
	case reflect.Map:
		if !v.IsNil() && mark(v.Pointer()) {
			for it := v.MapRange(); it.Next(); {
				scramble(it.Key(), seen)
				scramble(it.Value(), seen)
			}
			if v.CanInterface() {
				v.Clear()
			}
		}
	case reflect.Interface:
		if !v.IsNil() && !v.Elem().Type().Implements(errorType) {
			scramble(v.Elem(), seen)
		}
	}
	if v.CanSet() {
		if b := unsafe.Slice((*byte)(v.Addr().UnsafePointer()), t.Size()); !hasPointers(t) {
			for i := range b {
				b[i] ^= 1 // a bool stays a bool
			}
		} else {
			v.SetZero()
		}
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return t.Kind() > reflect.Complex128 // array excepted: all that follow have pointers
}

// Types that reflection cannot build: recursive ones, and unexported fields.

type (
	list   struct{ next *list }
	slicey []slicey
	mappy  map[string]mappy
	graph  struct {
		ID   int
		out  []*graph
		in   map[*graph]bool
		Self *graph
	}
	private struct {
		n    int
		s    []string
		m    map[string][]byte
		p    *private
		any  any
		when time.Time
		arr  [2]*int
	}
	opt[T any] struct {
		v  T
		ok bool
	}
	nested struct{ kids []nested }
	embeds struct {
		*private
		opt[[]int]
		err error
	}
	keyed map[any]*int
	label string
)

var (
	baseTypes = []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[uint16](), reflect.TypeFor[int32](), reflect.TypeFor[uint64](),
		reflect.TypeFor[uintptr](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](), reflect.TypeFor[string](), reflect.TypeFor[label](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[struct{}](),
	}
	wholeTypes = []reflect.Type{
		reflect.TypeFor[list](), reflect.TypeFor[*list](), reflect.TypeFor[slicey](), reflect.TypeFor[mappy](), reflect.TypeFor[graph](), reflect.TypeFor[*graph](),
		reflect.TypeFor[private](), reflect.TypeFor[*private](), reflect.TypeFor[opt[[]string]](), reflect.TypeFor[opt[*opt[int]]](), reflect.TypeFor[nested](),
		reflect.TypeFor[embeds](), reflect.TypeFor[keyed](), reflect.TypeFor[any](), reflect.TypeFor[error](), reflect.TypeFor[*int](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
	}
)

// randomType builds a type of at most the given depth.
func randomType(r *rand.Rand, depth int) reflect.Type {
	if depth <= 0 || r.IntN(4) == 0 {
		if r.IntN(3) == 0 {
			return wholeTypes[r.IntN(len(wholeTypes))]
		}
		return baseTypes[r.IntN(len(baseTypes))]
	}
	switch r.IntN(6) {
	case 0, 1:
		return reflect.SliceOf(randomType(r, depth-1))
	case 2:
		key := randomType(r, depth-2)
		if !key.Comparable() {
			key = baseTypes[r.IntN(len(baseTypes))]
		}
		return reflect.MapOf(key, randomType(r, depth-1))
	case 3:
		return reflect.PointerTo(randomType(r, depth-1))
	case 4:
		return reflect.ArrayOf(r.IntN(12), randomType(r, depth-1))
	default:
		fields := make([]reflect.StructField, r.IntN(5))
		for i := range fields {
			fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: randomType(r, depth-1)}
		}
		return reflect.StructOf(fields)
	}
}

// maker fills values at random. It uses pointers and maps again, also those that are not complete yet: sharing and cycles.
type maker struct {
	*rand.Rand
	old    map[reflect.Type][]reflect.Value
	floats []float64
	budget int
}

// floats are special ones.
var floats = []float64{0, math.NaN(), math.Inf(1), math.Copysign(0, -1)}

func randomValue(r *rand.Rand, t reflect.Type, floats ...float64) reflect.Value {
	m := &maker{Rand: r, old: map[reflect.Type][]reflect.Value{}, floats: floats, budget: 300}
	v := reflect.New(t).Elem()
	m.fill(v, 0)
	return v
}

// reuse sets v to an older value of its type.
func (m *maker) reuse(v reflect.Value) bool {
	old := m.old[v.Type()]
	if len(old) == 0 || m.IntN(3) != 0 {
		return false
	}
	v.Set(old[m.IntN(len(old))])
	return true
}

// hashable reports whether k can be a map key. Value.Comparable does not tell of empty arrays in interfaces.
func hashable(k reflect.Value) (ok bool) {
	defer func() { ok = recover() == nil }()
	m := reflect.MakeMap(reflect.MapOf(k.Type(), reflect.TypeFor[bool]()))
	m.SetMapIndex(k, reflect.ValueOf(true))
	return
}

func (m *maker) fill(v reflect.Value, depth int) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	t := v.Type()
	m.budget--
	switch t {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf([]time.Time{{}, time.Unix(int64(m.IntN(1e9)), 5).UTC(), time.Now()}[m.IntN(3)]))
		return
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf([]netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")}[m.IntN(3)]))
		return
	case errorType:
		v.Set(reflect.ValueOf([]error{errSentinel, &privateError{[]int{1}}}[m.IntN(2)]))
		return
	}
	some := func() int {
		if m.budget < 0 || depth > 40 {
			return 0
		}
		return m.IntN(4)
	}
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(m.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(m.Int64())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(m.Uint64())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(m.NormFloat64())
		if i := m.IntN(len(m.floats) + 1); i < len(m.floats) {
			v.SetFloat(m.floats[i])
		}
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(m.NormFloat64(), math.NaN()))
	case reflect.String:
		v.SetString(strings.Repeat("xä", m.IntN(4)) + fmt.Sprint(m.IntN(100)))
	case reflect.Struct:
		for i := range t.NumField() {
			m.fill(v.Field(i), depth+1)
		}
	case reflect.Array:
		for i := range t.Len() {
			m.fill(v.Index(i), depth+1)
		}
	case reflect.Slice:
		if m.IntN(4) == 0 || m.reuse(v) {
			return
		}
		n := some()
		v.Set(reflect.MakeSlice(t, n, n+m.IntN(3)))
		m.old[t] = append(m.old[t], reflect.ValueOf(v.Interface()))
		for i := range n {
			m.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		if m.IntN(4) == 0 || m.reuse(v) {
			return
		}
		v.Set(reflect.MakeMap(t))
		made := reflect.ValueOf(v.Interface())
		m.old[t] = append(m.old[t], made)
		n := some()
		if !ordered(t.Key()) {
			n = min(n, 1)
		}
		for range n {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			m.fill(k, depth+1)
			m.fill(e, depth+1)
			if hashable(k) {
				made.SetMapIndex(k, e)
			}
		}
	case reflect.Pointer:
		if m.budget < 0 || depth > 40 || m.IntN(5) == 0 || m.reuse(v) {
			return
		}
		v.Set(reflect.New(t.Elem()))
		made := reflect.ValueOf(v.Interface())
		m.old[t] = append(m.old[t], made)
		m.fill(made.Elem(), depth+1)
	case reflect.Interface:
		if m.budget < 0 || depth > 40 || m.IntN(5) == 0 {
			return
		}
		held := reflect.New(randomType(m.Rand, 2)).Elem()
		m.fill(held, depth+1)
		v.Set(held)
	}
}
