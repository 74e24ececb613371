package clone

import (
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
)

// Size estimates the bytes of memory that the value at v occupies: the value itself and everything that it reaches,
// each by [Allocated]. Shared targets count once, strings each time, and maps with the size to which their entries
// make them grow. Values that Copy shares (locations, errors) do not count. It costs about as much as walking the
// value; for plain fixed-size types it is a constant. links describes the references in v, such as [Untyped.Links] of
// a copy: for a Tree, Size need not track references.
func (u *Untyped) Size(v unsafe.Pointer, links Links) int64 { return u.SizeOver(v, links, "") }

// SizeOver is Size without the strings that are parts of text.
func (u *Untyped) SizeOver(v unsafe.Pointer, links Links, text string) int64 {
	own := int64(u.root.typ.Size())
	if !u.root.outside {
		return own
	}
	r := u.Begin()
	z := sizer{c: u.c, seen: r.seen, tree: links == Tree, text: text}
	z.values(u.root, v, 1)
	for len(z.later) > 0 {
		w := z.later[len(z.later)-1]
		z.later = z.later[:len(z.later)-1]
		z.values(w.n, w.p, w.count)
	}
	r.seen = z.seen
	r.seen.reset()
	u.runs.Put(r)
	runtime.KeepAlive(v)
	return own + z.total
}

// FixedSize reports whether every value takes exactly the size of its type.
func (u *Untyped) FixedSize() bool { return !u.root.outside }

// sizer adds up the memory that a value reaches. It remembers every target, because Clone methods hide parts of a type
// from the analysis that Copy relies on. It puts values that are too deep for the stack on a list, as Copy does.
type sizer struct {
	c     *compiler
	seen  seenTable
	tree  bool   // no two references lead to one place
	text  string // strings that are parts of it do not count
	total int64
	depth int
	later []pending
}

// values adds the memory that count values of type n at p refer to.
func (z *sizer) values(n *node, p unsafe.Pointer, count int) {
	if !n.outside || count == 0 {
		return
	}
	if z.depth >= stackDepth {
		z.later = append(z.later, pending{n: n, p: p, count: count})
		return
	}
	z.depth++
	for i := range uintptr(count) {
		at := unsafe.Add(p, i*n.mem.size)
		for j := range n.outs {
			z.value(n.outs[j].n, unsafe.Add(at, n.outs[j].off))
		}
	}
	z.depth--
}

// first reports whether the target at p has not been counted yet.
func (z *sizer) first(p unsafe.Pointer, tag uint64) bool {
	if z.tree {
		return true
	}
	slot := z.seen.find(p, tag)
	if slot.copy != nil {
		return false
	}
	z.seen.put(slot, p, tag, p)
	return true
}

func (z *sizer) value(n *node, p unsafe.Pointer) {
	if n.opaque {
		z.own(n, p)
		return
	}
	switch n.kind {
	case reflect.String:
		if text := *(*string)(p); !z.partOfText(text) {
			z.total += Allocated(len(text))
		}
	case reflect.Array:
		z.values(n.elem, p, n.typ.Len())
	case reflect.Pointer:
		if to := *(*unsafe.Pointer)(p); to != nil && z.first(to, n.dom.id) {
			z.objects(n.elem, 1)
			z.values(n.elem, to, 1)
		}
	case reflect.Slice:
		h := *(*header)(p)
		if h.cap > 0 && z.first(h.data, n.sliceTag(h.len)) {
			z.objects(n.elem, h.cap)
			z.values(n.elem, h.data, h.len)
		}
	case reflect.Map:
		if to := *(*unsafe.Pointer)(p); to != nil && z.first(to, n.dom.id) {
			z.entries(n, reflect.NewAt(n.typ, p).Elem())
		}
	case reflect.Interface:
		z.interfaceValue(n, p)
	}
}

// partOfText reports whether the bytes of s are a part of z.text.
func (z *sizer) partOfText(s string) bool {
	off := uintptr(unsafe.Pointer(unsafe.StringData(s))) - uintptr(unsafe.Pointer(unsafe.StringData(z.text)))
	return off < uintptr(len(z.text))
}

// objects adds count values of type n that are one allocation.
func (z *sizer) objects(n *node, count int) { z.total += allocated(count*int(n.mem.size), n.outside) }

// anyNode is the node of the interface in a slog.Value.
var anyNode = &node{typ: reflect.TypeFor[any](), kind: reflect.Interface}

// own adds the memory of a value that is copied by its own methods: mostly the length of its encoding.
func (z *sizer) own(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p)
	if v.Elem().Kind() == reflect.Pointer {
		v = v.Elem()
		if v.IsNil() || !z.first(v.UnsafePointer(), n.dom.id) {
			return
		}
		z.total += Allocated(int(n.typ.Elem().Size()))
	}
	switch n.fact.Way {
	case known.Proto:
		z.total += known.ProtoSize(v)
	case known.Binary, known.Gob:
		b, _ := known.Encode(n.fact.Way, v.Interface()) // a value that cannot be encoded fails when it is copied
		z.total += Allocated(len(b))
	}
	switch v := v.Interface().(type) {
	case *strings.Builder:
		z.total += Allocated(v.Cap())
	case *slog.Value:
		z.logValue(*v)
	}
}

// logValue adds the memory that v refers to.
func (z *sizer) logValue(v slog.Value) {
	switch v.Kind() {
	case slog.KindString:
		z.total += Allocated(len(v.String()))
	case slog.KindGroup:
		z.total += Allocated(len(v.Group()) * int(unsafe.Sizeof(slog.Attr{})))
		for _, a := range v.Group() {
			z.total += Allocated(len(a.Key))
			z.logValue(a.Value)
		}
	case slog.KindAny, slog.KindLogValuer:
		held := v.Any()
		z.interfaceValue(anyNode, unsafe.Pointer(&held))
	}
}

// entries adds the memory of a map and its entries.
func (z *sizer) entries(n *node, m reflect.Value) {
	z.total += mapBytes(n, m.Len())
	if !n.key.outside && !n.elem.outside {
		return
	}
	for it := m.MapRange(); it.Next(); {
		// New variables for each entry, because the list may visit them later.
		k, v := reflect.New(n.key.typ), reflect.New(n.elem.typ)
		k.Elem().SetIterKey(it)
		v.Elem().SetIterValue(it)
		z.values(n.key, k.UnsafePointer(), 1)
		z.values(n.elem, v.UnsafePointer(), 1)
	}
}

// interfaceValue adds the memory of the value in an interface.
func (z *sizer) interfaceValue(n *node, p unsafe.Pointer) {
	v := reflect.NewAt(n.typ, p).Elem()
	if v.IsNil() {
		return
	}
	t := v.Elem().Type()
	f := (*face)(p)
	d := z.c.behind(t)
	switch {
	case d.err != nil:
		z.total += Allocated(int(t.Size()))
	case d.n.direct:
		z.values(d.n, unsafe.Pointer(&f.data), 1)
	default:
		z.objects(d.n, 1)
		z.values(d.n, f.data, 1)
	}
}
