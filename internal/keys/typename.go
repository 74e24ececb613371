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

// typeName writes t so that two types never share a name. Types declared
// inside functions may share package path and name: local tells these apart.
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
		// The types in its methods are named without their paths. To ask for the
		// methods would make the linker keep all methods of all types.
		return t.String() + interfaces.number(t)
	default:
		return t.String()
	}
}

// signature writes the parameters and results of a function type.
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

// typeID returns what stands for t behind an interface: its length and name,
// and for composite types the fingerprint of its structure, so that a key in
// a store does not outlive a change of the type. Types declared in functions
// that share a name get a running number. Called under mu.
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
	open map[reflect.Type]int // numbers of the types seen so far
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

// number is what to write behind t; nothing for the first of those that are
// written as it is.
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

// interfaces tells apart the interfaces without a name in all plans.
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
