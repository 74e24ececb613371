package canon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/panics"
)

// A walker encodes one value. The same walk computes the fingerprint when
// hashing is set, so that both see the same data and user code runs once.
type walker struct {
	c       *compiler
	buf     []byte
	limit   int // len(buf) may not exceed it
	depth   int
	hashing bool
	path    []ref  // the references around the current value that may close a cycle
	spans   []span // entries of the maps and sets around the current value
	scratch []byte
	owner   owner
}

// ref is a reference that is being followed.
type ref struct {
	p   unsafe.Pointer
	len int
	n   *node
}

// span is an encoded entry in buf.
type span struct{ lo, hi int }

// owner is the struct that says which entries of the map in its field count.
type owner struct {
	impl  hashstructure.IncludableMap
	field string
}

// encode appends the canonical bytes of the value at p and, when hashing,
// returns its hash. addr tells whether hashstructure would find the value
// addressable. The value at p has the type n.t; see [program.append] for why
// the unsafe reads here and below are sound: they follow the same layouts.
func (w *walker) encode(n *node, p unsafe.Pointer, addr bool) (uint64, *ValueError) {
	if w.hashing && n.direct {
		w.hashing = false
		_, err := w.encode(n, p, addr)
		w.hashing = true
		if err != nil {
			return 0, err
		}
		return w.hashDirect(n, p, addr)
	}
	if n.program != nil && (!w.hashing || n.form == formLeaf) {
		var bad *op
		if w.buf, bad = n.program.append(w.buf, p, w.limit); bad != nil {
			return 0, w.fail(bad.t, ErrTooLarge).at(bad.path)
		}
		if w.hashing {
			return w.hashLeaf(n, p)
		}
		return 0, nil
	}
	switch n.form {
	case formStruct:
		return w.structure(n, p, addr)
	case formArray:
		return w.list(n, p, n.t.Len(), addr)
	case formSlice:
		return w.slice(n, p)
	case formPointer:
		return w.pointer(n, p)
	case formMap:
		return w.mapping(n, p)
	case formInterface:
		return w.iface(n, p)
	case formHashFunc:
		return w.hashFunc(n, p)
	case formLocation:
		w.buf = appendLocation(w.buf, (*time.Location)(p))
		return 0, nil // direct when hashing
	case formText:
		s, err := w.text(n, p)
		if err != nil {
			return 0, err
		}
		return w.string(n, s)
	default:
		return 0, w.refused(n)
	}
}

// refused is the error for a type that cannot be keyed.
func (w *walker) refused(n *node) *ValueError {
	first := n.bad[0]
	return (&ValueError{Type: first.Type, Reason: first.Reason, Err: ErrUnkeyable}).at(first.Path)
}

// fail starts an error at the current value.
func (w *walker) fail(t reflect.Type, err error) *ValueError {
	return &ValueError{Type: t, Reason: err.Error(), Err: err}
}

// room says whether n more bytes fit.
func (w *walker) room(n int) bool { return n <= w.limit-len(w.buf) }

// deeper counts a level; the caller decrements depth when it leaves.
func (w *walker) deeper(n *node) *ValueError {
	if w.depth >= w.c.cfg.MaxDepth {
		return w.fail(n.t, ErrTooDeep)
	}
	if !w.room(0) {
		return w.fail(n.t, ErrTooLarge)
	}
	w.depth++
	return nil
}

// enter begins to follow a reference. When it is being followed already, the
// value is cyclic: its encoding is then the distance to where that began.
func (w *walker) enter(n *node, p unsafe.Pointer, length int) (cyclic bool, h uint64, err *ValueError) {
	if !n.tracked {
		return false, 0, nil
	}
	r := ref{p: p, len: length, n: n}
	for i := len(w.path) - 1; i >= 0; i-- {
		if w.path[i] == r {
			distance := len(w.path) - i
			w.buf = append(w.buf, refBack)
			w.buf = binary.AppendUvarint(w.buf, uint64(distance))
			if w.hashing {
				h, err = w.hash(n, "\x00cycle"+strconv.Itoa(distance))
			}
			return true, h, err
		}
	}
	if err := w.deeper(n); err != nil {
		return false, 0, err
	}
	w.path = append(w.path, r)
	return false, 0, nil
}

