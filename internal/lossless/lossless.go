// Package lossless finds types and values that an encoding such as JSON would keep
// only in part. sessionstate refuses them when a key is made or a value is set, so
// that nothing is missing when the value is read.
package lossless

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is what an encoding keeps.
type Format struct {
	Name string

	// Tags are the struct tags that name fields, the first that is there counts.
	Tags []string

	// Native are types that the encoding keeps by itself.
	Native []reflect.Type

	// Pairs are the interfaces of types that encode and decode themselves.
	Pairs []Pair

	// Dynamic are the types that come back as they are from an interface, beside
	// nil, bool, string, float64, []any and map[string]any.
	Dynamic []reflect.Type

	// Addressed says that a method of a pointer is found for a value only where
	// the value has an address, which those of maps and interfaces have not.
	Addressed bool

	// UTF8 says that strings are changed that are not UTF-8.
	UTF8 bool
}

// Pair is an interface for encoding and the one for decoding, each of one method:
// Marshal and Unmarshal with Suffix.
type Pair struct {
	Suffix         string
	Encode, Decode reflect.Type
}

// The pairs of the standard library.
var (
	Text   = Pair{"Text", reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
	Binary = Pair{"Binary", reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler]()}
)

// JSON is what encoding/json keeps of a value that it is given by a pointer.
var JSON = &Format{
	Name:      "JSON",
	Tags:      []string{"json"},
	Native:    []reflect.Type{reflect.TypeFor[json.Number]()},
	Pairs:     []Pair{{"JSON", reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler]()}, Text},
	Addressed: true,
	UTF8:      true,
}

// Error says where a type or value would lose something, and why. It holds no
// value.
type Error struct {
	Path   string // such as .Items[].Price; empty: the whole
	Type   reflect.Type
	Reason string
}

// Error names the place, its type and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s %s", e.Type, e.Reason)
	}
	return fmt.Sprintf("%s (%s) %s", strings.TrimPrefix(e.Path, "."), e.Type, e.Reason)
}

// Own reports whether values of t have parts that encode themselves.
func (f *Format) Own(t reflect.Type) bool {
	c := checker{f: f, seen: make(map[place]bool)}
	return c.check(t, "", true) == nil && c.selfEncoded
}

// Check returns an *[Error] if values of t lose something whatever they are.
// dynamic says that it depends on the value whether one does: see [Format.Value].
func (f *Format) Check(t reflect.Type) (dynamic bool, err error) {
	c := checker{f: f, seen: make(map[place]bool)}
	if e := c.check(t, "", true); e != nil {
		return false, e
	}
	return c.dynamic, nil
}

type checker struct {
	f           *Format
	seen        map[place]bool
	dynamic     bool // a value may lose something
	selfEncoded bool // there are types that encode themselves
}

type place struct {
	t         reflect.Type
	addressed bool
}

const wayOut = "give the type methods that encode and decode all of it, or keep what matters in exported fields"

func (c *checker) check(t reflect.Type, path string, addressed bool) *Error {
	at := place{t, addressed}
	if c.seen[at] {
		return nil
	}
	c.seen[at] = true
	bad := func(format string, args ...any) *Error { return &Error{path, t, fmt.Sprintf(format, args...)} }
	if slices.Contains(c.f.Native, t) {
		return nil
	}
	switch selfEncoded, err := c.self(t, path, addressed); {
	case err != nil:
		return err
	case selfEncoded:
		c.selfEncoded = true
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return bad("has no form in %s", c.f.Name)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return bad("is an interface with methods, which %s cannot decode: use a concrete type", c.f.Name)
		}
		c.dynamic = true
	case reflect.Pointer:
		switch t.Elem().Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			c.dynamic = true // one to nil comes back as nil
		}
		return c.check(t.Elem(), path, true)
	case reflect.Slice:
		return c.check(t.Elem(), path+"[]", true)
	case reflect.Array:
		return c.check(t.Elem(), path+"[]", addressed)
	case reflect.Map:
		if err := c.key(t.Key(), path+"[key]"); err != nil {
			return err
		}
		return c.check(t.Elem(), path+"[]", false)
	case reflect.Struct:
		return c.fields(t, path, addressed)
	}
	return nil
}

