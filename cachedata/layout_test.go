package cachedata

import (
	"fmt"
	"testing"
	"time"
	"unsafe"
)

// Behind an entry stands what its form says, whatever surrounds it.
func TestLayout(t *testing.T) {
	t.Parallel()
	layout[uint64, int](t, 1, 2)
	layout[string, string](t, "key", "value")
	layout[[3]byte, struct{}](t, [3]byte{1, 2, 3}, struct{}{})
	layout[struct{}, [40]byte](t, struct{}{}, [40]byte{39: 1})
	layout[any, bool](t, "key", true)
	layout[[]int, error](t, nil, fmt.Errorf("value"))
}

func layout[K, V any](t *testing.T, k K, v V) {
	t.Helper()
	for f := range rich | keyed + 1 {
		if f&^keyed > rich {
			continue
		}
		e := allocate[K, V](f)
		e.value, e.written = v, 3
		e.load = e.load.of(time.Second)
		if e.form() != f&^keyed || e.load.took().Round(time.Microsecond) != time.Second {
			t.Errorf("%T, form %d: form %d, took %v", e, f, e.form(), e.load.took())
		}
		if l := e.life(); (l != nil) != (f&^keyed >= timed) {
			t.Errorf("%T, form %d: life is %v", e, f, l)
		} else if l != nil {
			l.soft, l.slot = 4, 5
		}
		if m := e.more(); (m != nil) != (f&^keyed == rich) {
			t.Errorf("%T, form %d: more is %v", e, f, m)
		} else if m != nil {
			m.eager = 6
			m.busy.Store(true)
		}
		own := e.ownKey()
		if (own != nil) != (f&keyed != 0) {
			t.Errorf("%T, form %d: the key is %v", e, f, own)
		} else if own != nil {
			*own = k
		}
		if l := e.life(); l != nil && (l.soft != 4 || l.slot != 5) {
			t.Errorf("%T, form %d: life is overwritten: %v", e, f, l)
		}
		if m := e.more(); m != nil && (m.eager != 6 || !m.busy.Load()) {
			t.Errorf("%T, form %d: more is overwritten: %v", e, f, m)
		}
		if fmt.Sprint(e.value) != fmt.Sprint(v) || e.written != 3 {
			t.Errorf("%T, form %d: the entry is overwritten: %v", e, f, e)
		}
		if own != nil && fmt.Sprint(*own) != fmt.Sprint(k) {
			t.Errorf("%T, form %d: the key is overwritten: %v", e, f, *own)
		}
	}
}

// An entry without time rules takes 16 bytes besides its value: there may be
// millions.
func TestSmallEntry(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(entry[string, [4]int64]{}); got != 32+16 {
		t.Errorf("an entry of a value of 32 bytes takes %d", got)
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
