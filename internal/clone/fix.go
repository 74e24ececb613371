package clone

import (
	"log/slog"
	"reflect"
	"strings"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
)

// link builds the copier of n. The nodes that n refers to may be linked later: n reads their fix when it runs.
func (n *node) link() {
	n.mem = memoryOf(n.typ)
	if n.typ.Kind() != reflect.Interface {
		n.direct = isDirect(n.typ)
	}
	switch n.role {
	case roleMethod:
		n.fix = n.fixMethod()
	case roleString:
		n.fix = fixString
	case roleSpecial:
		n.fix = fixBuilder
		if n.typ == valueType {
			n.fix = fixLogValue
		}
	case rolePointer:
		n.fix = n.fixPointer
	case roleSlice:
		n.fix = n.fixSlice
		if elem := memoryOf(n.elem.typ); n.elem.flat && !n.tracked && elem.slice != nil {
			n.fix = elem.slice(n)
		}
	case roleMap:
		n.linkMap()
		n.fix = n.fixMap
	case roleStruct, roleArray:
		n.fix = n.fixParts()
	case roleInterface:
		if n.typ.NumMethod() == 0 {
			n.fix = fixAny
		} else {
			n.fix = n.fixInterface
		}
	}
}

// unrolled is the length up to which the elements of an array are parts like the fields of a struct.
const unrolled = 8

// flatten appends the parts of n at off: nested structs and short arrays become one list.
func (n *node) flatten(parts []part, off uintptr) []part {
	switch {
	case n.flat:
	case n.role == roleStruct:
		for _, e := range n.fields {
			parts = e.to.flatten(parts, off+e.off)
		}
	case n.role == roleArray && n.typ.Len() <= unrolled:
		for i := range n.typ.Len() {
			parts = n.elem.flatten(parts, off+uintptr(i)*n.elem.typ.Size())
		}
	default:
		parts = append(parts, part{off, n})
	}
	return parts
}

// fixParts copies a struct or an array in place.
func (n *node) fixParts() func(unsafe.Pointer, *state) {
	if n.role == roleArray && n.typ.Len() > unrolled {
		elem, length := n.elem, n.typ.Len()
		return func(p unsafe.Pointer, s *state) { s.each(elem, p, length) }
	}
	parts := n.flatten(nil, 0)
	if len(parts) == 1 {
		off, to := parts[0].off, parts[0].n
		return func(p unsafe.Pointer, s *state) { to.fix(unsafe.Add(p, off), s) }
	}
	return func(p unsafe.Pointer, s *state) {
		for i := range parts {
			f := &parts[i]
			f.n.fix(unsafe.Add(p, f.off), s)
		}
	}
}

// fixPointer makes the pointer at p point to a copy of its target.
func (n *node) fixPointer(p unsafe.Pointer, s *state) {
	old := *(*unsafe.Pointer)(p)
	if old == nil {
		return
	}
	if s.careful {
		if moved := s.meets(n, old, int(n.elem.mem.size), n.dom.id); moved != nil {
			*(*unsafe.Pointer)(p) = moved
			return
		}
	}
	var slot *seenSlot
	if n.tracked && !s.tree {
		if slot = s.seen.find(old, n.dom.id); slot.copy != nil {
			s.shared = true
			*(*unsafe.Pointer)(p) = slot.copy
			return
		}
	}
	elem := n.elem
	if !s.charge(n, int(elem.mem.size)) {
		return
	}
	target := elem.mem.clone(s, old, 1)
	if slot != nil {
		s.seen.put(slot, old, n.dom.id, target)
	}
	*(*unsafe.Pointer)(p) = target
	switch {
	case elem.flat:
	case n.deep:
		s.descend(elem, target, 1)
	case s.putOff():
		s.pending = append(s.pending, pending{n: elem, p: target, count: 1, depth: s.depth})
	default:
		elem.fix(target, s)
	}
}

// fixSlice gives the slice at p an array of its own.
func (n *node) fixSlice(p unsafe.Pointer, s *state) {
	h := (*header)(p)
	if h.data == nil {
		return
	}
	length, elem := h.len, n.elem
	if length == 0 || elem.mem.size == 0 {
		*h = header{unsafe.Pointer(&nothing), length, length}
		return
	}
	old := h.data
	if s.careful && s.moveSlice(n, h) {
		return
	}
	var slot *seenSlot
	tag := n.sliceTag(length)
	if n.tracked && !s.tree {
		if slot = s.seen.find(old, tag); slot.copy != nil {
			s.shared = true
			*h = header{slot.copy, length, length}
			return
		}
	}
	if !s.charge(n, length*int(elem.mem.size)) {
		return
	}
	data := elem.mem.clone(s, old, length)
	if slot != nil {
		s.seen.put(slot, old, tag, data)
	}
	*h = header{data, length, length}
	switch {
	case elem.flat:
	case n.deep:
		s.descend(elem, data, length)
	case n.inside != nil:
		n.inside(data, length, s)
	default:
		s.each(elem, data, length)
	}
}

