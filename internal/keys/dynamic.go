package keys

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/known"
	"github.com/reecho-go/reecho/internal/panics"
)

func (w *walker) iface(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	v := reflect.NewAt(n.t, p).Elem().Elem()
	if !v.IsValid() {
		w.buf = append(w.buf, 0)
		return w.hashNil(n)
	}
	dyn := w.c.behind(n, v.Type())
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

// copyOf returns a copy of the value at p for user code, which may keep it.
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

// method encodes the value at p by its own methods.
func (w *walker) method(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	t := n.t
	if t.Kind() == reflect.Pointer {
		if p = *(*unsafe.Pointer)(p); p == nil {
			w.buf = append(w.buf, refNil)
			return w.hashNil(n)
		}
		w.buf = append(w.buf, refNew)
		t = t.Elem()
	}
	b, err := known.Encode(n.way, reflect.NewAt(t, p).Interface())
	if err != nil {
		return 0, &ValueError{Type: n.t, Reason: err.Error(), Err: err}
	}
	return w.string(n, string(b))
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
