package keys

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/reecho-go/reecho/internal/panics"
)

// span adds the entry that was encoded at the end of buf, from index lo on.
func (w *walker) span(lo int) {
	w.spans = append(w.spans, span{lo: lo, hi: len(w.buf), head: head(w.buf[lo:])})
}

// set encodes the elements of a slice as a multiset, sorted by their bytes.
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
		w.span(lo)
		h ^= eh
	}
	w.sort(start, base, isNil)
	if w.hashing {
		h = hashFinish(h)
	}
	return h, nil
}

// sort sorts the entries spans[base:], which are encoded in buf[start:], by their
// bytes, and puts their count before them. No encoding is a prefix of another
// encoding of the same type, so the order is unique and needs no separators.
func (w *walker) sort(start, base int, isNil bool) {
	spans := w.spans[base:]
	buf := w.buf
	sortSpans(spans, func(a, b span) int { return bytes.Compare(buf[a.lo:a.hi], buf[b.lo:b.hi]) })
	w.scratch = w.scratch[:0]
	for _, s := range spans {
		w.scratch = append(w.scratch, buf[s.lo:s.hi]...)
	}
	w.buf = append(appendLen(w.buf[:start], len(spans), isNil), w.scratch...)
	w.spans = w.spans[:base]
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
	slot := n.slots.Get().(*slotPair)
	h, err = n.entries(w, n, p, &slot.entry, filter)
	if err != nil {
		return 0, err
	}
	n.slots.Put(slot)
	if m.Len() > 0 {
		w.leave(n)
	}
	if w.hashing {
		h = hashFinish(h)
	}
	return h, nil
}

// entriesOf returns the iteration for a map type: by reflection, or for common
// types of keys and values by code that is three times as fast.
func entriesOf(t reflect.Type, key *node) entries {
	if key.isString() {
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

// pair is an entry of a map with strings as keys.
type pair[V any] struct {
	key   string
	value V
}

// keptPairs is the number of entries for which a slot keeps its memory.
const keptPairs = 1024

// typedEntries reads a map whose keys and values have the underlying types string and V.
// It sorts by key before it encodes, so that no encoding has to be moved.
// Sound: such types share their memory layout and hash, and the map is only read.
func typedEntries[V any](w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (h uint64, err *ValueError) {
	m := *(*map[string]V)(p)
	all, _ := s.pairs.(*[]pair[V])
	if all == nil || cap(*all) < len(m) {
		all = new(make([]pair[V], 0, len(m)))
	}
	pairs, base := (*all)[:0], len(w.spans)
	for k, v := range m {
		if n.filtered {
			*(*string)(s.kp), *(*V)(s.vp) = k, v
			if ok, err := w.includesEntry(n, filter, s); err != nil {
				return 0, err
			} else if !ok {
				continue
			}
		}
		w.spans = append(w.spans, span{lo: len(pairs), head: head(unsafe.Slice(unsafe.StringData(k), len(k)))})
		pairs = append(pairs, pair[V]{k, v})
	}
	order := w.spans[base:]
	sortSpans(order, func(a, b span) int { return strings.Compare(pairs[a.lo].key, pairs[b.lo].key) })
	w.buf = appendLen(w.buf, len(pairs), m == nil)
	for i := range order {
		e := &pairs[w.spans[base+i].lo]
		kh, vh, err := w.entry(n, unsafe.Pointer(&e.key), unsafe.Pointer(&e.value))
		if err != nil {
			return 0, err
		}
		if w.hashing {
			h ^= hashOrdered(kh, vh)
		}
	}
	w.spans = w.spans[:base]
	if n.filtered {
		s.key.SetZero()
		s.val.SetZero()
	}
	if clear(pairs); cap(pairs) <= keptPairs {
		s.pairs = all
	}
	return h, nil
}

// head returns the first bytes of b as a number that has the same order.
func head(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	h := uint64(0)
	for i, c := range b {
		h |= uint64(c) << (56 - 8*i)
	}
	return h
}

// gaps are those of Sedgewick, with which a Shell sort takes at most n^(4/3) steps.
var gaps = [...]int{1 << 30, 67121153, 16783361, 4197377, 1050113, 262913, 65921, 16577, 4193, 1073, 281, 77, 23, 8, 1}

// sortSpans sorts by head, and spans with the same head by tie. It is a Shell sort, which
// is an insertion sort for the few entries of most maps. slices.SortFunc would add 10 KB
// of code.
func sortSpans(spans []span, tie func(a, b span) int) {
	for _, gap := range gaps {
		for i := gap; i < len(spans); i++ {
			s, j := spans[i], i
			for ; j >= gap; j -= gap {
				before := spans[j-gap]
				if s.head > before.head || s.head == before.head && tie(s, before) >= 0 {
					break
				}
				spans[j] = before
			}
			spans[j] = s
		}
	}
}

func anyEntries(w *walker, n *node, p unsafe.Pointer, s *mapSlot, filter owner) (h uint64, err *ValueError) {
	m := reflect.NewAt(n.t, p).Elem()
	start, base := len(w.buf), len(w.spans)
	s.iter.Reset(m)
	for s.iter.Next() {
		s.key.SetIterKey(&s.iter)
		s.val.SetIterValue(&s.iter)
		if n.filtered {
			if ok, err := w.includesEntry(n, filter, s); err != nil {
				return 0, err
			} else if !ok {
				continue
			}
		}
		lo := len(w.buf)
		kh, vh, err := w.entry(n, s.kp, s.vp)
		if err != nil {
			return 0, err
		}
		w.span(lo)
		if w.hashing {
			h ^= hashOrdered(kh, vh)
		}
	}
	w.sort(start, base, m.IsNil())
	s.iter.Reset(reflect.Value{})
	s.key.SetZero()
	s.val.SetZero()
	return h, nil
}

// entry encodes a key and its value.
func (w *walker) entry(n *node, key, value unsafe.Pointer) (kh, vh uint64, err *ValueError) {
	if kh, err = w.encode(n.key, key, false); err != nil {
		return 0, 0, err.at("[key]")
	}
	vh, err = w.encode(n.elem, value, false)
	if err == nil && !w.room(0) {
		err = w.fail(n.t, ErrTooLarge)
	}
	if err != nil {
		return 0, 0, err.at(keyStep(reflect.NewAt(n.t.Key(), key).Elem()))
	}
	return kh, vh, nil
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
