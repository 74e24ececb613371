package clone_test

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/jinzhu/copier"
	"github.com/reecho-go/reecho/internal/clone"
)

type item struct {
	Name string
	Next *item
}

type page struct {
	Items   []item
	Current *item
}

type twig struct {
	Name   string
	Parent *twig
	Twigs  []twig
}

type outer struct {
	Inner inner
	N     int
}

type inner struct{ A, B int }

type alike inner

type level int

type levelled struct{ At level }

type article struct {
	Title   string
	Summary *string
	Score   int
	Rank    *int
	Author  *author
}

type author struct{ Name string }

type oneField struct{ Inner inner }

type own struct {
	N    int
	Self *int
	Head any
}

// account is copied by a method where a pointer leads to it, and as its memory says where it lies in something.
type account struct {
	ID   int
	Tags []string
}

func (a *account) Clone() *account { return &account{a.ID, append([]string(nil), a.Tags...)} }

type copying interface{ Clone() copying }

type clonable struct{ N int }

func (c *clonable) Clone() copying { return &clonable{c.N} }

// exactly returns copies of copies of v, and whether pointers led into the middle.
func exactly[T any](t *testing.T, v T) (T, bool, error) {
	t.Helper()
	c, inside, err := exactlyAt(t, reflect.ValueOf(&v))
	return *c.Interface().(*T), inside, err
}

// exactlyAt is exactly of what v points to; it returns a pointer to the copy.
func exactlyAt(t *testing.T, v reflect.Value) (reflect.Value, bool, error) {
	t.Helper()
	typ := v.Type().Elem()
	p, err := clone.ForType(typ, clone.Config{})
	if err != nil {
		t.Fatal(err)
	}
	from, insideFirst := v, false
	for i := range 3 {
		to := reflect.New(typ)
		links, err := p.CopyExactly(to.UnsafePointer(), from.UnsafePointer())
		inside := links == clone.Inside
		searched, wrong := p.CopyInside(reflect.New(typ).UnsafePointer(), from.UnsafePointer())
		if inside != (searched == clone.Inside) || (err == nil) != (wrong == nil) {
			t.Errorf("%v: the copy finds links %d, %v; a search finds %d, %v", typ, links, err, searched, wrong)
		}
		if err != nil {
			return to, inside, err
		}
		if i > 0 && inside != insideFirst {
			t.Errorf("%v: the original has pointers into the middle: %v, a copy: %v", typ, insideFirst, inside)
		}
		from, insideFirst = to, inside
		runtime.GC()
	}
	return from, insideFirst, nil
}

// places maps each place of memory in a value to the one in its copy.
type places struct {
	t    *testing.T
	to   map[uintptr]uintptr
	from map[uintptr]uintptr
	done map[[2]any]bool
}

func (p *places) walk(path string, a, b reflect.Value) {
	if a.CanAddr() && a.Type().Size() > 0 {
		at, in := a.UnsafeAddr(), b.UnsafeAddr()
		if to, ok := p.to[at]; ok && to != in {
			p.t.Errorf("%s: one place has become two", path)
		}
		if from, ok := p.from[in]; ok && from != at {
			p.t.Errorf("%s: two places have become one", path)
		}
		p.to[at], p.from[in] = in, at
	}
	if a.Type() == reflect.TypeFor[time.Time]() {
		return // which shares its zone
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() != b.IsNil() {
			p.t.Errorf("%s: nil has changed", path)
		}
		if key := [2]any{a.Type(), a.Pointer()}; !a.IsNil() && !p.done[key] {
			p.done[key] = true
			p.walk("*"+path, a.Elem(), b.Elem())
		} else if !a.IsNil() {
			if to := p.to[a.Pointer()]; to != 0 && to != b.Pointer() {
				p.t.Errorf("%s: leads to another place", path)
			}
		}
	case reflect.Interface:
		if !a.IsNil() {
			p.walk(path, a.Elem(), b.Elem())
		}
	case reflect.Struct:
		for i := range a.NumField() {
			p.walk(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			p.t.Errorf("%s: the length has changed", path)
			return
		}
		if a.Kind() == reflect.Slice {
			if key := [2]any{a.Type(), [2]int{int(a.Pointer()), a.Len()}}; p.done[key] {
				return
			} else {
				p.done[key] = true
			}
		}
		for i := range a.Len() {
			p.walk(path+"[]", a.Index(i), b.Index(i))
		}
	case reflect.Map:
		if key := [2]any{a.Type(), a.Pointer()}; !p.done[key] && a.Len() == b.Len() {
			p.done[key] = true
			for it := a.MapRange(); it.Next(); {
				if b.MapIndex(it.Key()).IsValid() {
					p.walk(path+"[]", it.Value(), b.MapIndex(it.Key()))
				}
			}
		}
	}
}

// truthful checks that a copy of v has the places that v has, and none of its.
func truthful[T any](name string, v T) func(*testing.T) {
	return truthfulAt(name, reflect.ValueOf(&v))
}

func truthfulAt(name string, v reflect.Value) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		c, inside, err := exactlyAt(t, v)
		if err != nil || !inside {
			t.Fatalf("inside is %v, error %v", inside, err)
		}
		if !reflect.DeepEqual(v.Interface(), c.Interface()) {
			t.Errorf("the copy is %+v, want %+v", c.Elem(), v.Elem())
		}
		p := places{t, map[uintptr]uintptr{}, map[uintptr]uintptr{}, map[[2]any]bool{}}
		p.walk(name, v.Elem(), c.Elem())
		for at := range p.to {
			if p.from[at] != 0 {
				t.Error("the copy shares memory with the original")
			}
		}
	}
}

