package queryparams

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// Codec is the text form of one type, for [SchemaConfig.Codecs].
type Codec struct {
	typ reflect.Type
	c   codec
}

// NewCodec makes a codec for T from two functions that undo each other:
// parse(format(v)) must be v for every v that format accepts. [Schema.Encode]
// checks it, by T's method Equal, Cmp or Compare if it has one, or else part by
// part, and refuses a value that reads back as another one. expected says
// in a few words what is allowed, such as "a colour like #ff8800"; it is
// shown to clients. Both functions may be called from many goroutines.
func NewCodec[T any](expected string, parse func(string) (T, error), format func(T) (string, error)) Codec {
	if parse == nil || format == nil {
		return Codec{}
	}
	return Codec{typ: reflect.TypeFor[T](), c: &funcCodec[T]{expected, parse, format}}
}

// OneOf makes a codec for T that reads and writes the given values alone: what
// the enum tag is for values that come from data and are known only when the
// program starts. A fault lists them and suggests the nearest one. [NewSchema]
// refuses a Codec of no values, or of one that is given twice.
func OneOf[T ~string](values ...string) Codec {
	c := &oneOfCodec{texts: slices.Clone(values), known: make(map[string]bool, len(values))}
	for _, v := range values {
		c.known[v] = true
	}
	if len(c.known) == 0 || len(c.known) < len(values) {
		return Codec{}
	}
	return Codec{typ: reflect.TypeFor[T](), c: c}
}

// oneOfCodec reads and writes strings of a list.
type oneOfCodec struct {
	texts []string
	known map[string]bool
}

func (c *oneOfCodec) parse(v reflect.Value, s string) (Code, error) {
	if !c.known[s] {
		return CodeEnum, nil
	}
	v.SetString(s)
	return codeFine, nil
}

func (c *oneOfCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	if !c.known[v.String()] {
		return b, fmt.Errorf("%q is not one of the allowed values%s", v.String(), didYouMean(nearest(v.String(), c.texts)))
	}
	return append(b, v.String()...), nil
}

func (c *oneOfCodec) expected() string  { return "one of " + strings.Join(c.texts, ", ") }
func (c *oneOfCodec) options() []string { return c.texts }

type funcCodec[T any] struct {
	text   string
	read   func(string) (T, error)
	format func(T) (string, error)
}

func (c *funcCodec[T]) parse(v reflect.Value, s string) (Code, error) {
	t, err := c.read(s)
	if err != nil {
		return CodeType, err
	}
	*v.Addr().Interface().(*T) = t
	return "", nil
}

func (c *funcCodec[T]) appendText(b []byte, v reflect.Value) ([]byte, error) {
	s, err := c.format(*v.Addr().Interface().(*T))
	return append(b, s...), err
}

func (c *funcCodec[T]) expected() string { return c.text }

func (c *funcCodec[T]) foreign() {}

// textCodec reads and writes a type by its UnmarshalText and MarshalText, as
// encoding/json does: one of them may be the type's own and the other that of
// an embedded type.
type textCodec struct {
	typ reflect.Type
	// appends says to write with AppendText, which saves an allocation.
	appends bool
}

// newTextCodec makes the codec of t, whose pointer has UnmarshalText and
// MarshalText. It refuses a type that mixes its own methods with those of a
// type that it embeds so that nothing could be read.
func newTextCodec(t reflect.Type) (codec, error) {
	embeds, pointer := embedsText(t)
	c := textCodec{typ: t, appends: !embeds && reflect.PointerTo(t).Implements(appenderType)}
	if !embeds {
		return c, nil
	}
	text, err := c.try(func(v reflect.Value) ([]byte, error) { return c.appendText(nil, v) })
	if err != nil { // a zero value need not have a text
		text = nil
	}
	for _, s := range []string{"", "0", string(text)} {
		_, err := c.try(func(v reflect.Value) ([]byte, error) {
			_, err := c.parse(v, s)
			return nil, err
		})
		if _, ok := err.(*panicked); ok { //lint:ignore errorlint made by try alone
			return nil, fmt.Errorf("%s: its UnmarshalText panics on a new value (%w): give it an UnmarshalText of its own that makes what it embeds, or use a Codec", typeName(t), err)
		}
		if err != nil && s != "" && s == string(text) && !pointer {
			return nil, fmt.Errorf("%s: its MarshalText writes %q, which its UnmarshalText cannot read: one of them is that of an embedded type; give it both, or use a Codec", typeName(t), text)
		}
	}
	return c, nil
}

// embedsText reports whether t is a struct some of whose text methods may be
// those of an embedded type, and whether that one is embedded by a pointer or
// as an interface.
func embedsText(t reflect.Type) (embeds, pointer bool) {
	if t.Kind() != reflect.Struct {
		return false, false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		p := reflect.PointerTo(f.Type)
		if f.Type.Kind() == reflect.Pointer {
			p = f.Type
		}
		if p.Implements(unmarshalerType) || p.Implements(marshalerType) || p.Implements(appenderType) || f.Type.Kind() == reflect.Interface {
			embeds = true
			pointer = pointer || f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Interface
		}
	}
	return embeds, pointer
}

// panicked is the error that try returns for a panic.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

// try runs fn on a new value.
func (c textCodec) try(fn func(reflect.Value) ([]byte, error)) (text []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
	}()
	return fn(reflect.New(c.typ).Elem())
}

func (textCodec) parse(v reflect.Value, s string) (Code, error) {
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		return CodeType, err
	}
	return "", nil
}

func (c textCodec) appendText(b []byte, v reflect.Value) ([]byte, error) {
	if c.appends {
		return v.Addr().Interface().(encoding.TextAppender).AppendText(b)
	}
	text, err := v.Addr().Interface().(encoding.TextMarshaler).MarshalText()
	return append(b, text...), err
}

func (c textCodec) expected() string {
	switch c.typ {
	case reflect.TypeFor[netip.Addr]():
		return "an IP address"
	case reflect.TypeFor[netip.Prefix]():
		return "an IP prefix such as 192.0.2.0/24"
	case reflect.TypeFor[netip.AddrPort]():
		return "an IP address and port"
	}
	return "a valid " + c.typ.Name()
}

// isForeign reports whether c runs code of the type or of the program: Encode
// checks that it reads what it has written.
func isForeign(c codec) bool {
	switch c.(type) {
	case textCodec, foreign:
		return true
	}
	return false
}

// foreign is a codec made by [NewCodec].
type foreign interface{ foreign() }

// readsBack checks that c reads text, which it has written for v, as v.
func readsBack(c codec, v reflect.Value, text string) error {
	back := reflect.New(v.Type()).Elem()
	if code, cause := c.parse(back, text); code != codeFine {
		if cause == nil {
			cause = errors.New("it " + details[code])
		}
		return fmt.Errorf("its text %q does not read back: %w", text, cause)
	}
	if v.Comparable() && back.Comparable() && v.Equal(back) {
		return nil
	}
	if !equal(v, back, 0) {
		return fmt.Errorf("its text %q reads back as another value", text)
	}
	if again, err := c.appendText(nil, back); err != nil || string(again) != text {
		return fmt.Errorf("its text %q reads back as a value whose text is %q", text, again)
	}
	return nil
}

// keyReadsBack checks that c reads text, which it has written for the key of a
// map, as the key that finds the same in the map.
func keyReadsBack(c codec, key reflect.Value, text string) error {
	back := reflect.New(key.Type()).Elem()
	if code, _ := c.parse(back, text); code != codeFine || !back.Equal(key) {
		return fmt.Errorf("the key's text %q does not read back as the key", text)
	}
	return nil
}