func (w *walker) leave(n *node) {
	if !n.tracked {
		return
	}
	w.depth--
	last := len(w.path) - 1
	w.path[last] = ref{}
	w.path = w.path[:last]
}

func (w *walker) pointer(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	target := *(*unsafe.Pointer)(p)
	if target == nil {
		w.buf = append(w.buf, refNil)
		return w.hashNil(n)
	}
	cyclic, h, err := w.enter(n, target, 0)
	if cyclic || err != nil {
		return h, err
	}
	w.buf = append(w.buf, refNew)
	h, err = w.encode(n.elem, target, true)
	w.leave(n)
	return h, err
}

func (w *walker) slice(n *node, p unsafe.Pointer) (h uint64, err *ValueError) {
	// Every slice header has the same layout, whatever its elements are.
	s := *(*[]struct{})(p)
	data := unsafe.Pointer(unsafe.SliceData(s))
	if n.elem.void {
		w.buf = appendLen(w.buf, len(s), s == nil)
		if w.hashing {
			return w.hash(n, uint64(len(s)))
		}
		return 0, nil
	}
	if !w.room(len(s)) {
		return 0, w.fail(n.t, ErrTooLarge)
	}
	if len(s) > 0 {
		cyclic, h, err := w.enter(n, data, len(s))
		if cyclic || err != nil {
			return h, err
		}
	}
	if n.tracked {
		w.buf = append(w.buf, refNew)
	}
	if n.set {
		h, err = w.set(n, data, len(s), s == nil)
	} else {
		w.buf = appendLen(w.buf, len(s), s == nil)
		h, err = w.list(n, data, len(s), true)
	}
	if len(s) > 0 {
		w.leave(n)
	}
	return h, err
}

