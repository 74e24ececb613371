package keys

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// enter must be called before the walk follows a reference. If the walk has followed the same
// reference before and is still inside of it, the value is cyclic; then the encoding is the
// distance to that reference.
func (w *walker) enter(n *node, p unsafe.Pointer, length int) (cyclic bool, h uint64, err *ValueError) {
	if !n.tracked {
		return false, 0, nil
	}
	r := ref{p: p, len: length, n: n}
	if i := w.find(r); i >= 0 {
		distance := len(w.path) - i
		w.buf = append(w.buf, refBack)
		w.buf = binary.AppendUvarint(w.buf, uint64(distance))
		if w.hashing {
			h, err = w.hash(n, "\x00cycle"+strconv.Itoa(distance))
		}
		return true, h, err
	}
	if err := w.deeper(n); err != nil {
		return false, 0, err
	}
	w.push(r)
	return false, 0, nil
}

func (w *walker) leave(n *node) {
	if !n.tracked {
		return
	}
	w.depth--
	w.pop()
}

// longPath is the length above which a search along the path costs more than a map.
const longPath = 32

// find returns the index of r on the path, or -1.
func (w *walker) find(r ref) int {
	if len(w.path) > longPath {
		if i, ok := w.places[r]; ok {
			return i
		}
		return -1
	}
	return slices.Index(w.path, r)
}

func (w *walker) push(r ref) {
	w.path = append(w.path, r)
	switch n := len(w.path); {
	case n == longPath+1:
		if w.places == nil {
			w.places = map[ref]int{}
		}
		for i, r := range w.path {
			w.places[r] = i
		}
	case n > longPath+1:
		w.places[r] = n - 1
	}
}

func (w *walker) pop() {
	last := len(w.path) - 1
	switch {
	case last == longPath:
		clear(w.places)
	case last > longPath:
		delete(w.places, w.path[last])
	}
	w.path[last] = ref{}
	w.path = w.path[:last]
}

// refused returns the error for a type that cannot be part of a key.
func (w *walker) refused(n *node) *ValueError {
	first := n.bad[0]
	return (&ValueError{Type: first.Type, Reason: first.Reason, Err: ErrUnkeyable}).at(first.Path)
}

// fail returns an error for the current value.
func (w *walker) fail(t reflect.Type, err error) *ValueError {
	reason := err.Error()
	if err == ErrTooLarge {
		reason = tooLarge(w.c.cfg.MaxBytes)
	}
	return &ValueError{Type: t, Reason: reason, Err: err}
}

// room reports whether n more bytes fit.
func (w *walker) room(n int) bool { return n <= w.limit-len(w.buf) }

// deeper increments depth. The caller decrements it when it leaves the value.
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
