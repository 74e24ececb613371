package keys

import (
	"reflect"

	"github.com/reecho-go/reecho/internal/raw"
)

// flatten makes the program of a type of fixed shape.
func (n *node) flatten() {
	if n.program != nil || n.flattening {
		return
	}
	n.flattening = true
	pr := &program{size: n.t.Size()}
	if pr.emit(n, 0, "") {
		for i := range pr.ops {
			pr.min += pr.ops[i].minBytes()
		}
		n.program = pr
		n.void = len(pr.ops) == 0
	}
}

// emit appends the operations for a value of n at off. It reports false if no program can
// encode n.
func (pr *program) emit(n *node, off uintptr, path string) bool {
	t := raw.Of(n.t)
	o := op{code: n.code, off: off, path: path, t: &t}
	switch n.form {
	case formLeaf:
		if n.code == opRaw {
			o.n = n.t.Len()
			if o.n == 0 {
				return true
			}
		}
		pr.ops = append(pr.ops, o)
		return true
	case formStruct:
		for _, f := range n.fields {
			if f.node == nil {
				continue
			}
			if n.asks || n.filters || !pr.emit(f.node, off+f.off, path+"."+f.name) {
				return false
			}
		}
		return true
	case formArray, formSlice, formPointer:
		if n.form == formArray && n.t.Len() == 0 {
			return true
		}
		if n.tracked || n.set && n.form == formSlice {
			return false
		}
		n.elem.flatten()
		if n.elem.program == nil {
			return false
		}
		o.elem = n.elem.program
		switch n.form {
		case formArray:
			o.code, o.n = opArray, n.t.Len()
			if n.elem.void {
				return true
			}
		case formSlice:
			o.code = opSlice
		default:
			o.code = opPointer
		}
		pr.ops = append(pr.ops, o)
		return true
	default:
		return false
	}
}

// settleDirect returns direct, which it computes the first time.
func (n *node) settleDirect() bool {
	if !n.settled {
		n.direct, n.settled = n.isDirect(), true
	}
	return n.direct
}

// isDirect reports whether hashstructure may be given a value of n as it is: it hashes
// the whole value in bounded time, calls no user code, and gives equal values one hash.
func (n *node) isDirect() bool {
	if n.set || n.filtered {
		return false // the tag or method of the enclosing struct decides
	}
	switch n.form {
	case formLocation:
		return true
	case formLeaf:
		switch n.code {
		case opFloat32, opFloat64, opComplex64, opComplex128, opUintptr, opBytes, opTime:
			return false
		case opRaw:
			return n.t.Len() <= longBytes
		default:
			return true
		}
	case formStruct:
		if n.asks || n.filters || n.hashable {
			return false
		}
		for _, f := range n.fields {
			if f.node != nil && f.exported && !f.node.settleDirect() {
				return false
			}
		}
		return true
	case formArray, formSlice, formPointer, formMap:
		return !n.tracked && !n.elem.void && n.elem.settleDirect() && (n.key == nil || n.key.settleDirect())
	default:
		return false
	}
}

// word reports whether the bytes of a value of n are its identity, and how many bytes
// these are.
func (n *node) word() (size uintptr, ok bool) {
	switch n.form {
	case formLeaf:
		switch n.code {
		case op8, op16, op32, op64, opInt, opUint, opUintptr, opRaw:
			return n.t.Size(), true
		}
	case formArray:
		size, ok = n.elem.word()
		return size * uintptr(n.t.Len()), ok
	case formStruct:
		if n.asks || n.filters || len(n.fields) != n.t.NumField() {
			return 0, false
		}
		for _, f := range n.fields {
			if f.node == nil {
				return 0, false
			}
			s, ok := f.node.word()
			if !ok {
				return 0, false
			}
			size += s
		}
		return size, size == n.t.Size() // no padding
	}
	return 0, false
}

// flat reports whether a copy of a t by assignment shares nothing mutable with it.
func flat(t reflect.Type) bool {
	if code := contentType(t); code == opTime || code == opAddr {
		return true
	}
	if t.PkgPath() == "unique" {
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if !flat(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return t.Len() == 0 || flat(t.Elem())
	default:
		return leafCodes[t.Kind()] != opNone
	}
}
