package keys

import (
	"errors"
	"reflect"
	"slices"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

// copies returns the plan that copies keys of t; nil means by assignment.
func copies(t reflect.Type, plan *Plan, cfg Config) *clone.Untyped {
	if plan.Flat() {
		return nil
	}
	return copied(t, cfg, clone.Config{Keep: leftOut})
}

// copied returns the plan that copies keys of t by the configuration how; nil means by
// assignment.
func copied(t reflect.Type, cfg Config, how clone.Config) *clone.Untyped {
	how.Immutable, how.Trusted = standIns(cfg), cfg.Trusted
	for {
		p, err := clone.ForType(t, how)
		if err == nil {
			return p
		}
		// A type that can be compared may be impossible to copy: then it is shared.
		n := len(how.Immutable)
		_ = Each(err, func(err error) error {
			if at, ok := errors.AsType[*clone.TypeError](err); ok && !slices.Contains(how.Immutable, at.Type) {
				how.Immutable = append(how.Immutable, at.Type)
			}
			return nil
		})
		if len(how.Immutable) == n {
			return nil
		}
	}
}

// standIns returns the types with a HashFunc whose values a copy of a key must share: those
// whose identity may matter to the load function, such as a *sql.DB, and those with values
// that cannot be copied.
func standIns(cfg Config) []reflect.Type {
	var out []reflect.Type
	for t := range cfg.HashFuncs {
		switch t.Kind() {
		case reflect.String:
			continue
		case reflect.Slice, reflect.Map, reflect.Struct, reflect.Array:
			if clone.Copyable(t) {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// sizes returns the function that measures keys of t that are copied by the configuration
// how. It is nil if they cannot be measured, or if the shape is not Encoded.
func sizes(t reflect.Type, shape Shape, cfg Config, how clone.Config) func(key unsafe.Pointer, id string) int64 {
	if shape != Encoded {
		return nil
	}
	how.Immutable, how.Trusted = standIns(cfg), cfg.Trusted
	plan, err := clone.ForType(t, how)
	if err != nil {
		return nil
	}
	links := plan.Links() // of copies, as all keys in a cache are
	return func(key unsafe.Pointer, id string) int64 { return plan.SizeOver(key, links, id) }
}

// leftOut reports whether a copy of a key shares the value of the field: the field is no
// part of the key, such as a client, a logger or a lock; or only its text is, and some
// values of its type cannot be copied.
func leftOut(f reflect.StructField) bool {
	if ignored(f) {
		return f.Type.Kind() != reflect.String
	}
	return f.Tag.Get("hash") == "string" && !clone.Copyable(f.Type)
}

// ignored reports whether the field is no part of the key.
func ignored(f reflect.StructField) bool {
	tag := f.Tag.Get("hash")
	return tag == "ignore" || tag == "-"
}

// leavesOut reports whether a t may have fields that are no part of the key, and has no
// method (Includable, IncludableMap) that could read them to decide about others.
func leavesOut(t reflect.Type) bool {
	w := leftOutWalk{seen: map[reflect.Type]bool{}}
	w.walk(t)
	return w.found && !w.asked
}

// includable and includableMap are hashstructure's.
var (
	includable = reflect.TypeFor[interface {
		HashInclude(field string, v any) (bool, error)
	}]()
	includableMap = reflect.TypeFor[interface {
		HashIncludeMap(field string, k, v any) (bool, error)
	}]()
)

type leftOutWalk struct {
	seen         map[reflect.Type]bool
	found, asked bool
}

func (w *leftOutWalk) walk(t reflect.Type) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		w.found = true // the value in it may have such fields
	case reflect.Pointer, reflect.Slice, reflect.Array:
		w.walk(t.Elem())
	case reflect.Map:
		w.walk(t.Key())
		w.walk(t.Elem())
	case reflect.Struct:
		p := reflect.PointerTo(t)
		w.asked = w.asked || p.Implements(includable) || p.Implements(includableMap)
		for i := range t.NumField() {
			if f := t.Field(i); ignored(f) {
				w.found = true
			} else {
				w.walk(f.Type)
			}
		}
	}
}
