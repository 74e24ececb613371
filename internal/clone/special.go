package clone

import (
	"log/slog"
	"reflect"
	"strings"
	"unsafe"
)

// valueType is that of a slog.Value, whose private data is a string without its length, the first of several
// attributes, or what the caller has put into it.
var valueType = reflect.TypeFor[slog.Value]()

// builderNode and valueNode name the types where a limit is reached.
var (
	builderNode = &node{typ: reflect.TypeFor[strings.Builder]()}
	valueNode   = &node{typ: valueType}
)

// fixBuilder gives the strings.Builder at p its own buffer. A builder that was written to knows its address and
// panics elsewhere, so it is written anew where it is now.
func fixBuilder(p unsafe.Pointer, s *state) {
	b := (*strings.Builder)(p)
	text := b.String()
	*b = strings.Builder{}
	if s.charge(builderNode, len(text)) {
		b.WriteString(text)
	}
}

// fixLogValue copies what the slog.Value at p refers to and is not a string.
func fixLogValue(p unsafe.Pointer, s *state) {
	v := (*slog.Value)(p)
	switch v.Kind() {
	case slog.KindGroup:
		attrs := v.Group()
		if s.depth-s.floor >= keyDepth {
			s.fail(&ValueError{Type: valueType, Reason: "groups are nested too deeply"})
		}
		if !s.charge(valueNode, len(attrs)*int(unsafe.Sizeof(slog.Attr{}))) || !s.deeper(valueNode) {
			return
		}
		own := append([]slog.Attr{}, attrs...)
		for i := range own {
			fixLogValue(unsafe.Pointer(&own[i].Value), s)
		}
		s.depth--
		*v = slog.GroupValue(own...)
	case slog.KindAny, slog.KindLogValuer:
		held := v.Any()
		fixAny(unsafe.Pointer(&held), s)
		*v = slog.AnyValue(held)
	}
}

// dropped is the node of a field that is zero in copies. Nothing of it is looked at.
func dropped(t reflect.Type) *node {
	return &node{typ: t, role: roleDropped, opaque: true, fix: func(p unsafe.Pointer, _ *state) { reflect.NewAt(t, p).Elem().SetZero() }}
}