// fixMap gives the map variable at p a map of its own.
func (n *node) fixMap(p unsafe.Pointer, s *state) {
	old := *(*unsafe.Pointer)(p)
	if old == nil {
		return
	}
	if s.supposed {
		s.inRun(n, old, 1) // no pointer leads into a map
	}
	var slot *seenSlot
	if n.tracked && !s.tree {
		if slot = s.seen.find(old, n.dom.id); slot.copy != nil {
			s.shared = true
			*(*unsafe.Pointer)(p) = slot.copy
			return
		}
	}
	length := len(*(*map[int]int)(p)) // a map's length does not depend on its type
	if !s.charge(n, length*int(n.key.mem.size+n.elem.mem.size)) {
		return
	}
	var made unsafe.Pointer
	if n.cloneMap != nil {
		made = n.cloneMap(old)
	} else {
		made = n.mk(length)
	}
	if slot != nil {
		s.seen.put(slot, old, n.dom.id, made)
	}
	*(*unsafe.Pointer)(p) = made
	if length == 0 || n.cloneMap != nil {
		return
	}
	if n.deep {
		s.depth++
	}
	if s.putOff() {
		s.pending = append(s.pending, pending{n: n, p: made, src: old, depth: s.depth})
	} else {
		n.put(made, old, n, s)
	}
	if n.deep {
		s.depth--
	}
}

// fixAny copies the value in the empty interface at p.
func fixAny(p unsafe.Pointer, s *state) {
	switch e := (*(*any)(p)).(type) {
	case nil, bool, int, int64, uint64, float64:
	case string:
		if s.c.cfg.Strings && s.charge(stringNode, len(e)) {
			*(*any)(p) = s.own(e)
		}
	default:
		fixHeld(p, reflect.TypeOf(e), s)
	}
}

// stringNode names strings in errors about limits.
var stringNode = &node{typ: reflect.TypeFor[string]()}

// fixString gives the string at p bytes of its own.
func fixString(p unsafe.Pointer, s *state) {
	text := (*string)(p)
	if s.charge(stringNode, len(*text)) {
		*text = s.own(*text)
	}
}

// textGap is how many other bytes may be before a string in the text of [Untyped.CopyOver].
const textGap = 64

// own returns a string that is equal to text: the next one in s.text, or one with bytes of its own.
func (s *state) own(text string) string {
	if text == "" {
		return ""
	}
	at := -1
	if s.text != "" {
		at = strings.Index(s.text[:min(len(s.text), textGap+len(text))], text)
	}
	if at < 0 {
		return strings.Clone(text)
	}
	end := at + len(text)
	own := s.text[at:end]
	s.text = s.text[end:]
	return own
}

// fixInterface copies the value in the interface with methods at p.
func (n *node) fixInterface(p unsafe.Pointer, s *state) {
	if v := reflect.NewAt(n.typ, p).Elem(); !v.IsNil() {
		fixHeld(p, v.Elem().Type(), s)
	}
}

// fixHeld copies the value of type t that the interface at p holds. Values in interfaces cannot be written to, so
// those without references stay as they are; for the others only the data word changes, the type stays.
func fixHeld(p unsafe.Pointer, t reflect.Type, s *state) {
	d := s.c.behind(t)
	if d.err != nil {
		s.fail(&ValueError{Path: d.err.Path, Type: t, Reason: d.err.Reason})
		return
	}
	n := d.n
	if n.flat {
		return
	}
	f := (*face)(p)
	if n.direct {
		s.inPlace(n, unsafe.Pointer(&f.data)) // the data word is the value
		return
	}
	if !s.charge(n, int(n.mem.size)) {
		return
	}
	f.data = n.mem.clone(s, f.data, 1)
	if s.inKey { // the key must be complete before it is hashed
		s.inPlace(n, f.data)
	} else {
		s.descend(n, f.data, 1)
	}
}

