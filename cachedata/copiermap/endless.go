package copiermap

import (
	"fmt"
	"reflect"
	"sync"
)

// endlessError says that copier would hang or overflow the stack at the type.
type endlessError struct{ t reflect.Type }

func (e *endlessError) Error() string {
	return fmt.Sprintf("copier would never come to an end at %s, which embeds itself or consists of pointers or slices alone: map it by hand", e.t)
}

// endlessTypes remembers what endless found, nil for nothing.
var endlessTypes sync.Map // reflect.Type -> reflect.Type

// endless returns a type in t at which copier would never come to an end, or nil: it lists the fields of an embedded
// struct as its own, without a look whether it is there already, and strips pointers and slices as long as there are any.
func endless(t reflect.Type) reflect.Type {
	if found, ok := endlessTypes.Load(t); ok {
		bad, _ := found.(reflect.Type)
		return bad
	}
	bad := findEndless(t, map[reflect.Type]bool{})
	endlessTypes.Store(t, bad)
	return bad
}

// findEndless walks the exported fields of t, which are all that copier enters.
func findEndless(t reflect.Type, seen map[reflect.Type]bool) reflect.Type {
	if seen[t] {
		return nil
	}
	seen[t] = true
	base := stripped(t)
	if base == nil {
		return t
	}
	switch base.Kind() {
	case reflect.Struct:
		if embedsItself(base, map[reflect.Type]bool{}) {
			return base
		}
		for f := range base.Fields() {
			if !f.IsExported() {
				continue
			}
			if bad := findEndless(f.Type, seen); bad != nil {
				return bad
			}
		}
	case reflect.Map:
		if bad := findEndless(base.Key(), seen); bad != nil {
			return bad
		}
		return findEndless(base.Elem(), seen)
	case reflect.Array:
		return findEndless(base.Elem(), seen)
	}
	return nil
}

// stripped returns t without its pointers and slices, or nil if it consists of nothing else.
func stripped(t reflect.Type) reflect.Type {
	seen := map[reflect.Type]bool{}
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if seen[t] {
			return nil
		}
		seen[t] = true
		t = t.Elem()
	}
	return t
}

// embedsItself reports whether the exported embedded fields of the struct t lead back to a struct in open.
func embedsItself(t reflect.Type, open map[reflect.Type]bool) bool {
	if open[t] {
		return true
	}
	open[t] = true
	defer delete(open, t)
	for f := range t.Fields() {
		if !f.Anonymous || !f.IsExported() {
			continue
		}
		if base := stripped(f.Type); base == nil || base.Kind() == reflect.Struct && embedsItself(base, open) {
			return true
		}
	}
	return false
}
