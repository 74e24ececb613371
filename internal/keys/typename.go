package keys

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// typeName returns a name for t that no other type has. Types that are declared in
// functions may have the same package path and name: local returns what
// distinguishes them.
func typeName(t reflect.Type, local func(reflect.Type) string) string {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return strconv.Quote(t.PkgPath()) + "." + t.Name() + local(t)
	}
	inner := func(t reflect.Type) string { return typeName(t, local) }
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + inner(t.Elem())
	case reflect.Slice:
		return "[]" + inner(t.Elem())
	case reflect.Array:
		return "[" + strconv.Itoa(t.Len()) + "]" + inner(t.Elem())
	case reflect.Map:
		return "map[" + inner(t.Key()) + "]" + inner(t.Elem())
	case reflect.Struct:
		var b strings.Builder
		b.WriteString("struct{")
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(&b, "%q.%s %t %s %q;", f.PkgPath, f.Name, f.Anonymous, inner(f.Type), f.Tag)
		}
		b.WriteString("}")
		return b.String()
	case reflect.Chan:
		return t.ChanDir().String() + " " + inner(t.Elem())
	case reflect.Func:
		return "func" + signature(t, inner)
	case reflect.Interface:
		// String names the types in its methods without their paths. A use of the
		// methods would make the linker keep all methods of all types.
		return t.String() + interfaces.number(t)
	default:
		return t.String()
	}
}

// signature returns the parameters and results of a function type.
func signature(t reflect.Type, name func(reflect.Type) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "(%t", t.IsVariadic())
	for in := range t.Ins() {
		b.WriteString("," + name(in))
	}
	b.WriteString(")(")
	for out := range t.Outs() {
		b.WriteString(name(out) + ",")
	}
	b.WriteString(")")
	return b.String()
}

// typeID returns the encoding of the type t of a value in an interface: the name with
// its length, and for composite types the fingerprint of the structure, so that a
// key in a store is not found after a change of the type. Types of the same name that
// are declared in functions get numbers. The caller holds mu.
func (c *compiler) typeID(t reflect.Type) string {
	name := typeName(t, c.locals.number)
	if leafCodes[t.Kind()] == opNone {
		name += string(binary.BigEndian.AppendUint64(nil, ShapeFingerprint(t)))
	}
	return string(appendString(nil, name))
}

// ShapeFingerprint returns a fingerprint of the structure of t: kinds, field
// names, field order, tags and array lengths, through pointers and recursion. The
// names of types and packages are not part of it, only which places share a named
// type. Types of the standard library whose content is not that of their fields,
// such as time.Time, count as a whole. The fingerprint is the same on every
// platform and in every process. Stored keys contain it, so that bytes of an old
// struct are never decoded into a changed one. It never fails and costs some
// microseconds; call it once per type.
func ShapeFingerprint(t reflect.Type) uint64 {
	s := shape{open: map[reflect.Type]int{}}
	s.add(t)
	return fnv64(s.buf)
}

type shape struct {
	buf  []byte
	open map[reflect.Type]int // the numbers of the types that were seen before
}

func (s *shape) add(t reflect.Type) {
	if t.Name() != "" {
		if i, ok := s.open[t]; ok {
			s.buf = fmt.Appendf(s.buf, "^%d", i)
			return
		}
		s.open[t] = len(s.open)
	}
	s.buf = append(s.buf, t.Kind().String()...)
	if contentType(t) != opNone {
		s.buf = fmt.Appendf(s.buf, "(%d)", contentType(t))
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Chan:
		s.inner(t.Elem())
	case reflect.Array:
		s.buf = strconv.AppendInt(s.buf, int64(t.Len()), 10)
		s.inner(t.Elem())
	case reflect.Map:
		s.inner(t.Key())
		s.inner(t.Elem())
	case reflect.Struct:
		s.buf = append(s.buf, '{')
		for i := range t.NumField() {
			f := t.Field(i)
			s.buf = fmt.Appendf(s.buf, "%q %t %q", f.Name, f.Anonymous, f.Tag)
			s.inner(f.Type)
		}
		s.buf = append(s.buf, '}')
	}
}

func (s *shape) inner(t reflect.Type) {
	s.buf = append(s.buf, '<')
	s.add(t)
	s.buf = append(s.buf, '>')
}

// number returns the number to append to the name of t. It is empty for the first type of a
// name.
func (a alike) number(t reflect.Type) string {
	key := strconv.Quote(t.PkgPath()) + t.String()
	i := slices.Index(a[key], t)
	if i < 0 {
		i = len(a[key])
		a[key] = append(a[key], t)
	}
	if i == 0 {
		return ""
	}
	return "#" + strconv.Itoa(i)
}

// interfaces numbers the interface types without a name, in all plans together.
var interfaces shared

// shared is an alike for all plans. It is safe for concurrent use.
type shared struct {
	mu    sync.Mutex
	types alike
}

func (s *shared) number(t reflect.Type) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types == nil {
		s.types = make(alike)
	}
	return s.types.number(t)
}