// list encodes the elements of an array or slice.
func (w *walker) list(n *node, p unsafe.Pointer, length int, addr bool) (h uint64, err *ValueError) {
	if n.elem.void {
		if w.hashing {
			return w.hash(n, uint64(length))
		}
		return 0, nil
	}
	for i := range length {
		eh, err := w.encode(n.elem, unsafe.Add(p, uintptr(i)*n.elem.t.Size()), addr)
		if err == nil && !w.room(0) {
			err = w.fail(n.t, ErrTooLarge)
		}
		if err != nil {
			return 0, err.at("[" + strconv.Itoa(i) + "]")
		}
		if w.hashing {
			h = hashOrdered(h, eh)
		}
	}
	return h, nil
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
		w.spans = append(w.spans, span{lo, len(w.buf)})
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
	m        reflect.Value
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
	s := &slot.entry
	s.iter.Reset(m)
	for s.iter.Next() {
		s.key.SetIterKey(&s.iter)
		s.val.SetIterValue(&s.iter)
		if n.filtered {
			ok, err := w.includesEntry(n, filter, s)
			if err != nil {
				return 0, err
			}
			if !ok {
				continue
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
			return 0, err.at(fmt.Sprintf("[%v]", s.key))
		}
		w.spans = append(w.spans, span{lo, len(w.buf)})
		if w.hashing {
			h ^= hashOrdered(kh, vh)
		}
	}
	s.iter.Reset(reflect.Value{})
	s.key.SetZero()
	s.val.SetZero()
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

// userError names the user's function that failed.
func (w *walker) userError(t reflect.Type, what string, err error) *ValueError {
	return &ValueError{Type: t, Reason: what + ": " + err.Error(), Err: err}
}

func (w *walker) iface(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	v := reflect.NewAt(n.t, p).Elem().Elem()
	if !v.IsValid() {
		w.buf = append(w.buf, 0)
		return w.hashNil(n)
	}
	dyn := w.c.behind(variant{t: v.Type(), set: n.set, filtered: n.filtered, raw: n.raw})
	if dyn.form == formBad {
		return 0, w.refused(dyn)
	}
	if err := w.deeper(n); err != nil {
		return 0, err
	}
	w.buf = append(w.buf, dyn.typeID...)
	slot := dyn.slots.Get().(*slotPair)
	slot.value.v.Set(v)
	h, err := w.encode(dyn, slot.value.p, false)
	if err != nil {
		return 0, err.at(".(" + dyn.t.String() + ")")
	}
	slot.value.v.SetZero()
	dyn.slots.Put(slot)
	w.depth--
	return h, nil
}

// copyOf returns the value at p for user code, which may keep it.
func copyOf(n *node, p unsafe.Pointer) any { return reflect.NewAt(n.t, p).Elem().Interface() }

func (w *walker) hashFunc(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	in := copyOf(n, p)
	var out any
	err := panics.Catch(func() (err error) {
		out, err = n.fn(in)
		return err
	})
	if err != nil {
		return 0, w.userError(n.t, "HashFuncs["+n.t.String()+"]", err)
	}
	return w.encode(w.c.rawAny, unsafe.Pointer(&out), false)
}

// text calls String on a field tagged hash:"string".
func (w *walker) text(n *node, p unsafe.Pointer) (s string, _ *ValueError) {
	impl, ok := copyOf(n, p).(fmt.Stringer)
	if !ok {
		return "", &ValueError{Type: n.t, Reason: "it is tagged hash:\"string\" and holds nothing with a String method", Err: ErrUnkeyable}
	}
	err := panics.Catch(func() error {
		s = impl.String()
		return nil
	})
	if err != nil {
		return "", w.userError(n.t, "String", err)
	}
	return s, nil
}

func (w *walker) string(n *node, s string) (uint64, *ValueError) {
	if !w.room(len(s)) {
		return 0, w.fail(n.t, ErrTooLarge)
	}
	w.buf = appendString(w.buf, s)
	if w.hashing {
		return w.hash(n, s)
	}
	return 0, nil
}

func (w *walker) structure(n *node, p unsafe.Pointer, addr bool) (h uint64, err *ValueError) {
	hashing := w.hashing
	folding := hashing && !n.hashable
	var self reflect.Value // a pointer to a copy, for user code
	if n.asks || n.filters || n.hashable && hashing {
		self = reflect.New(n.t)
		self.Elem().Set(reflect.NewAt(n.t, p).Elem())
	}
	if folding {
		if h, err = w.hash(n, n.t.Name()); err != nil {
			return 0, err
		}
	}
	for i := range n.fields {
		f := &n.fields[i]
		if f.node == nil {
			if folding && !addr {
				h = hashFinish(h)
			}
			continue
		}
		w.hashing = folding && f.exported
		q := unsafe.Add(p, f.off)
		included, fh, err := w.field(n, f, q, self, addr)
		if err != nil {
			return 0, err.at("." + f.name)
		}
		if w.hashing && included {
			nh, err := w.hash(n, f.name)
			if err != nil {
				return 0, err
			}
			h = hashFinish(h ^ hashOrdered(nh, fh))
		}
	}
	w.hashing = hashing
	if hashing && n.hashable {
		return w.hashUser(n, self)
	}
	return h, nil
}

// field encodes one field, unless the struct leaves it out.
func (w *walker) field(n *node, f *field, q unsafe.Pointer, self reflect.Value, addr bool) (included bool, h uint64, err *ValueError) {
	asked := n.asks && f.exported
	var text string
	if f.node.form == formText {
		if text, err = w.text(f.node, q); err != nil {
			return false, 0, err
		}
	}
	if asked {
		inner := self.Elem().Field(f.index)
		if f.node.form == formText {
			inner = reflect.ValueOf(text)
		}
		perr := panics.Catch(func() (err error) {
			included, err = self.Interface().(hashstructure.Includable).HashInclude(f.name, inner)
			return err
		})
		if perr != nil {
			return false, 0, w.userError(n.t, "HashInclude", perr)
		}
		if !included {
			w.buf = append(w.buf, 0)
			return false, 0, nil
		}
		w.buf = append(w.buf, 1)
	}
	if f.node.form == formText {
		h, err = w.string(f.node, text)
		return true, h, err
	}
	if f.node.filtered {
		w.owner = owner{impl: self.Interface().(hashstructure.IncludableMap), field: f.name}
	}
	h, err = w.encode(f.node, q, addr)
	return true, h, err
}
