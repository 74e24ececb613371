package copiermap_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/jinzhu/copier"

	"github.com/reecho-go/reecho/cachedata/copiermap"
)

type (
	// Level is a number with a name.
	Level int
	// Measured has a method whose result is mapped.
	Measured struct{ N int }
)

// Total is mapped into a field of that name.
func (m Measured) Total() int { return m.N * 100 }

// src is of one field V.
type src[T any] struct{ V T }

func TestNumbersThatDoNotFitAreErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		dst  any
		src  any
		path string
	}{
		{"too large", new(src[int8]), src[int]{300}, ".V"},
		{"just too large", new(src[int8]), src[int]{128}, ".V"},
		{"too small", new(src[int8]), src[int]{-129}, ".V"},
		{"negative", new(src[uint]), src[int]{-1}, ".V"},
		{"no sign", new(src[int64]), src[uint64]{math.MaxUint64}, ".V"},
		{"a fraction", new(src[int]), src[float64]{3.7}, ".V"},
		{"not a number", new(src[int]), src[float64]{math.NaN()}, ".V"},
		{"infinite", new(src[int]), src[float64]{math.Inf(1)}, ".V"},
		{"too large a float", new(src[float32]), src[float64]{1e300}, ".V"},
		{"too many digits", new(src[float64]), src[int64]{1<<53 + 1}, ".V"},
		{"a letter", new(src[string]), src[int]{65}, ".V"},
		{"by a name", new(src[int8]), src[Level]{1000}, ".V"},
		{"a duration", new(src[int32]), src[time.Duration]{time.Hour}, ".V"},
		{"a pointer", new(src[int8]), src[*int]{new(300)}, ".V"},
		{"to a pointer", new(src[*int8]), src[int]{300}, ".V"},
		{"between pointers", new(src[*int8]), src[*int]{new(300)}, ".V"},
		{"in an interface", new(src[int8]), src[any]{300}, ".V"},
		{"in a slice", new(src[[]int8]), src[[]int]{[]int{1, 300}}, ".V[1]"},
		{"in a map", new(src[map[string]int8]), src[map[string]int]{map[string]int{"a": 300}}, ".V[a]"},
		{"a key", new(src[map[int8]string]), src[map[int]string]{map[int]string{300: "a"}}, ".V[key]"},
		{"deeper", new(src[src[int8]]), src[src[int]]{src[int]{300}}, ".V.V"},
		{"deeper by pointers", new(src[*src[int8]]), src[*src[int]]{&src[int]{300}}, ".V.V"},
		{"rows", new([]src[int8]), []src[int]{{1}, {300}}, "[1].V"},
		{"one row", new([]src[int8]), src[int]{300}, ".V"},
		{"a number alone", new(int8), 300, ""},
		{"a null number", new(src[int8]), src[sql.NullInt64]{sql.NullInt64{Int64: 300, Valid: true}}, ".V"},
		{"into a null number", new(src[sql.NullInt16]), src[int]{1 << 20}, ".V"},
		{"the result of a method", new(struct{ Total int8 }), Measured{3}, ".Total()"},
		{"by a tag", new(struct {
			Other int8 `copier:"V"`
		}), src[int]{300}, ".V"},
	} {
		err := copiermap.Into(tt.dst, tt.src, copier.Option{})
		e, ok := errors.AsType[*copiermap.LossError](err)
		if !ok || len(e.Path) < len(tt.path) || e.Path[len(e.Path)-len(tt.path):] != tt.path {
			t.Errorf("%s: %v, want a LossError at %s; the destination is %+v", tt.name, err, tt.path, tt.dst)
		}
	}
}

func TestNumbersThatFitAreNoErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		dst  any
		src  any
		want string
		opt  copier.Option
	}{
		{"small", new(src[int8]), src[int]{127}, "&{127}", copier.Option{}},
		{"negative", new(src[int8]), src[int]{-128}, "&{-128}", copier.Option{}},
		{"unsigned", new(src[uint8]), src[int]{255}, "&{255}", copier.Option{}},
		{"whole", new(src[int]), src[float64]{3}, "&{3}", copier.Option{}},
		{"rounded", new(src[float32]), src[float64]{0.1}, "&{0.1}", copier.Option{}},
		{"not a number", new(src[float32]), src[float64]{math.NaN()}, "&{NaN}", copier.Option{}},
		{"infinite", new(src[float32]), src[float64]{math.Inf(-1)}, "&{-Inf}", copier.Option{}},
		{"exact", new(src[float64]), src[int64]{1 << 53}, "&{9.007199254740992e+15}", copier.Option{}},
		{"the same type", new(src[int64]), src[int64]{math.MaxInt64}, "&{9223372036854775807}", copier.Option{}},
		{"nil", new(src[int8]), src[*int]{nil}, "&{0}", copier.Option{}},
		{"a converter", new(src[int8]), src[int]{300}, "&{44}", copier.Option{Converters: []copier.TypeConverter{{
			SrcType: 0, DstType: int8(0), Fn: func(v any) (any, error) { return int8(v.(int)), nil },
		}}}},
		{"empty", &src[int8]{5}, src[int]{0}, "&{5}", copier.Option{IgnoreEmpty: true}},
		{"a letter by a converter", new(src[string]), src[int]{65}, "&{65}", copier.Option{Converters: []copier.TypeConverter{{
			SrcType: 0, DstType: "", Fn: func(v any) (any, error) { return fmt.Sprint(v), nil },
		}}}},
	} {
		if err := copiermap.Into(tt.dst, tt.src, tt.opt); err != nil || fmt.Sprint(tt.dst) != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.name, tt.dst, err, tt.want)
		}
	}
}
