package queryparams

import (
	"net/url"
	"reflect"
)

// Dynamic is a schema of a type that was made while the program ran.
type Dynamic struct{ p *plan }

// CompileType is NewSchema for a type that is not known before.
func CompileType(t reflect.Type, cfg SchemaConfig) (*Dynamic, error) {
	p, err := compile(t, cfg)
	if err != nil {
		return nil, err
	}
	return &Dynamic{p}, nil
}

// TypeOf is the schema that Bind uses for a type.
func TypeOf(t reflect.Type) (*Dynamic, error) {
	p, err := planOf(t)
	if err != nil {
		return nil, err
	}
	return &Dynamic{p}, nil
}

// Type is the struct type.
func (d *Dynamic) Type() reflect.Type { return d.p.typ }

// Parse is Schema.Parse; its value is a pointer to the struct.
func (d *Dynamic) Parse(raw string) (reflect.Value, error) {
	v := reflect.New(d.p.typ)
	if _, errs := d.p.read(raw, v.Interface()); errs != nil {
		return v, errs
	}
	return v, nil
}

// Encode is Schema.Encode of what v points to.
func (d *Dynamic) Encode(v reflect.Value) (string, error) { return d.p.encode(v.Interface(), false) }

// Names are the names of the parameters.
func (d *Dynamic) Names() []string { return d.p.names }

// Parameters is Schema.Parameters.
func (d *Dynamic) Parameters() []Parameter { return d.p.describe() }

// SetEmpty makes an Opt of any type explicitly empty.
func (o *Opt[T]) SetEmpty() { *o = Cleared[T]() }

// SetValue makes an Opt of any type set, and returns its value for filling in.
func (o *Opt[T]) SetValue() reflect.Value {
	o.state = optSet
	return reflect.ValueOf(&o.value).Elem()
}

// Lookup is what Get does with a raw query.
func Lookup[T any](raw, name string, param Param[T]) (T, error) { return lookup(raw, name, param) }

// SchemaOf is the schema that Bind uses.
func SchemaOf[T any]() (*Schema[T], error) { return schemaOf[T]() }

// Correct is Parse that also returns the faults whose place a default has taken.
func (s *Schema[T]) Correct(raw string) (v T, corrected []*FieldError, err error) {
	corrected, errs := s.plan.read(raw, &v)
	if errs != nil {
		return v, corrected, errs
	}
	return v, corrected, nil
}

// LinkFrom is Link on the page at u.
func (s *Schema[T]) LinkFrom(u *url.URL, v T, edits ...func(*T)) (string, error) {
	for _, edit := range edits {
		edit(&v)
	}
	return s.plan.link(u, u.RawQuery, &v)
}