// self reports whether t encodes and decodes itself.
func (c *checker) self(t reflect.Type, path string, addressed bool) (selfEncoded bool, err *Error) {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false, nil
	}
	p := reflect.PointerTo(t)
	for _, pair := range c.f.Pairs {
		switch {
		case !p.Implements(pair.Encode):
			continue
		case !p.Implements(pair.Decode):
			return false, &Error{path, t, fmt.Sprintf("has Marshal%[1]s and not Unmarshal%[1]s, so that it does not come back: add it", pair.Suffix)}
		case !t.Implements(pair.Encode) && c.f.Addressed && !addressed:
			return false, &Error{path, t, fmt.Sprintf("has Marshal%s for its pointer only, which is not called here: use the pointer, *%s", pair.Suffix, t)}
		}
		if t.Kind() == reflect.Struct {
			if f, promoted := promoted(t, &pair); promoted {
				return false, &Error{path, t, fmt.Sprintf("has Marshal%s from its embedded %s, which leaves out all other fields: give the field a name", pair.Suffix, f)}
			}
		}
		return true, nil
	}
	return false, nil
}

// promoted reports whether a struct with other fields has the method of an
// embedded field.
func promoted(t reflect.Type, pair *Pair) (field string, yes bool) {
	if t.NumField() < 2 {
		return "", false
	}
	var from *reflect.StructField
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && (f.Type.Implements(pair.Encode) || reflect.PointerTo(f.Type).Implements(pair.Encode)) {
			if from != nil {
				return "", false // two at one depth: the method is its own
			}
			from = &f
		}
	}
	if from == nil {
		return "", false
	}
	return from.Name, generated(t, pair.Suffix)
}

// key checks the type of a map's keys.
func (c *checker) key(t reflect.Type, path string) *Error {
	if t.Kind() == reflect.String || t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr {
		if _, err := c.textual(t, path); err != nil {
			return err
		}
		return nil
	}
	if selfEncoded, err := c.textual(t, path); selfEncoded || err != nil {
		return err
	}
	return &Error{path, t, "is the key of a map: use a string, an integer, or a type with MarshalText and UnmarshalText"}
}

func (c *checker) textual(t reflect.Type, path string) (bool, *Error) {
	if !slices.ContainsFunc(c.f.Pairs, func(p Pair) bool { return p.Suffix == Text.Suffix }) || !t.Implements(Text.Encode) {
		return false, nil
	}
	if !reflect.PointerTo(t).Implements(Text.Decode) {
		return false, &Error{path, t, "has MarshalText and not UnmarshalText, so that it does not come back: add it"}
	}
	return true, nil
}

