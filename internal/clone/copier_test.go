package clone_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata/copiermap"
	"github.com/reecho-go/reecho/internal/clone"
)

// Shapes that copier gets wrong.

type (
	scanMap    map[string]int
	Inner      struct{ Name string }
	Overridden struct{ Inner }
	valued     struct{ N int }
	cyc        struct {
		Next *cyc
	}
)

func (m *scanMap) Scan(any) error             { return nil }
func (o Overridden) Name() string             { return "method" }
func (v valued) Value() (driver.Value, error) { return nil, nil }

// refusal is one shape: the plan must be refused with reason, and copier itself must really get the value wrong.
type refusal struct {
	name, reason string
	refuse       func() error
	wrong        func() (string, bool) // what happened, and whether it is wrong
}

// withCopier copies with the engine of package copiermap, which is tested here,
// where the oracle of copies is.
func withCopier[V any](opt copier.Option) (func(V) (V, error), error) {
	copyOf, err := withCopierOf(reflect.TypeFor[V](), opt)
	if err != nil {
		return nil, err
	}
	return func(v V) (out V, err error) {
		own, err := copyOf(reflect.ValueOf(&v).Elem())
		return *own.Addr().Interface().(*V), err
	}, nil
}

// withCopierOf is withCopier of variables of type t.
func withCopierOf(t reflect.Type, opt copier.Option) (func(v reflect.Value) (reflect.Value, error), error) {
	copyTo, err := copiermap.Engine(opt)(t)
	if err != nil {
		return nil, err
	}
	return func(v reflect.Value) (reflect.Value, error) {
		out := reflect.New(t).Elem()
		return out, copyTo(out, v)
	}, nil
}

func refusalOf[V any](name, reason string, v V, opt copier.Option) refusal {
	return refusalAt(name, reason, reflect.ValueOf(&v), opt)
}

func refusalAt(name, reason string, v reflect.Value, opt copier.Option) refusal {
	opt.DeepCopy = true
	return refusal{
		name, reason,
		func() error { _, err := withCopierOf(v.Type().Elem(), opt); return err },
		func() (what string, wrong bool) {
			got := reflect.New(v.Type().Elem())
			defer func() {
				if r := recover(); r != nil {
					what, wrong = fmt.Sprint("panic: ", r), true
				}
			}()
			if err := copier.CopyWithOption(got.Interface(), v.Interface(), opt); err != nil {
				return err.Error(), true
			}
			g, w := write(got.Elem()), write(v.Elem())
			if g.String() != w.String() {
				return "changed: " + g.String(), true
			}
			for r := range g.have {
				if w.have[r] {
					return "shared", true
				}
			}
			return "right", false
		},
	}
}

