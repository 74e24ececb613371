package keys

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// carriedDepth bounds how deep the search for interfaces goes.
const carriedDepth = 1000

// Own is [Keys.Snapshot] of a key that comes from a caller: it copies strings
// too, because they may lie over a buffer that the caller uses again. id is the key's
// [Keys.ID], or ends with it: strings of the copy are parts of it where they can be. So
// who keeps one of them keeps id. Own also fails if an interface in the key holds a type
// that carries a visitor.
func (k *Keys) Own(key unsafe.Pointer, id string) (unsafe.Pointer, error) {
	own, err := k.copied(key, k.own, id)
	if err == nil && holdsInterface(k.t.Type) {
		err = k.carried(own)
	}
	return own, err
}

// carried returns a [*Error] if an interface in the key holds a value that carries a
// visitor, such as the context of a request, also in a field that is left out of the
// key: the load would see the first visitor's value for all. [For] checks the type
// of the key itself. own is a copy, so it is safe to walk. Fields that are left out
// still belong to the caller: of these, carried looks only at the types in interfaces.
func (k *Keys) carried(own unsafe.Pointer) error {
	path := k.t.Type.Name()
	if path == "" {
		path = "key"
	}
	w := visitorWalk{owner: k.owner, seen: map[reflect.Type]bool{}}
	w.value(reflect.NewAt(k.t.Type, own).Elem(), path, false, 0)
	return errors.Join(w.errs...)
}

// value searches a value for interfaces, and checks the types of the values in them.
func (v *visitorWalk) value(of reflect.Value, path string, leftOut bool, depth int) {
	t := of.Type()
	if len(v.errs) > 0 || depth > carriedDepth || !holdsInterface(t) {
		return
	}
	switch t.Kind() {
	case reflect.Interface:
		if of.IsNil() {
			return
		}
		v.dynamic(of.Elem().Type(), path, leftOut)
		if !leftOut {
			v.value(of.Elem(), path, false, depth+1)
		}
	case reflect.Pointer:
		if !leftOut && !of.IsNil() {
			v.value(of.Elem(), path, false, depth+1)
		}
	case reflect.Array, reflect.Slice:
		if t.Kind() == reflect.Slice && leftOut {
			return
		}
		for i := range of.Len() {
			v.value(of.Index(i), fmt.Sprintf("%s[%d]", path, i), leftOut, depth+1)
		}
	case reflect.Map:
		if leftOut {
			return
		}
		for entries := of.MapRange(); entries.Next(); {
			v.value(entries.Key(), path+"[key]", false, depth+1)
			v.value(entries.Value(), path+"[]", false, depth+1)
		}
	case reflect.Struct:
		if skipsFields(t, leftOut) {
			return
		}
		for i := range t.NumField() {
			f := t.Field(i)
			v.value(of.Field(i), path+"."+f.Name, leftOut || ignored(f), depth+1)
		}
	}
}

// dynamic checks the type of the value in an interface.
func (v *visitorWalk) dynamic(t reflect.Type, path string, leftOut bool) {
	at := inInterface{t, leftOut}
	if _, ok := harmless.Load(at); ok {
		return
	}
	clear(v.seen)
	if v.walk(t, path, leftOut); len(v.errs) == 0 {
		harmless.Store(at, true)
	}
}

// inInterface is a type in an interface, and whether the interface is left out of the
// key. The type is not embedded: its methods would make the linker keep the methods of
// all types.
type inInterface struct {
	typ     reflect.Type
	leftOut bool
}

// harmless has the types in interfaces that carry no visitor. It remembers what
// [visitorWalk.walk] has found.
var harmless sync.Map

// holdsInterface reports whether values of t may hold an interface.
func holdsInterface(t reflect.Type) bool {
	if holds, ok := opaque.Load(t); ok {
		return holds.(bool)
	}
	holds := anyInterface(t, map[reflect.Type]bool{})
	opaque.Store(t, holds)
	return holds
}

// opaque remembers what [holdsInterface] has found.
var opaque sync.Map

func anyInterface(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return anyInterface(t.Elem(), seen)
	case reflect.Map:
		return anyInterface(t.Key(), seen) || anyInterface(t.Elem(), seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if anyInterface(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
