package canon

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"reflect"
	"slices"
	"strconv"
	"unsafe"

	"github.com/reecho-go/reecho/internal/panics"
)

// span is an encoded entry in buf, with its first bytes as a number that
// sorts alike, since comparing numbers is faster.
type span struct {
	lo, hi int
	head   uint64
}

// entry notes that an entry was encoded from lo on.
func (w *walker) entry(lo int) {
	s := span{lo: lo, hi: len(w.buf)}
	if s.hi-lo >= 8 {
		s.head = binary.BigEndian.Uint64(w.buf[lo:])
	} else {
		var head [8]byte
		copy(head[:], w.buf[lo:])
		s.head = binary.BigEndian.Uint64(head[:])
	}
	w.spans = append(w.spans, s)
}

// set encodes the elements of a slice as a multiset: sorted by their bytes.
func (w *walker) set(n *node, p unsafe.Pointer, length int, isNil bool) (h uint64, err *ValueError) {
	start, base := len(w.buf), len(w.spans)
	for i := range length {
		lo := len(w.buf)
		eh, err := w.encode(n.elem, unsafe.Add(p, uintptr(i)*n.elem.t.Size()), true)
		if err == nil && !w.room(0) {
			err = w.fail(n.t, ErrTooLarge)
		}
		if err != nil {
			return 0, err.at("[" + strconv.Itoa(i) + "]")
		}
		w.entry(lo)
		h ^= eh
	}
	w.sort(start, base, isNil)
	if w.hashing {
		h = hashFinish(h)
	}
	return h, nil
}

// sort puts the entries from base on, which take buf from start on, in the
// order of their bytes, behind their count. The encoding of a value is never
// the beginning of another's of the same type, so the order is unique and
// needs no separators.
func (w *walker) sort(start, base int, isNil bool) {
	spans := w.spans[base:]
	buf := w.buf
	slices.SortFunc(spans, func(a, b span) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return bytes.Compare(buf[a.lo:a.hi], buf[b.lo:b.hi])
	})
	w.scratch = w.scratch[:0]
	for _, s := range spans {
		w.scratch = append(w.scratch, buf[s.lo:s.hi]...)
	}
	w.buf = append(appendLen(w.buf[:start], len(spans), isNil), w.scratch...)
	w.spans = w.spans[:base]
}

// mapSlot is what the iteration over one map needs.
type mapSlot struct {
	iter     reflect.MapIter
	key, val reflect.Value
	kp, vp   unsafe.Pointer
}

// valueSlot holds the addressable copy of a value found behind an interface.
type valueSlot struct {
	v reflect.Value
	p unsafe.Pointer
}

// slotPair is the pooled scratch of a node: one for a value behind an
// interface, one for the iteration when it is a map.
type slotPair struct {
	value valueSlot
	entry mapSlot
}

func newSlot(n *node) func() any {
	return func() any {
		s := &slotPair{}
		if n.form == formMap {
			k, v := reflect.New(n.t.Key()), reflect.New(n.t.Elem())
			s.entry.key, s.entry.val = k.Elem(), v.Elem()
			s.entry.kp, s.entry.vp = k.UnsafePointer(), v.UnsafePointer()
		}
		v := reflect.New(n.t)
		s.value = valueSlot{v: v.Elem(), p: v.UnsafePointer()}
		return s
	}
}

func (w *walker) mapping(n *node, p unsafe.Pointer) (h uint64, err *ValueError) {
	m := reflect.NewAt(n.t, p).Elem()
	filter := w.owner
	w.owner = owner{}
	if !w.room(m.Len()) {
		return 0, w.fail(n.t, ErrTooLarge)
	}
	if m.Len() > 0 {
		cyclic, h, err := w.enter(n, m.UnsafePointer(), 0)
		if cyclic || err != nil {
			return h, err
		}
	}
	if n.tracked {
		w.buf = append(w.buf, refNew)
	}
	start, base := len(w.buf), len(w.spans)
	slot := n.slots.Get().(*slotPair)
	h, err = n.entries(w, n, p, &slot.entry, filter)
	if err != nil {
		return 0, err
	}
	slot.entry.key.SetZero()
	slot.entry.val.SetZero()
	n.slots.Put(slot)
	w.sort(start, base, m.IsNil())
	if m.Len() > 0 {
		w.leave(n)
	}
	if w.hashing {
		h = hashFinish(h)
	}
	return h, nil
}