func TestCopierIsRefusedWhereItIsWrong(t *testing.T) {
	t.Parallel()
	one := 1
	empty := copier.Option{IgnoreEmpty: true}
	tests := []refusal{
		refusalOf("pointer V", "cannot make a pointer", &one, empty),
		refusalOf("interface V", "interface", any([]*int{&one}), empty),
		refusalOf("nil slice field", "IgnoreEmpty", struct{ S []int }{}, copier.Option{}),
		refusalOf("nil map field", "IgnoreEmpty", struct{ M map[string]int }{}, copier.Option{}),
		refusalOf("nil slice in slice", "becomes empty", [][]int{nil}, empty),
		refusalOf("nil slice in map", "becomes empty", map[string][]int{"a": nil}, empty),
		refusalOf("nil map in map", "becomes empty", map[string]map[string]int{"a": nil}, empty),
		refusalOf("nil slice behind a pointer", "becomes empty", struct{ P *[]int }{new([]int(nil))}, empty),
		refusalOf("nil pointer in a map", "pointer to zero", map[string]*int{"a": nil}, empty),
		refusalOf("pointer in an interface", "interface", struct{ A any }{&one}, empty),
		refusalOf("slice in an interface", "interface", struct{ A any }{[]int(nil)}, empty),
		refusalOf("sentinel error in a slice", "interface", struct{ E []error }{[]error{fmt.Errorf("x"), sliceError{1}}}, empty),
		refusalOf("array with references", "array", struct{ A [2]*int }{[2]*int{&one}}, empty),
		refusalOf("array of slices as V", "array", [1][]int{{1}}, empty),
		refusalOf("unexported slice", "unexported", struct{ s []int }{[]int{1}}, empty),
		refusalOf("big.Int", "unexported", struct{ B *big.Int }{big.NewInt(7)}, empty),
		refusalOf("scanner", "sql.Scanner", struct{ M scanMap }{scanMap{"a": 1}}, empty),
		refusalOf("shared pointer", "shared target", struct{ A, B *int }{&one, &one}, empty),
		refusalOf("shared pointer in a slice", "shared target", []*int{&one, &one}, empty),
		refusalOf("location", "identity", struct {
			L *time.Location
			S []int
		}{time.FixedZone("X", 1), nil}, empty),
		refusalOf("map keyed by structs", "map key", map[struct{ A int }]string{{1}: "a"}, empty),
		refusalOf("map keyed by interfaces", "map key", map[any]string{Inner{"a"}: "b"}, empty),
		refusalOf("map keyed by pointers", "map key", map[*int]int{&one: 1}, empty),
		refusalOf("NaN keys", "NaN", map[[1]float64]int{{math.NaN()}: 1}, empty),
		refusalOf("promoted field and method", "promoted field", []Overridden{{Inner{"field"}}}, copier.Option{}),
		refusalOf("names in two cases", "CaseSensitive", []struct{ ID, Id int }{{1, 2}}, copier.Option{}),
		refusalOf("tag that leaves out", "copier", struct {
			A int `copier:"-"`
			B []int
		}{1, nil}, empty),
		refusalOf("tag that renames", "copier", struct {
			A int `copier:"B"`
			B int
			S []int
		}{1, 2, nil}, empty),
		refusalOf("tag that insists", "must", struct {
			A int `copier:"must"`
			S []int
		}{}, empty),
		refusalOf("valuer behind a pointer", "driver.Valuer", struct{ In struct{ P *valued } }{struct{ P *valued }{&valued{3}}}, empty),
		refusalOf("field mapping", "FieldNameMapping", struct {
			A, B int
			S    []int
		}{1, 2, nil}, copier.Option{IgnoreEmpty: true, FieldNameMapping: []copier.FieldNameMapping{{
			SrcType: struct {
				A, B int
				S    []int
			}{}, DstType: struct {
				A, B int
				S    []int
			}{}, Mapping: map[string]string{"A": "B"},
		}}}),
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.refuse()
			if te, ok := errors.AsType[*clone.TypeError](err); !ok || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("refusal is %v (%v), want one about %q", err, te, c.reason)
			}
			if what, wrong := c.wrong(); !wrong {
				t.Errorf("copier got it %s: the refusal is not needed", what)
			}
		})
	}
	// These overflow the stack in copier, which no test survives.
	for name, refuse := range map[string]func() error{
		"cycle":         func() error { _, err := withCopier[cyc](empty); return err },
		"slices":        func() error { _, err := withCopier[slicey](empty); return err },
		"maps":          func() error { _, err := withCopier[mappy](empty); return err },
		"embeds itself": func() error { _, err := withCopier[Embed](empty); return err },
	} {
		if err := refuse(); err == nil || !strings.Contains(err.Error(), "stack overflows") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := withCopier[chan int](empty); err == nil {
		t.Error("a channel was accepted")
	}
}

type Embed struct{ *Embed }

type sliceError []int

func (sliceError) Error() string { return "x" }

