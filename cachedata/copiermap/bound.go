package copiermap

import (
	"cmp"
	"fmt"
	"reflect"

	"github.com/reecho-go/reecho/internal/raw"
)

// Limits of what Into gives to copier.
const (
	treeNodes = 1_000_000
	treeDepth = 1_000
)

// boundTree walks v as copier does, every reference anew, and fails where copier would not come to an end.
func boundTree(v reflect.Value) error {
	bad := endless(v.Type())
	budget := treeNodes
	var walk func(v reflect.Value, depth int) bool
	walk = func(v reflect.Value, depth int) bool {
		if !v.IsValid() || !raw.HasPointers(v.Type()) || v.Kind() == reflect.String {
			return true
		}
		if budget--; budget < 0 || depth > treeDepth {
			return false
		}
		switch v.Kind() {
		case reflect.Pointer:
			return walk(v.Elem(), depth+1)
		case reflect.Interface:
			if !v.IsNil() {
				bad = cmp.Or(bad, endless(v.Elem().Type()))
			}
			return walk(v.Elem(), depth+1)
		case reflect.Slice, reflect.Array:
			if !raw.HasPointers(v.Type().Elem()) || v.Type().Elem().Kind() == reflect.String {
				return true
			}
			for i := range v.Len() {
				if !walk(v.Index(i), depth+1) {
					return false
				}
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				if !walk(it.Value(), depth+1) {
					return false
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if !walk(v.Field(i), depth+1) {
					return false
				}
			}
		}
		return true
	}
	complete := walk(v, 0)
	if bad != nil {
		return fmt.Errorf("copiermap: Into: source %s: %w", v.Type(), &endlessError{bad})
	}
	if !complete {
		return fmt.Errorf("copiermap: Into: source %s is cyclic, or deeper than %d or larger than %d references: copier would not come to an end", v.Type(), treeDepth, treeNodes)
	}
	return nil
}