// entries encodes every entry of the map at p, in the order of the iteration,
// and folds their hashes.
type entries func(w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (uint64, *ValueError)

// entriesOf chooses the iteration for a map type: by reflection, or three
// times faster for the common types of keys and values.
func entriesOf(t reflect.Type) entries {
	if t.Key().Kind() == reflect.String {
		switch e := t.Elem(); {
		case e.Kind() == reflect.String:
			return typedEntries[string]
		case e.Kind() == reflect.Interface && e.NumMethod() == 0:
			return typedEntries[any]
		case e.Kind() == reflect.Slice && e.Elem().Kind() == reflect.String:
			return typedEntries[[]string]
		case e.Kind() == reflect.Int:
			return typedEntries[int]
		}
	}
	return anyEntries
}

// typedEntries reads a map whose type has the underlying types string and V.
// Sound: such types share their memory layout and hash, and the map is only read.
func typedEntries[V any](w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (h uint64, err *ValueError) {
	for k, v := range *(*map[string]V)(p) {
		*(*string)(s.kp) = k
		*(*V)(s.vp) = v
		eh, err := w.mapEntry(n, s, filter)
		if err != nil {
			return 0, err
		}
		h ^= eh
	}
	return h, nil
}

func anyEntries(w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (h uint64, err *ValueError) {
	s.iter.Reset(reflect.NewAt(n.t, p).Elem())
	for s.iter.Next() {
		s.key.SetIterKey(&s.iter)
		s.val.SetIterValue(&s.iter)
		eh, err := w.mapEntry(n, s, filter)
		if err != nil {
			return 0, err
		}
		h ^= eh
	}
	s.iter.Reset(reflect.Value{})
	return h, nil
}

// mapEntry encodes the entry in s, unless the struct around the map leaves it out.
func (w *walker) mapEntry(n *node, s *mapSlot, filter owner) (h uint64, err *ValueError) {
	if n.filtered {
		if ok, err := w.includesEntry(n, filter, s); err != nil || !ok {
			return 0, err
		}
	}
	lo := len(w.buf)
	kh, err := w.encode(n.key, s.kp, false)
	if err != nil {
		return 0, err.at("[key]")
	}
	vh, err := w.encode(n.elem, s.vp, false)
	if err == nil && !w.room(0) {
		err = w.fail(n.t, ErrTooLarge)
	}
	if err != nil {
		return 0, err.at(keyStep(s.key))
	}
	w.entry(lo)
	if w.hashing {
		h = hashOrdered(kh, vh)
	}
	return h, nil
}

func (w *walker) includesEntry(n *node, o owner, s *mapSlot) (ok bool, _ *ValueError) {
	err := panics.Catch(func() (err error) {
		ok, err = o.impl.HashIncludeMap(o.field, s.key.Interface(), s.val.Interface())
		return err
	})
	if err != nil {
		return false, w.userError(n.t, "HashIncludeMap", err)
	}
	return ok, nil
}

// keyStep names a map entry in a path.
func keyStep(key reflect.Value) string {
	switch {
	case key.Kind() == reflect.String:
		s := key.String()
		if len(s) > 32 {
			s = s[:32] + "..."
		}
		return "[" + strconv.Quote(s) + "]"
	case key.CanInt():
		return "[" + strconv.FormatInt(key.Int(), 10) + "]"
	default:
		return "[...]"
	}
}
