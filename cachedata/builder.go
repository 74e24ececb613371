package cachedata

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// checkBuilders returns a [*CopyError] if results hold a strings.Builder in themselves: as
// a field or an element of an array, not behind a reference. A builder knows the address at
// which it was first written to. If that was on a stack, a copy in the cache would have an
// address that may mean anything later, for which the garbage collector ends the process.
func (c *core) checkBuilders() error {
	path, found := builderIn(c.result.Type)
	if !found {
		return nil
	}
	path = strings.TrimPrefix(c.result.Type.Name()+path, ".")
	return &CopyError{Cache: c.name, Path: path, Type: builderType, Err: fmt.Errorf("%s: %w", path, errBuilder)}
}

var (
	builderType = reflect.TypeFor[strings.Builder]()
	errBuilder  = errors.New("a strings.Builder must not be moved into a cache after it was written to: make it the string that it has built, or a pointer")
)

// builderIn returns the path of a strings.Builder in a t.
func builderIn(t reflect.Type) (path string, found bool) {
	switch {
	case t == builderType:
		return "", true
	case t.Kind() == reflect.Array && t.Len() > 0:
		path, found = builderIn(t.Elem())
		return "[]" + path, found
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if path, found = builderIn(f.Type); found {
				return "." + f.Name + path, true
			}
		}
	}
	return "", false
}
