package queryparams

import (
	"reflect"
	"strings"
)

// Schema reads, checks and writes queries of one struct type. It is compiled
// once, is immutable, and is safe for concurrent use.
type Schema[T any] struct{ plan *plan }

// NewSchema compiles the schema of T, a struct. All problems of its tags,
// defaults, names and types come back together in a [SchemaError].
//
// If T or *T has a method Validate() error, it checks rules that tags cannot
// express, such as that one field is before another. It is called on a value whose
// fields are valid by themselves, after the value was read and before it is
// written. It may return *FieldError values, joined, to name parameters; the text of
// any other error is shown to the client. If T has no such method, NewSchema
// refuses parameters whose types have one, since nothing would call it, and logs a
// warning by package log for fields with tags of other validators (validate,
// binding), which are not read here.
func NewSchema[T any](cfg SchemaConfig) (*Schema[T], error) {
	p, err := compile(reflect.TypeFor[T](), cfg)
	if err != nil {
		return nil, err
	}
	return &Schema[T]{plan: p}, nil
}

// Must returns v, or panics with err: for package variables.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Parse reads a raw query, without the question mark. Its error is an
// [*Errors], and the value is then the zero T. It costs one allocation for T,
// one for each text that had escapes and one for each list.
func (s *Schema[T]) Parse(raw string) (T, error) {
	v := new(T)
	if _, errs := s.plan.read(raw, v); errs != nil {
		return *v, errs
	}
	return *v, nil
}

// read is Parse into v, a pointer to a zero struct of the plan's type, that also
// returns the faults whose place a default has taken.
func (p *plan) read(raw string, v any) ([]*FieldError, *Errors) {
	if p.cfg.Clone {
		raw = strings.Clone(raw)
	}
	dst := reflect.ValueOf(v).Elem()
	corrected, errs := p.parse(raw, dst)
	if errs == nil && p.hooked {
		errs = hookErrors(v)
	}
	if errs != nil {
		dst.SetZero()
	}
	return corrected, errs
}

// Encode writes v as a raw query: parameters in the order of T's fields, only
// printable ASCII, defaults left out. For every value that it accepts,
// Parse(Encode(v)) is v again. (Times are compared as instants, and what Parse
// would refuse, Encode refuses.) Its error is an [*EncodeError]. It costs two
// allocations, and some for each value of a type with methods or a codec of the
// program's: it is read back before it counts as written.
func (s *Schema[T]) Encode(v T) (string, error) {
	return s.plan.encode(&v, false)
}