// fields checks those of a struct.
func (c *checker) fields(t reflect.Type, path string, addressed bool) *Error {
	names := make(map[string]string)
	kept := 0
	var walk func(t reflect.Type, path string, addressed bool, within []reflect.Type) *Error
	walk = func(t reflect.Type, path string, addressed bool, within []reflect.Type) *Error {
		for i := range t.NumField() {
			f := t.Field(i)
			at := path + "." + f.Name
			name, tagged := c.name(f)
			if name == "" || f.Name == "_" {
				continue
			}
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if f.Anonymous && !tagged && inner.Kind() == reflect.Struct && !slices.Contains(c.f.Native, inner) {
				selfEncoded, err := c.self(inner, at, addressed || inner != f.Type)
				if err != nil {
					return err
				}
				if !selfEncoded || !f.IsExported() {
					if inner != f.Type && !f.IsExported() {
						return &Error{at, f.Type, "is an embedded pointer to an unexported struct, which cannot be decoded: export it, or embed the struct"}
					}
					if slices.Contains(within, inner) {
						continue
					}
					if err := walk(inner, at, addressed || inner != f.Type, append(within, inner)); err != nil {
						return err
					}
					continue
				}
			}
			if !f.IsExported() {
				return &Error{at, f.Type, fmt.Sprintf("is a field of %s that is not exported, so %s leaves it out: %s; tag the field `%s:\"-\"` if it may be lost", t, c.f.Name, wayOut, c.f.Tags[len(c.f.Tags)-1])}
			}
			if other, twice := names[name]; twice {
				return &Error{at, f.Type, fmt.Sprintf("has the name %q in %s, as %s has: only one of them, or none, is kept", name, c.f.Name, strings.TrimPrefix(other, "."))}
			}
			names[name] = at
			kept++
			if err := c.check(f.Type, at, addressed); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(t, path, addressed, []reflect.Type{t}); err != nil {
		return err
	}
	if kept == 0 && t.NumField() > 0 {
		return &Error{path, t, fmt.Sprintf("has fields, and %s keeps none of them: %s", c.f.Name, wayOut)}
	}
	return nil
}

// name is what a field is called, empty if it is left out, and whether a tag says
// so. The tag "-," is a name.
func (c *checker) name(f reflect.StructField) (name string, tagged bool) {
	for _, tag := range c.f.Tags {
		text, ok := f.Tag.Lookup(tag)
		if !ok {
			continue
		}
		if text == "-" {
			return "", true
		}
		if name, _, _ := strings.Cut(text, ","); name != "" {
			return name, true
		}
		break
	}
	return f.Name, false
}

// Value returns an *[Error] if what p points to, of a type that [Format.Check] has
// passed, loses something: an interface that holds what comes back as another type, a pointer to
// nil, a string that is not UTF-8. Values must have no cycles.
func (f *Format) Value(p any) error {
	if e := f.value(reflect.ValueOf(p).Elem(), "", false); e != nil {
		return e
	}
	return nil
}

func (f *Format) value(v reflect.Value, path string, dynamic bool) *Error {
	if !v.IsValid() {
		return nil
	}
	t := v.Type()
	if dynamic && !slices.Contains(f.Dynamic, t) {
		switch t {
		case reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[float64](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any]():
		default:
			return &Error{path, t, fmt.Sprintf("is in an interface, and comes back from %s as another type: use a concrete type for it", f.Name)}
		}
	}
	if kind := t.Kind(); dynamic && (kind == reflect.Slice || kind == reflect.Map) && v.IsNil() {
		return &Error{path, t, "is nil in an interface, and comes back as an interface that is nil: leave it out, or make it empty"}
	}
	if slices.Contains(f.Native, t) {
		return nil
	}
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		for _, pair := range f.Pairs {
			if reflect.PointerTo(t).Implements(pair.Encode) {
				return nil
			}
		}
	}
	switch t.Kind() {
	case reflect.String:
		if f.UTF8 && !utf8.ValidString(v.String()) {
			return &Error{path, t, fmt.Sprintf("is not UTF-8, which %s needs: use []byte", f.Name)}
		}
	case reflect.Interface:
		if !v.IsNil() {
			return f.value(v.Elem(), path, true)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		switch e := v.Elem(); e.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			if e.IsNil() {
				return &Error{path, t, "points to nil, and comes back as nil"}
			}
		}
		return f.value(v.Elem(), path, false)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() <= reflect.Complex128 && t.Elem().Kind() != reflect.Invalid {
			return nil
		}
		for i := range v.Len() {
			if err := f.value(v.Index(i), fmt.Sprintf("%s[%d]", path, i), false); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := f.value(it.Key(), path+"[key]", false); err != nil {
				return err
			}
			if err := f.value(it.Value(), path+"[]", false); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			if !field.IsExported() && !field.Anonymous {
				continue
			}
			if name, _ := (&checker{f: f}).name(field); name == "" {
				continue
			}
			if err := f.value(v.Field(i), path+"."+field.Name, false); err != nil {
				return err
			}
		}
	}
	return nil
}
