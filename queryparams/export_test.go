package queryparams

import "reflect"

// General returns s without its quick way of reading, as the oracle for it.
func (s *Schema[T]) General() *Schema[T] {
	p := *s.plan
	p.fast = nil
	return &Schema[T]{plan: &p, retain: s.retain, strip: s.strip}
}

// TookQuick reports whether s has a quick way of reading, which took raw.
func (s *Schema[T]) TookQuick(raw string) bool {
	var v T
	return s.plan.fast != nil && s.plan.quick(raw, reflect.ValueOf(&v).Elem())
}
