package copiermap

import (
	"reflect"
	"slices"
	"strings"

	"github.com/jinzhu/copier"
)

// counterpart reports whether copier can map anything of a src into a dst. Where
// it cannot, it mostly does nothing and says nothing.
func counterpart(dst, src reflect.Type, opt copier.Option) bool {
	return counterparts{opt, map[[2]reflect.Type]bool{}}.of(dst, src)
}

type counterparts struct {
	opt  copier.Option
	seen map[[2]reflect.Type]bool
}

func (c counterparts) of(dst, src reflect.Type) bool {
	for _, conv := range c.opt.Converters {
		if reflect.TypeOf(conv.SrcType) == src && reflect.TypeOf(conv.DstType) == dst {
			return true
		}
	}
	if dst.Kind() == reflect.Pointer || src.Kind() == reflect.Pointer {
		pair := [2]reflect.Type{dst, src}
		dst, src = target(dst), target(src)
		if c.seen[pair] { // pointers to themselves, or of structs
			return dst.Kind() == reflect.Struct && src.Kind() == reflect.Struct
		}
		c.seen[pair] = true
		return c.of(dst, src)
	}
	from, to := src.Kind(), dst.Kind()
	switch {
	case src.AssignableTo(dst), from == reflect.Interface, to == reflect.Interface,
		reflect.PointerTo(dst).Implements(scannerType), src.Implements(valuerType):
		return true // or copier says why not
	case from == reflect.Struct && to == reflect.Struct:
		return c.names(dst, src)
	case to == reflect.Slice && from == reflect.Struct:
		return c.of(dst.Elem(), src)
	case to == reflect.Slice && from == reflect.Slice:
		return c.of(dst.Elem(), src.Elem())
	case to == reflect.Map && from == reflect.Map:
		return c.of(dst.Key(), src.Key()) && c.of(dst.Elem(), src.Elem())
	case to == reflect.Array || from == reflect.Array:
		return false
	}
	return src.ConvertibleTo(dst)
}

// names reports whether a field or method of one struct has a counterpart in
// the other. Two fields of one name are none if neither is made of the other.
func (c counterparts) names(dst, src reflect.Type) bool {
	pair := [2]reflect.Type{dst, src}
	if c.seen[pair] { // structs that lead to themselves
		return true
	}
	c.seen[pair] = true
	given := append(fieldNames(src), methodNames(src, 1, 1)...)
	taken := append(fieldNames(dst), methodNames(dst, 2, -1)...)
	for _, m := range c.opt.FieldNameMapping {
		if reflect.TypeOf(m.SrcType) != src || reflect.TypeOf(m.DstType) != dst {
			continue
		}
		for from, to := range m.Mapping {
			if slices.ContainsFunc(given, func(m member) bool { return m.name == from }) && slices.ContainsFunc(taken, func(m member) bool { return m.name == to }) {
				return true
			}
		}
	}
	return slices.ContainsFunc(given, func(m member) bool {
		return slices.ContainsFunc(taken, func(other member) bool {
			same := m.name == other.name || !c.opt.CaseSensitive && strings.EqualFold(m.name, other.name)
			return same && (m.typ == nil || other.typ == nil || c.of(other.typ, m.typ))
		})
	})
}

// member is a field of a struct, or a method, of which typ is nil.
type member struct {
	name  string
	typ   reflect.Type
	index []int
}

// fieldNames returns t's fields, by their names, those of embedded structs and
// of tags included.
func fieldNames(t reflect.Type) (names []member) {
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Tag.Get("copier") == "-" {
			continue
		}
		names = append(names, member{f.Name, f.Type, f.Index})
		for part := range strings.SplitSeq(f.Tag.Get("copier"), ",") {
			switch part = strings.TrimSpace(part); part {
			case "", "must", "nopanic", "override":
			default:
				names = append(names, member{part, f.Type, f.Index})
			}
		}
	}
	return names
}

// methodNames returns the methods of *t with as many arguments, the receiver
// included, and results; -1 is any number.
func methodNames(t reflect.Type, in, out int) (names []member) {
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		m := p.Method(i)
		if m.Type.NumIn() == in && (out < 0 || m.Type.NumOut() == out) {
			names = append(names, member{name: m.Name})
		}
	}
	return names
}

func target(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