func TestPointersIntoTheMiddleLeadIntoTheCopy(t *testing.T) {
	t.Parallel()
	items := []item{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	tree := &twig{Twigs: []twig{{Name: "a"}, {Name: "b"}}}
	tree.Twigs[1].Twigs = []twig{{Parent: &tree.Twigs[1]}, {Parent: tree}}
	deep := &twig{}
	for at := deep; len(at.Name) < 600; at = &at.Twigs[1] {
		at.Twigs = []twig{{Parent: at}, {Parent: at, Name: at.Name + "x"}}
	}
	pair := struct {
		O *outer
		B *int
	}{O: &outer{}}
	pair.B = &pair.O.Inner.B
	first := struct {
		I *inner
		O *outer
	}{O: &outer{}}
	first.I = &first.O.Inner
	only := struct {
		I *inner
		W *oneField
		A *[1]oneField
	}{W: &oneField{}}
	only.I, only.A = &only.W.Inner, (*[1]oneField)(unsafe.Slice(only.W, 1))
	array := &[3]int{1, 2, 3}
	grid := &[2][3]string{{"a"}, {"b"}}
	art := []article{{Title: "a"}, {Title: "b"}}
	art[0].Summary, art[1].Rank = &art[0].Title, &art[0].Score
	linked := []item{{Name: "a"}, {Name: "b"}}
	linked[0].Next, linked[1].Next = &linked[1], &linked[0]
	self := &own{N: 1}
	self.Self, self.Head = &self.N, self
	numbers := []int{1, 2, 3, 4, 5, 6}
	accounts := []account{{1, []string{"x"}}, {2, nil}}
	times := []time.Time{time.Unix(1, 0), time.Unix(2, 0)}
	pointers := []*int{new(int), new(int)}
	maps := []map[string]int{{"a": 1}}
	boxes := []any{1, "s", []int{1}}
	in := &inner{1, 2}
	alikes := []alike{{1, 2}, {3, 4}}
	low := &levelled{At: 1}
	for name, test := range map[string]func(*testing.T){
		"element of a slice": truthful("v", page{items, &items[1]}),
		"first element":      truthful("v", page{items, &items[0]}),
		"before the slice": truthful("v", struct {
			C *item
			I []item
		}{&items[1], items}),
		"parent in a slice":         truthful("v", tree),
		"very deep":                 truthful("v", deep),
		"field of another's target": truthful("v", pair),
		"first field":               truthful("v", first),
		"only field":                truthful("v", only),
		"element of an array": truthful("v", struct {
			P *int
			A *[3]int
		}{&array[1], array}),
		"slice of an array": truthful("v", struct {
			P []int
			A *[3]int
		}{array[1:], array}),
		"row of a grid": truthful("v", struct {
			R *[3]string
			G *[2][3]string
			C *string
			S []string
		}{&grid[1], grid, &grid[1][2], grid[0][1:]}),
		"behind interfaces":  truthful("v", []any{items, &items[1], items[2:], &items[3].Name}),
		"in a map":           truthful("v", map[string]any{"a": &items[1], "b": items}),
		"of a row to itself": truthful("v", art),
		"of rows in a ring":  truthful("v", linked),
		"to its own field":   truthful("v", self),
		"overlapping slices": truthful("v", struct {
			A, B, C []int
			P       *int
			D       []int
		}{numbers[:3], numbers[1:], numbers[2:4], &numbers[3], numbers[5:]}),
		"slices of different lengths": truthful("v", []any{items[:1], items[:3], items[2:], &items[2]}),
		"pointers to array parts":     truthful("v", []any{(*[2]int)(numbers[1:]), numbers[:2], (*[3]int)(numbers[2:]), &numbers[0]}),
		"with a method": truthful("v", struct {
			All []account
			Me  *account
		}{accounts, &accounts[1]}),
		"with a method, behind an interface": truthful("v", []any{accounts, &accounts[1]}),
		"time":                               truthful("v", []any{times, &times[1]}),
		"pointer to a pointer":               truthful("v", []any{pointers, &pointers[1], pointers[1]}),
		"pointer to a map":                   truthful("v", []any{maps, &maps[0], maps[0]}),
		"pointer to an interface":            truthful("v", []any{boxes, &boxes[2]}),
		"pointer to a slice":                 truthful("v", []any{accounts, &accounts[0].Tags}),
		"types with one layout":              truthful("v", []any{in, (*alike)(in), &in.B}),
		"of types with one layout":           truthful("v", []any{[]*inner{in}, (*alike)(in)}),
		"types with one layout, without interfaces": truthful("v", struct {
			I *inner
			A *alike
		}{in, (*alike)(in)}),
		"element of another type with one layout": truthful("v", struct {
			All []alike
			I   *inner
		}{alikes, (*inner)(&alikes[1])}),
		"field of another type with one layout": truthful("v", struct {
			L *levelled
			N *int
		}{low, (*int)(&low.At)}),
	} {
		t.Run(name, test)
	}
}

func TestOtherPointersAreNotIntoTheMiddle(t *testing.T) {
	t.Parallel()
	s, n := "s", 1
	shared := &author{"x"}
	ring := &item{Name: "a"}
	ring.Next = &item{Name: "b", Next: ring}
	rows := make([]article, 100)
	for i := range rows {
		rows[i] = article{Title: "t", Summary: &s, Rank: &n, Author: shared}
	}
	numbers := []int{1, 2, 3, 4}
	items := []item{{Name: "a"}, {Name: "b"}}
	me := &account{ID: 1}
	for name, test := range map[string]func() (bool, error){
		"rows with shared targets": func() (bool, error) { _, inside, err := exactly(t, rows); return inside, err },
		"cycle":                    func() (bool, error) { _, inside, err := exactly(t, ring); return inside, err },
		"pointer elsewhere":        func() (bool, error) { _, inside, err := exactly(t, page{items, &item{Name: "b"}}); return inside, err },
		"overlapping slices": func() (bool, error) {
			_, inside, err := exactly(t, [][]int{numbers[:3], numbers[1:]})
			return inside, err
		},
		"one slice twice":        func() (bool, error) { _, inside, err := exactly(t, []any{items, items}); return inside, err },
		"pointer beside a slice": func() (bool, error) { _, inside, err := exactly(t, []any{numbers, &n, &s, &n}); return inside, err },
		"pointers to nothing":    func() (bool, error) { _, inside, err := exactly(t, []*struct{}{{}, {}}); return inside, err },
		"map of pointers": func() (bool, error) {
			_, inside, err := exactly(t, map[int]*item{1: &items[0], 2: &items[1]})
			return inside, err
		},
		"with a method":      func() (bool, error) { _, inside, err := exactly(t, []any{me, me}); return inside, err },
		"without references": func() (bool, error) { _, inside, err := exactly(t, 7); return inside, err },
	} {
		if inside, err := test(); inside || err != nil {
			t.Errorf("%s: inside is %v, error %v", name, inside, err)
		}
	}
}

// A method copies what a pointer leads into, and nobody knows where to.
func TestPointersIntoWhatAMethodCopiesAreErrors(t *testing.T) {
	t.Parallel()
	me, other := &account{ID: 1}, &clonable{}
	number := new(int64)
	for name, test := range map[string]func() error{
		"field":                  func() error { _, _, err := exactly(t, []any{me, &me.ID}); return err },
		"field, before":          func() error { _, _, err := exactly(t, []any{&me.Tags, me}); return err },
		"behind its interface":   func() error { _, _, err := exactly(t, []any{[]copying{other}, &other.N}); return err },
		"another type of memory": func() error { _, _, err := exactly(t, []any{number, (*[2]int32)(unsafe.Pointer(number))}); return err },
	} {
		var e *clone.ValueError
		if err := test(); !errors.As(err, &e) || e.Type == nil || e.Root == nil || !strings.Contains(err.Error(), "Funcs.Clone") {
			t.Errorf("%s: %v, want an error with the ways out", name, err)
		}
	}
}

func TestLimitsHoldForPointersIntoTheMiddle(t *testing.T) {
	t.Parallel()
	p, err := clone.For[page](clone.Config{MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	items := make([]item, 100)
	from, to := page{items, &items[99]}, page{}
	if _, err := p.CopyExactly(unsafe.Pointer(&to), unsafe.Pointer(&from)); err == nil || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("%v, want the limit", err)
	}
}

// Copier would make two places of one.
func TestCopierFailsForPointersIntoTheMiddle(t *testing.T) {
	t.Parallel()
	type marked struct {
		Items   []inner
		Current *inner
	}
	copyOf, err := withCopier[marked](copier.Option{IgnoreEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	items := []inner{{1, 2}, {3, 4}}
	_, err = copyOf(marked{items, &items[1]})
	if e, ok := errors.AsType[*clone.ValueError](err); !ok || e.Root == nil || !strings.Contains(e.Reason, "into the middle") {
		t.Errorf("%v, want an error that says so", err)
	}
	c, err := copyOf(marked{items, &inner{5, 6}})
	if err != nil || *c.Current != (inner{5, 6}) || &c.Items[0] == &items[0] {
		t.Errorf("a pointer to elsewhere: %+v, %v", c, err)
	}
}
