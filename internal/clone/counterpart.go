package clone

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
		if c.seen[pair] { // pointers to themselves
			return false
		}
		c.seen[pair] = true
		return c.of(target(dst), target(src))
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
// the other.
func (c counterparts) names(dst, src reflect.Type) bool {
	given := append(fieldNames(src), methodNames(src, 1, 1)...)
	taken := append(fieldNames(dst), methodNames(dst, 2, -1)...)
	for _, m := range c.opt.FieldNameMapping {
		if reflect.TypeOf(m.SrcType) != src || reflect.TypeOf(m.DstType) != dst {
			continue
		}
		for from, to := range m.Mapping {
			if slices.Contains(given, from) && slices.Contains(taken, to) {
				return true
			}
		}
	}
	return slices.ContainsFunc(given, func(name string) bool {
		return slices.ContainsFunc(taken, func(other string) bool {
			return name == other || !c.opt.CaseSensitive && strings.EqualFold(name, other)
		})
	})
}

// fieldNames returns the names of t's fields, those of embedded structs and of
// tags included.
func fieldNames(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Tag.Get("copier") == "-" {
			continue
		}
		names = append(names, f.Name)
		for part := range strings.SplitSeq(f.Tag.Get("copier"), ",") {
			switch part = strings.TrimSpace(part); part {
			case "", "must", "nopanic", "override":
			default:
				names = append(names, part)
			}
		}
	}
	return names
}

// methodNames returns the methods of *t with as many arguments, the receiver
// included, and results; -1 is any number.
func methodNames(t reflect.Type, in, out int) (names []string) {
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		m := p.Method(i)
		if m.Type.NumIn() == in && (out < 0 || m.Type.NumOut() == out) {
			names = append(names, m.Name)
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
