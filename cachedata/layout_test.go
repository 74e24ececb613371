package cachedata

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/level"
)

// Around an entry stands what its form says, whatever its key and value are.
func TestLayout(t *testing.T) {
	t.Parallel()
	for _, scope := range []Scope{Global, Session} {
		layoutOf[uint64, int](t, scope, 1, 2)
		layoutOf(t, scope, "key", "value")
		layoutOf(t, scope, [3]byte{1, 2, 3}, struct{}{})
		layoutOf(t, scope, [3]string{2: "key"}, [3]byte{1, 2, 3})
		layoutOf(t, scope, struct{}{}, [40]byte{39: 1})
		layoutOf[any](t, scope, "key", true)
		layoutOf(t, scope, [2]any{1: "key"}, struct {
			a string
			b bool
		}{"value", true})
		layoutOf(t, scope, [5]float32{4: 1}, int32(7))
		layoutOf[[]int, error](t, scope, nil, fmt.Errorf("value"))
	}
}

func layoutOf[K, V any](t *testing.T, scope Scope, k K, v V) {
	t.Helper()
	g, err := NewGroup("g", GroupConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c := Must(New("c", func(context.Context, K) (V, error) { return v, nil }, Config{Group: g, Scope: scope})).core
	entriesOf(t, c, k, v)
	if scope == Global { // as with a store
		c.second = new(secondLevel)
		c.layout = newLayout(c)
		entriesOf(t, c, k, v)
		c.second = nil
	}
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func entriesOf[K, V any](t *testing.T, c *core, k K, v V) {
	t.Helper()
	owner, clock := new(visitor), new(level.Clock)
	for f := range forms {
		e := c.allocate(f)
		c.result.Move(c.valueOf(e), unsafe.Pointer(&v))
		e.storedAt = 3
		e.load = e.load.of(time.Second)
		if e.form() != f || e.load.took().Round(time.Microsecond) != time.Second {
			t.Errorf("%v, form %d: form %d, took %v", c.layout.types[f].Type, f, e.form(), e.load.took())
		}
		if l := e.lifetime(); (l != nil) != (f >= timed) {
			t.Errorf("%v, form %d: life is %v", c.layout.types[f].Type, f, l)
		} else if l != nil {
			l.soft, l.heapIndex = 4, 5
		}
		if m := e.details(); (m != nil) != (f == rich) {
			t.Errorf("%v, form %d: more is %v", c.layout.types[f].Type, f, m)
		} else if m != nil {
			m.eager = 6
			m.busy.Store(true)
		}
		at := c.owner(e)
		if (at != nil) != (c.cfg.Scope == Session) {
			t.Errorf("%v, form %d: the owner is %v", c.layout.types[f].Type, f, at)
		} else if at != nil {
			*at = owner
		}
		birth := c.revision(e)
		if (birth != nil) != (c.second != nil) {
			t.Errorf("%v, form %d: the birth is %v", c.layout.types[f].Type, f, birth)
		} else if birth != nil {
			*birth = level.Revision{Version: 8, Clock: clock}
		}
		own := c.ownKey(e)
		if (own != nil) != c.layout.keyed {
			t.Errorf("%v, form %d: the key is %v", c.layout.types[f].Type, f, own)
		} else if own != nil {
			c.key.Move(own, unsafe.Pointer(&k))
		}
		// As the type that it was allocated as says.
		whole := reflect.NewAt(c.layout.types[f].Type, c.valueOf(e)).Elem()
		for name, want := range map[string]unsafe.Pointer{
			"Value": c.valueOf(e), "Entry": unsafe.Pointer(e), "Life": unsafe.Pointer(e.lifetime()), "More": unsafe.Pointer(e.details()),
			"Owner": unsafe.Pointer(at), "Revision": unsafe.Pointer(birth), "Key": own,
		} {
			if field := whole.FieldByName(name); field.IsValid() && field.Addr().UnsafePointer() != want {
				t.Errorf("%v, form %d: %s is not where it is looked for", c.layout.types[f].Type, f, name)
			}
		}
		if l := e.lifetime(); l != nil && (l.soft != 4 || l.heapIndex != 5) {
			t.Errorf("%v, form %d: life is overwritten: %v", c.layout.types[f].Type, f, l)
		}
		if m := e.details(); m != nil && (m.eager != 6 || !m.busy.Load()) {
			t.Errorf("%v, form %d: more is overwritten: %v", c.layout.types[f].Type, f, m)
		}
		if got := *(*V)(e.value(unsafe.Sizeof(v))); fmt.Sprint(got) != fmt.Sprint(v) || e.storedAt != 3 {
			t.Errorf("%v, form %d: the entry is overwritten: %v, %v", c.layout.types[f].Type, f, got, e)
		}
		if at != nil && *at != owner {
			t.Errorf("%v, form %d: the owner is overwritten: %v", c.layout.types[f].Type, f, *at)
		}
		if birth != nil && *birth != (level.Revision{Version: 8, Clock: clock}) {
			t.Errorf("%v, form %d: the birth is overwritten: %v", c.layout.types[f].Type, f, *birth)
		}
		if own != nil && fmt.Sprint(*(*K)(own)) != fmt.Sprint(k) {
			t.Errorf("%v, form %d: the key is overwritten: %v", c.layout.types[f].Type, f, *(*K)(own))
		}
	}
}

// An entry without time rules takes 16 bytes besides its value: there may be
// millions.
func TestSmallEntry(t *testing.T) {
	t.Parallel()
	c := Must(New("small", func(context.Context, string) (v [4]int64, _ error) { return v, nil }, Config{}))
	if got := c.core.layout.types[plain].Size(); got != 32+16 {
		t.Errorf("an entry of a value of 32 bytes takes %d", got)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLoadTime(t *testing.T) {
	t.Parallel()
	for _, want := range []time.Duration{0, 1, 7, 999, time.Microsecond, time.Millisecond, 123456 * time.Microsecond, time.Hour, 100 * 365 * 24 * time.Hour} {
		got := loadTime(rich).of(want)
		if got.form() != rich {
			t.Errorf("%v: form %d", want, got.form())
		}
		if diff := (got.took() - want).Abs(); diff > want/1_000_000 {
			t.Errorf("%v: took %v", want, got.took())
		}
	}
}

// The compiler makes the methods of each generic type that it sees in every package
// that makes a cache: those of otter are megabytes. So a cache does not name them.
func TestWhatACacheConsistsOfNamesNoTypeOfOtter(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var look func(path string, typ reflect.Type)
	look = func(path string, typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		if strings.Contains(typ.String(), "otter.") {
			t.Errorf("%s is a %s", path, typ)
			return
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan, reflect.Map:
			look("*"+path, typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				look(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		}
	}
	look("Cache", reflect.TypeFor[Cache[int, int]]())
	if !seen[reflect.TypeFor[engine]()] {
		t.Error("the engine was not looked at")
	}
}
