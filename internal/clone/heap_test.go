//go:build !race

package clone_test

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/heaptest"
)

// sized is a kind of value whose size is measured.
type sized struct {
	name string
	// grow makes copies of so many values, as a cache does, and returns what Size says of all. They are kept until free is called.
	grow func(t *testing.T, count int) (estimate int64, free func())
}

// valueOf is a kind of value of which make makes each.
func valueOf[V any](name string, create func() V) sized {
	return sized{name, func(t *testing.T, count int) (int64, func()) {
		t.Helper()
		u, err := clone.ForType(reflect.TypeFor[V](), clone.Config{})
		if err != nil {
			t.Fatal(err)
		}
		// Each is allocated alone, as an entry is, so its own bytes are rounded as well.
		copies := make([]*V, count)
		var total int64
		for i := range copies {
			v := create()
			copies[i] = new(V)
			links, err := u.CopyExactly(unsafe.Pointer(copies[i]), unsafe.Pointer(&v))
			if err != nil {
				t.Fatal(err)
			}
			own := int64(unsafe.Sizeof(v))
			total += u.Size(unsafe.Pointer(copies[i]), links) - own + clone.Allocated(int(own))
		}
		return total + int64(count)*int64(unsafe.Sizeof(copies[0])), func() { runtime.KeepAlive(copies) }
	}}
}

// mapWith makes a map by its keys and values, without knowing how many there will be.
func mapWith[K comparable, V any](count int, key func(int) K, value func(int) V) func() map[K]V {
	return func() map[K]V {
		m := map[K]V{}
		for i := range count {
			m[key(i)] = value(i)
		}
		return m
	}
}

func self(i int) int { return i }

func text(i int) string { return fmt.Sprintf("%08d", i) }

func longText(i int) string { return fmt.Sprintf("%08d%092d", i, i) }

// What Size says is what the heap grows by. Not parallel: memory is everybody's.
// With the race detector, small objects share no memory.
func TestSizeIsWhatTheHeapGrowsBy(t *testing.T) {
	type wide struct{ A [20]int64 }
	type wideText struct {
		A [20]int64
		S string
	}
	type row struct {
		ID   int64
		Name string
		Tags []string
		At   time.Time
		Next *int64
	}
	type page struct {
		Title string
		Rows  []row
		Meta  map[string]string
		Any   any
	}
	some := func(i int) *int64 { return new(int64(i)) }
	rows := func(n int) []row {
		rows := make([]row, n)
		for i := range rows {
			rows[i] = row{int64(i), text(i), []string{text(i), longText(i)}, time.Unix(int64(i), 0), some(i)}
		}
		return rows
	}
	for _, tt := range []sized{
		valueOf("map of 0", mapWith(0, self, self)),
		valueOf("map of 1", mapWith(1, self, self)),
		valueOf("map of 2", mapWith(2, self, self)),
		valueOf("map of 8", mapWith(8, self, self)),
		valueOf("map of 9", mapWith(9, self, self)),
		valueOf("map of 14", mapWith(14, self, self)),
		valueOf("map of 15", mapWith(15, self, self)),
		valueOf("map of 100", mapWith(100, self, self)),
		valueOf("map of 500", mapWith(500, self, self)),
		valueOf("map of 890", mapWith(890, self, self)),
		valueOf("map of 1400", mapWith(1400, self, self)),
		valueOf("map of 5000", mapWith(5000, self, self)),
		valueOf("set of 3 texts", mapWith(3, text, func(int) struct{} { return struct{}{} })),
		valueOf("set of 30 numbers", mapWith(30, self, func(int) struct{} { return struct{}{} })),
		valueOf("map of nothing", mapWith(1, func(int) struct{} { return struct{}{} }, func(int) struct{} { return struct{}{} })),
		valueOf("map of 3 flags", mapWith(3, func(i int) uint8 { return uint8(i) }, func(i int) bool { return i > 1 })),
		valueOf("map of 50 flags", mapWith(50, func(i int) uint8 { return uint8(i) }, func(i int) bool { return i > 1 })),
		valueOf("map of 1 text to a text", mapWith(1, text, longText)),
		valueOf("map of 20 texts to texts", mapWith(20, text, longText)),
		valueOf("map of 3 wide values", mapWith(3, self, func(int) wide { return wide{} })),
		valueOf("map of 30 wide values with texts", mapWith(30, self, func(i int) wideText { return wideText{S: longText(i)} })),
		valueOf("map of 5 wide keys", mapWith(5, func(i int) wide { return wide{[20]int64{int64(i)}} }, self)),
		valueOf("map of 4 to any", mapWith(4, text, func(i int) any { return []any{1000 + i, longText(i)}[i%2] })),
		valueOf("map of 12 to pointers", mapWith(12, self, some)),
		valueOf("map of 7 to slices", mapWith(7, text, func(i int) []int32 { return make([]int32, i) })),
		valueOf("map of 3 to maps of 2", mapWith(3, text, func(int) map[int]int { return mapWith(2, self, self)() })),
		valueOf("header", func() http.Header { return http.Header{"A": {longText(1)}, "B": {text(1), text(2)}} }),
		valueOf("query", func() url.Values { return url.Values{"page": {"1"}, "sort": {"name", "age"}} }),
		valueOf("map of an array", mapWith(6, func(i int) [2]string { return [2]string{text(i)} }, func(i int) [3]int8 { return [3]int8{int8(i)} })),
		valueOf("no map", func() map[int]int { return nil }),

		valueOf("slice with room", func() []int64 { return make([]int64, 3, 100) }),
		valueOf("bytes", func() []byte { return make([]byte, 1000) }),
		valueOf("few bytes", func() []byte { return make([]byte, 4) }),
		valueOf("large bytes", func() []byte { return make([]byte, 40<<10) }),
		valueOf("texts", func() []string { return []string{text(1), longText(1), "", strings.Repeat("x", 33)} }),
		valueOf("128 pointers", func() []*int64 {
			all := make([]*int64, 128)
			for i := range all {
				all[i] = some(i)
			}
			return all
		}),
		valueOf("text", func() string { return longText(1) }),
		valueOf("pointer", func() *wideText { return &wideText{S: longText(1)} }),
		valueOf("any of a number", func() any { return len(longText(1)) * 1000 }),
		valueOf("any of a text", func() any { return longText(1) }),
		valueOf("any of a struct", func() any { return wide{[20]int64{int64(len(longText(1)))}} }),
		valueOf("any of a slice", func() any { return make([]int32, 50) }),
		valueOf("rows", func() []row { return rows(10) }),
		valueOf("a row", func() row { return rows(1)[0] }),
		valueOf("page", func() page { return page{text(1), rows(20), map[string]string{"a": text(3)}, 7.5} }),
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, free := tt.grow(t, 1) // it also compiles what the next one uses
			free()
			count := max(100, int(1<<20/max(one, 1)))
			before := heaptest.InUse()
			estimate, free := tt.grow(t, count)
			got := heaptest.InUse() - before
			free()
			t.Logf("%d bytes each, estimated %d", got/int64(count), estimate/int64(count))
			if slack := got/8 + int64(count)*4; estimate < got-slack || estimate > got+slack {
				t.Errorf("%d take %d bytes each, and Size says %d", count, got/int64(count), estimate/int64(count))
			}
		})
	}
}
