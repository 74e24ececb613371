package keys_test

import (
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// source turns bytes into decisions; when they run out, every decision is 0.
type source struct {
	data    []byte
	reverse bool // sets get the reverse order, maps another history
}

func (s *source) n(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

type (
	colour string
	level  int8
	inner  struct {
		A int8
		b string
		C any
		_ int8
	}
	graph struct {
		V    int8
		Next *graph
		Kids []*graph
		ByID map[string]*graph
		Any  any
	}
)

var leafTypes = []reflect.Type{
	reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[float64](),
	reflect.TypeFor[uint](), reflect.TypeFor[int8](), reflect.TypeFor[uint8](), reflect.TypeFor[int16](),
	reflect.TypeFor[uint16](), reflect.TypeFor[int32](), reflect.TypeFor[uint32](), reflect.TypeFor[int64](),
	reflect.TypeFor[uint64](), reflect.TypeFor[uintptr](), reflect.TypeFor[float32](), reflect.TypeFor[complex64](),
	reflect.TypeFor[complex128](), reflect.TypeFor[colour](), reflect.TypeFor[level](), reflect.TypeFor[netip.Addr](),
	reflect.TypeFor[struct{}](), reflect.TypeFor[[2]int8](), // up to here also as map keys
	reflect.TypeFor[any](), reflect.TypeFor[[]byte](), reflect.TypeFor[time.Time](), reflect.TypeFor[*big.Int](),
	reflect.TypeFor[inner](), reflect.TypeFor[*graph](), reflect.TypeFor[graph](), reflect.TypeFor[[]string](),
}

const keyTypes = 22

// typ makes a type.
func (s *source) typ(depth int) reflect.Type {
	if depth == 0 {
		return leafTypes[s.n(len(leafTypes))]
	}
	switch s.n(7) {
	case 0:
		return leafTypes[s.n(len(leafTypes))]
	case 1:
		return reflect.PointerTo(s.typ(depth - 1))
	case 2:
		return reflect.SliceOf(s.typ(depth - 1))
	case 3:
		return reflect.ArrayOf(s.n(3), s.typ(depth-1))
	case 4:
		return reflect.MapOf(leafTypes[s.n(keyTypes)], s.typ(depth-1))
	default:
		var fields []reflect.StructField
		for i := range s.n(4) {
			f := reflect.StructField{Name: "F" + strconv.Itoa(i), Type: s.typ(depth - 1)}
			switch s.n(6) {
			case 0:
				f.Name, f.PkgPath = "f"+strconv.Itoa(i), "github.com/reecho-go/reecho/internal/keys_test"
			case 1:
				f.Tag = `hash:"ignore"`
			case 2, 3:
				f.Tag = `hash:"set"`
			}
			fields = append(fields, f)
		}
		return reflect.StructOf(fields)
	}
}

var (
	someTimes = []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Unix(0, 0).In(time.FixedZone("UTC", 0)), time.Unix(0, 1).UTC(),
		time.Unix(0, 0).In(time.FixedZone("X", 60)), time.Unix(0, 0).In(time.FixedZone("X", 61)),
	}
	someAddrs = []netip.Addr{
		{},
		netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:1.2.3.4"), netip.MustParseAddr("fe80::1"),
		netip.MustParseAddr("fe80::1%eth0"), netip.IPv4Unspecified(), netip.IPv6Unspecified(),
	}
	someFloats  = []float64{0, math.Copysign(0, -1), 1, math.NaN(), math.Float64frombits(0xfff8000000000000), math.Inf(1)}
	someStrings = []string{"", "a", "b", "ab", "\x00", "\x01a"}
)

// fill sets v, which is addressable, to a value out of few, so that equal ones are common.
func (s *source) fill(v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = someTimes[s.n(len(someTimes))]
		return
	case *netip.Addr:
		*p = someAddrs[s.n(len(someAddrs))]
		return
	case *big.Int:
		p.SetInt64(int64(s.n(3) - 1))
		if s.n(2) == 0 {
			p.Lsh(p, 100)
		}
		return
	case **graph:
		*p = s.graph()
		return
	case *graph:
		if g := s.graph(); g != nil {
			*p = *g
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(s.n(2) == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(s.n(3) - 1))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(uint64(s.n(3)))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(someFloats[s.n(len(someFloats))])
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(someFloats[s.n(len(someFloats))], someFloats[s.n(len(someFloats))]))
	case reflect.String:
		v.SetString(someStrings[s.n(len(someStrings))])
	case reflect.Interface:
		if depth == 0 || s.n(5) == 0 {
			return
		}
		e := reflect.New(s.typ(depth - 1)).Elem()
		s.fill(e, depth-1)
		v.Set(e)
	case reflect.Pointer:
		if s.n(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			s.fill(v.Elem(), depth)
		}
	case reflect.Slice:
		if n := s.n(5); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n+2))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			s.fill(v.Index(i), depth)
		}
	case reflect.Map:
		n := s.n(5)
		if n == 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		if s.reverse {
			v.Set(reflect.MakeMapWithSize(v.Type(), 100))
		}
		for range n - 1 {
			key, val := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			s.fill(key, depth)
			s.fill(val, depth)
			v.SetMapIndex(key, val)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			sf, f := v.Type().Field(i), readable(v.Field(i))
			if sf.Name == "_" {
				continue
			}
			s.fill(f, depth)
			if s.reverse && f.Kind() == reflect.Slice && sf.Tag.Get("hash") == "set" {
				swap := reflect.Swapper(f.Interface())
				for i, j := 0, f.Len()-1; i < j; i, j = i+1, j-1 {
					swap(i, j)
				}
			}
		}
	}
}

// graph makes up to four nodes with edges among them, cycles included.
func (s *source) graph() *graph {
	nodes := make([]*graph, s.n(5))
	if len(nodes) == 0 {
		return nil
	}
	for i := range nodes {
		nodes[i] = &graph{V: int8(s.n(2))}
	}
	pick := func() *graph { return nodes[s.n(len(nodes))] }
	for range s.n(7) {
		from, to := pick(), pick()
		switch s.n(5) {
		case 0, 1:
			from.Next = to
		case 2:
			from.Kids = append(from.Kids, to)
		case 3:
			from.ByID = map[string]*graph{someStrings[s.n(2)]: to}
		default:
			switch s.n(3) {
			case 0:
				from.Any = to
			case 1:
				from.Any = &from.Any
			default:
				from.Any = []any{to, s.n(2)}
			}
		}
	}
	return nodes[0]
}

// value makes a value of t, two of them with the same bytes are equal as data.
func value(t reflect.Type, data []byte) any { return (&source{data: data}).value(t) }

// reversed makes a value that equals the one of value, with its sets in
// another order and its maps made otherwise.
func reversed(t reflect.Type, data []byte) any {
	return (&source{data: data, reverse: true}).value(t)
}

func (s *source) value(t reflect.Type) any {
	v := reflect.New(t).Elem()
	s.fill(v, 2)
	return v.Interface()
}
