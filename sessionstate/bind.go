package sessionstate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/middleware"
)

// Field binds a form field to a key. [Key.Field] makes it; [Bind] and
// [Manager.Bind] use it.
type Field struct {
	name string
	// parse returns the change for the field's values.
	parse func(c Codec, values []string) (set func(s *State) error, err error)
}

// Field returns the form field of that name, bound to the key. T is a string, a
// bool, a number, a time.Time (RFC 3339, or as inputs of type date and
// datetime-local send it, in UTC), a time.Duration, a type that implements
// encoding.TextUnmarshaler, or a slice of these. Field panics for other types,
// since such a field could never work.
//
// A field that is not in the form leaves the key alone, and a browser does not
// send a checkbox that is off: put a hidden input of the same name and the value
// false before it. Of several values, a bool takes the last and a slice takes
// all; for other types they are a fault.
func (k *Key[T]) Field(name string) Field { return k.key.field(name) }

func (k *untypedKey) field(name string) Field {
	parse, ok := fieldParser(k.id.typ)
	if !ok {
		panic(fmt.Sprintf("sessionstate: key %q: a form field cannot be a %v: use text, numbers, bool, times, encoding.TextUnmarshaler, or slices of them", k.bareName(), k.id.typ))
	}
	return Field{name: name, parse: func(c Codec, values []string) (func(s *State) error, error) {
		v := reflect.New(k.id.typ)
		if err := parse(v.Elem(), values); err != nil {
			return nil, err
		}
		e, err := k.encode(c, v.Interface())
		if err != nil {
			return nil, err
		}
		return func(s *State) error { return k.put(s, e) }, nil
	}}
}

// BindError says that the texts of form fields are not values of their keys. No
// key was changed. Its HTTP status is 400.
type BindError struct {
	// Fields are the faults by the name of the field.
	Fields map[string]error
}

var _ middleware.Error = (*BindError)(nil)

// Error names the fields. It leaves out their values.
func (e *BindError) Error() string {
	var b strings.Builder
	b.WriteString("sessionstate: form:")
	for i, name := range e.names() {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " field %q: %v", name, e.Fields[name])
	}
	return b.String()
}

func (e *BindError) names() []string { return slices.Sorted(maps.Keys(e.Fields)) }

// Unwrap returns the faults.
func (e *BindError) Unwrap() []error {
	var errs []error
	for _, name := range e.names() {
		errs = append(errs, e.Fields[name])
	}
	return errs
}

// StatusCode is 400.
func (e *BindError) StatusCode() int { return http.StatusBadRequest }

// Problem implements the toolkit's error interface.
func (e *BindError) Problem() middleware.Problem {
	d := middleware.Problem{Detail: "Some fields of the form could not be read. Nothing was changed."}
	for _, name := range e.names() {
		d.Errors = append(d.Errors, middleware.ProblemItem{Parameter: name, Code: "invalid", Detail: e.Fields[name].Error()})
	}
	return d
}

// bind sets the keys of fields to the values in the form: all or none.
func (s *State) bind(form url.Values, fields []Field) error {
	var sets []func(s *State) error
	faults := make(map[string]error)
	for _, f := range fields {
		values, ok := form[f.name]
		if !ok {
			continue
		}
		set, err := f.parse(s.m.values, values)
		if err != nil {
			faults[f.name] = err
			continue
		}
		sets = append(sets, set)
	}
	if len(faults) > 0 {
		return &BindError{faults}
	}
	if err := s.loadAll(); err != nil {
		return err
	}
	s.mu.Lock()
	cur, before := s.current, s.changes
	before.keys = slices.Clone(before.keys)
	s.mu.Unlock()
	for _, set := range sets {
		if err := set(s); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.isOpen() {
				s.current, s.changes = cur, before
			}
			return err
		}
	}
	return nil
}

// The faults of form fields.
var (
	errSeveral  = errors.New("there are several values where one is expected")
	errNoText   = errors.New("not readable")
	errNoBool   = errors.New("not a yes or no")
	errNoNumber = errors.New("not a number that fits")
	errNoTime   = errors.New("not a time")
	errNoSpan   = errors.New("not a duration, such as 1h30m")
)

type parseFunc func(dst reflect.Value, values []string) error

// fieldParser returns the function that makes a t from the values of a form field.
func fieldParser(t reflect.Type) (parseFunc, bool) {
	if t.Kind() == reflect.Slice && !isText(t) {
		one, ok := valueParser(t.Elem())
		return func(dst reflect.Value, values []string) error {
			dst.Set(reflect.MakeSlice(t, len(values), len(values)))
			for i, v := range values {
				if err := one(dst.Index(i), v); err != nil {
					return err
				}
			}
			return nil
		}, ok
	}
	one, ok := valueParser(t)
	return func(dst reflect.Value, values []string) error {
		switch {
		case len(values) == 0:
			return errNoText
		case len(values) > 1 && t.Kind() != reflect.Bool:
			return errSeveral
		}
		return one(dst, values[len(values)-1])
	}, ok
}

// textUnmarshaler is encoding.TextUnmarshaler.
type textUnmarshaler interface{ UnmarshalText(text []byte) error }

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[textUnmarshaler]())
}

// valueParser returns the function that makes a t from one value.
func valueParser(t reflect.Type) (func(dst reflect.Value, value string) error, bool) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return parseTime, true
	case t == reflect.TypeFor[time.Duration]():
		return parseSpan, true
	case isText(t):
		return parseText, true
	}
	switch t.Kind() {
	case reflect.String:
		return parseString, true
	case reflect.Bool:
		return parseBool, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return parseInt, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return parseUint, true
	case reflect.Float32, reflect.Float64:
		return parseFloat, true
	}
	return nil, false
}

func parseString(dst reflect.Value, value string) error {
	dst.SetString(strings.ToValidUTF8(value, "\uFFFD"))
	return nil
}

func parseBool(dst reflect.Value, value string) error {
	switch value {
	case "on", "true", "1":
		dst.SetBool(true)
	case "", "off", "false", "0":
		dst.SetBool(false)
	default:
		return errNoBool
	}
	return nil
}

func parseInt(dst reflect.Value, value string) error {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, dst.Type().Bits())
	if err != nil {
		return errNoNumber
	}
	dst.SetInt(n)
	return nil
}

func parseUint(dst reflect.Value, value string) error {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, dst.Type().Bits())
	if err != nil {
		return errNoNumber
	}
	dst.SetUint(n)
	return nil
}

func parseFloat(dst reflect.Value, value string) error {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), dst.Type().Bits())
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return errNoNumber
	}
	dst.SetFloat(n)
	return nil
}

func parseTime(dst reflect.Value, value string) error {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, value); err == nil {
			dst.Set(reflect.ValueOf(t))
			return nil
		}
	}
	return errNoTime
}

func parseSpan(dst reflect.Value, value string) error {
	d, err := time.ParseDuration(strings.TrimSpace(value))
	if err != nil {
		return errNoSpan
	}
	dst.SetInt(int64(d))
	return nil
}

func parseText(dst reflect.Value, value string) error {
	if dst.Addr().Interface().(textUnmarshaler).UnmarshalText([]byte(value)) != nil {
		return errNoText // its own error may quote the value
	}
	return nil
}