// What is accepted is right, also at its edges.
// Refusing every float for it would leave little that is accepted.
func TestCopierTakesNegativeZeroForEmpty(t *testing.T) {
	t.Parallel()
	type rates struct{ Rates []struct{ Rate float64 } }
	v := rates{make([]struct{ Rate float64 }, 1)}
	v.Rates[0].Rate = math.Copysign(0, -1)
	copyRates, err := withCopier[rates](copier.Option{IgnoreEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := copyRates(v)
	if err != nil || got.Rates[0].Rate != 0 {
		t.Fatalf("got %v, %v", got, err)
	}
	if math.Signbit(got.Rates[0].Rate) {
		t.Error("-0 stays -0 now: say so in the comment of copiermap.Engine and in the record of decisions")
	}
}

func TestCopierIsRightWhereItIsAccepted(t *testing.T) {
	t.Parallel()
	type Address struct {
		Street string
		Lines  []string
	}
	type Person struct {
		Name    string
		Age     *int
		Home    Address
		Work    *Address
		Born    time.Time
		Null    sql.NullString
		Scores  map[string]float64
		Friends []Address
		Inner
		private  [2]string
		Nothing  []int
		Empty    []int
		EmptyMap map[int]bool
	}
	opt := copier.Option{IgnoreEmpty: true}
	p := Person{
		"Ann", new(3),
		Address{"A", []string{"x"}},
		&Address{Lines: []string{"y"}}, time.Now(),
		sql.NullString{String: "s", Valid: true},
		map[string]float64{"a": 1},
		[]Address{{"B", nil}, {}},
		Inner{"inner"},
		[2]string{"p"},
		nil,
		[]int{},
		map[int]bool{},
	}
	accepted(t, "person", p, opt)
	accepted(t, "zero", Person{}, opt)
	type Row struct {
		Inner
		Home Address
		Null sql.NullInt64
		Past []Address
		priv [3]int
		At   time.Time
	}
	r := Row{Inner{"i"}, p.Home, sql.NullInt64{Int64: 4, Valid: true}, p.Friends, [3]int{1}, time.Now()}
	accepted(t, "rows", []Row{r, {}}, opt)
	accepted(t, "nil rows", []Row(nil), opt)
	accepted(t, "no rows", []Row{}, opt)
	accepted(t, "map", map[string]Row{"r": r, "": {}}, opt)
	accepted(t, "nil map", map[string]Row(nil), opt)
	accepted(t, "ints", []int{1, 2}, copier.Option{})
	accepted(t, "flat", threeStrings{"a", "b", "c"}, copier.Option{})
	accepted(t, "error", struct{ E error }{io.EOF}, copier.Option{})
	accepted(t, "array keys", map[[2]string]int{{"a"}: 1}, copier.Option{})
	accepted(t, "case", struct {
		ID, Id int
		S      []int
	}{1, 2, []int{1}}, copier.Option{IgnoreEmpty: true, CaseSensitive: true})
	accepted(t, "must", struct {
		A int `copier:"must,nopanic"`
		S *Inner
	}{}, copier.Option{})

	// A converter of the caller for exactly a type takes its place.
	f, err := withCopier[struct{ B *big.Int }](copier.Option{Converters: []copier.TypeConverter{{
		SrcType: (*big.Int)(nil), DstType: (*big.Int)(nil),
		Fn: func(src any) (any, error) { return new(big.Int).Set(src.(*big.Int)), nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	seven := big.NewInt(7)
	got, err := f(struct{ B *big.Int }{seven})
	if err != nil || got.B == seven || got.B.Cmp(seven) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func accepted[V any](t *testing.T, name string, v V, opt copier.Option) {
	t.Helper()
	acceptedAt(t, name, reflect.ValueOf(&v).Elem(), opt)
}

func acceptedAt(t *testing.T, name string, v reflect.Value, opt copier.Option) {
	t.Helper()
	f, err := withCopierOf(v.Type(), opt)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	got, err := f(v)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	checkCopy(t, got, v)
}