// fixMethod copies the value at p by its own methods.
func (n *node) fixMethod() func(unsafe.Pointer, *state) {
	t := n.typ
	if t.Kind() == reflect.Interface {
		return n.fixHeldMethod
	}
	call := n.method()
	if t.Kind() == reflect.Pointer && t.Name() != "" { // a defined pointer type has no methods
		plain, of := reflect.PointerTo(t.Elem()), call
		call = func(v reflect.Value) (reflect.Value, error) {
			// Set assigns between a type and its underlying one. Convert would link all conversions.
			from, to := reflect.New(plain).Elem(), reflect.New(t).Elem()
			from.Set(v)
			out, err := of(from)
			if err == nil {
				to.Set(out)
			}
			return to, err
		}
	}
	remember := n.tracked && t.Kind() != reflect.Slice // then it is a pointer or a map: one word
	return func(p unsafe.Pointer, s *state) {
		v := reflect.NewAt(t, p).Elem()
		if nilable(t.Kind()) && v.IsNil() {
			return
		}
		if s.careful && t.Kind() == reflect.Pointer {
			if moved := s.meets(n, *(*unsafe.Pointer)(p), int(t.Elem().Size()), ^n.dom.id); moved != nil {
				*(*unsafe.Pointer)(p) = moved
				return
			}
		}
		var old unsafe.Pointer
		s.shared = true // what the method returns may be shared
		if remember {
			old = *(*unsafe.Pointer)(p)
			if slot := s.seen.find(old, n.dom.id); slot.copy != nil {
				*(*unsafe.Pointer)(p) = slot.copy
				return
			}
		}
		if !s.charge(n, int(n.mem.size)) {
			return
		}
		out, err := call(v)
		if err != nil {
			s.fail(&ValueError{Path: t.String(), Type: t, Reason: err.Error()})
			return
		}
		v.Set(out)
		// If the method copies values of this plan, it uses a state of its own.
		if made := *(*unsafe.Pointer)(p); remember && made != nil {
			s.seen.put(s.seen.find(old, n.dom.id), old, n.dom.id, made)
		}
	}
}

// method returns a function that makes a copy by the methods of n's type.
func (n *node) method() func(reflect.Value) (reflect.Value, error) {
	switch n.fact.Way {
	case known.Proto:
		return known.CloneProto
	case known.Binary, known.Gob:
		way, pointer := n.fact.Way, n.fact.Pointer
		return func(v reflect.Value) (reflect.Value, error) {
			from := v
			if !pointer {
				from = v.Addr()
			}
			to := reflect.New(from.Type().Elem())
			b, err := known.Encode(way, from.Interface())
			if err == nil {
				err = known.Decode(way, to.Interface(), b)
			}
			if pointer {
				return to, err
			}
			return to.Elem(), err
		}
	}
	t := n.typ
	if t.Kind() == reflect.Pointer && t.Name() != "" {
		t = reflect.PointerTo(t.Elem())
	}
	m, _ := t.MethodByName("Clone")
	return func(v reflect.Value) (reflect.Value, error) { return m.Func.Call([]reflect.Value{v})[0], nil }
}

// fixHeldMethod copies the value in the interface at p by the interface's Clone method.
func (n *node) fixHeldMethod(p unsafe.Pointer, s *state) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	held := v.Elem()
	t := held.Type()
	if nilable(t.Kind()) && held.IsNil() {
		return
	}
	if !s.c.types.Owns(t) {
		fixHeld(p, t, s) // the method of a foreign type may do something else
		return
	}
	s.shared = true // what the method returns may be shared
	f := (*face)(p)
	old := f.data
	d := s.c.behind(t)
	if d.dom != nil {
		if s.careful && t.Kind() == reflect.Pointer {
			if moved := s.meets(d.n, old, int(t.Elem().Size()), ^d.dom.id); moved != nil {
				f.data = moved
				return
			}
		}
		if slot := s.seen.find(old, d.dom.id); slot.copy != nil {
			f.data = slot.copy
			return
		}
	}
	if !s.charge(n, int(n.mem.size)) {
		return
	}
	made := v.MethodByName("Clone").Call(nil)[0]
	if made.IsNil() || made.Elem().Type() != t {
		// A promoted method of an embedded value copies only that value, not the rest.
		fixHeld(p, t, s)
		return
	}
	v.Set(made)
	if d.dom != nil && f.data != nil {
		s.seen.put(s.seen.find(old, d.dom.id), old, d.dom.id, f.data)
	}
}

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

// builderNode and valueNode name the types in errors about limits.
var (
	builderNode = &node{typ: reflect.TypeFor[strings.Builder]()}
	valueNode   = &node{typ: valueType}
)

// fixLogValue copies the memory that the slog.Value at p refers to, except strings.
func fixLogValue(p unsafe.Pointer, s *state) {
	v := (*slog.Value)(p)
	switch v.Kind() {
	case slog.KindGroup:
		attrs := v.Group()
		if s.depth-s.floor >= keyDepth {
			s.fail(&ValueError{Type: valueType, Reason: "groups are nested too deeply"})
		}
		if !s.charge(valueNode, len(attrs)*int(unsafe.Sizeof(slog.Attr{}))) {
			return
		}
		s.depth++
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

// valueType is the type of a slog.Value. Its private data is a string without its length, the first of several
// attributes, or a value of the caller.
var valueType = reflect.TypeFor[slog.Value]()
