package keys

import (
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/panics"
)

// encode appends the canonical bytes of the value at p and, when hashing, returns its
// hash. addr says whether hashstructure would find the value addressable. The value at p
// has the type n.t. The unsafe reads here and below are sound for the reason in
// [program.append]: they follow the same layouts.
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
	if n.isString() && !w.hashing { // faster than its program
		s := *(*string)(p)
		if !w.room(len(s)) {
			return 0, w.fail(n.t, ErrTooLarge)
		}
		w.buf = appendString(w.buf, s)
		return 0, nil
	}
	if n.program != nil && (!w.hashing || n.form == formLeaf) {
		var bad *op
		if w.buf, bad = n.program.append(w.buf, p, w.limit); bad != nil {
			return 0, w.fail(bad.t.Type, ErrTooLarge).at(bad.path)
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
		return 0, nil // the hash was computed by hashDirect
	case formMethod:
		return w.method(n, p)
	case formAlone:
		return w.hashNil(n)
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
