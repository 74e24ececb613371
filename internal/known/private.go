package known

import (
	"reflect"
	"time"
)

var (
	errorType    = reflect.TypeFor[error]()
	typeType     = reflect.TypeFor[reflect.Type]()
	locationType = reflect.TypeFor[*time.Location]()
)

// privateReference returns the name of the first private field of the struct t
// that refers to something, or "".
func privateReference(t reflect.Type) string {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
			continue // what is embedded is a type of its own, and its exported fields are those of t
		}
		if refers(f.Type, map[reflect.Type]bool{}) {
			return f.Name
		}
	}
	return ""
}

// refers reports whether there is a reference in a private t. Slices and maps
// are none by themselves: an array and a table mean what their elements mean.
func refers(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if t == locationType || t == typeType || t == errorType {
		return false // shared everywhere
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Uintptr:
		return true
	case reflect.Slice:
		return refers(t.Elem(), seen)
	case reflect.Array:
		return t.Len() > 0 && refers(t.Elem(), seen)
	case reflect.Map:
		return refers(t.Key(), seen) || refers(t.Elem(), seen)
	case reflect.Struct:
		if f, ok := table[tableName(t)]; ok && f.Way != Structure {
			return f.Way == Refuse
		}
		for i := range t.NumField() {
			if refers(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// promotes reports whether an embedded field of the struct t has a method that
// has tells of: that of t may be the field's then, which knows nothing of the rest.
func promotes(t reflect.Type, has func(reflect.Type) bool) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		e := f.Type
		if e.Kind() != reflect.Interface && e.Kind() != reflect.Pointer {
			e = reflect.PointerTo(e)
		}
		if has(e) {
			return true
		}
	}
	return false
}
