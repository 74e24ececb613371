package clone_test

import (
	"reflect"
	"testing"
)

// Where the stack would grow too long, the rest of a copy is put off. What is put off must be found again where it is
// by then: not in the variable in which a value waited to be stored in a map, for one.
func TestDeepValuesOfEveryKindShareNothing(t *testing.T) {
	t.Parallel()
	type box struct{ v any }
	for name, wrap := range map[string]func(any) any{
		"map[string]any":       func(v any) any { return map[string]any{"x": v} },
		"map[float64]any":      func(v any) any { return map[float64]any{1: v} },
		"map of structs":       func(v any) any { return map[string]struct{ A, B any }{"x": {v, 1}} },
		"map of arrays":        func(v any) any { return map[string][1]any{"x": {v}} },
		"map of pointers":      func(v any) any { return map[string]*any{"x": &v} },
		"map of maps":          func(v any) any { return map[int]map[int]any{1: {1: v}} },
		"map in a struct":      func(v any) any { return struct{ m map[string]any }{map[string]any{"x": v}} },
		"map in a slice":       func(v any) any { return []map[string]any{{"x": v}} },
		"key behind a pointer": func(v any) any { return map[any]int{&v: 1} },
		"pointer":              func(v any) any { return &v },
		"pointer to a struct":  func(v any) any { return &box{v} },
		"pointer in a struct":  func(v any) any { return struct{ p *box }{&box{v}} },
		"pointer in an array":  func(v any) any { return [1]*any{&v} },
	} {
		for _, depth := range []int{10, 255, 256, 257, 1500} {
			v := any([]int{1, 2, 3})
			for range depth {
				v = wrap(v)
			}
			got := copyOf(t, v)
			t.Run(name, func(t *testing.T) {
				checkCopy(t, reflect.ValueOf(&got).Elem(), reflect.ValueOf(&v).Elem())
			})
		}
	}
}
