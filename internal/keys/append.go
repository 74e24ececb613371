package keys

import (
	"encoding/binary"
	"math"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// minBytes returns the least number of bytes that the operation appends.
func (o *op) minBytes() int {
	switch o.code {
	case op8, opString, opBytes, opSlice, opPointer, opTime, opAddr, opInt1, opRat, opFloat1:
		return 1
	case op16:
		return 2
	case op32, opFloat32:
		return 4
	case opComplex128:
		return 16
	case opRaw:
		return o.n
	case opArray:
		if o.elem.min > 0 && o.n > math.MaxInt/o.elem.min {
			return math.MaxInt / 2
		}
		return o.n * o.elem.min
	default:
		return 8
	}
}

// append appends the canonical bytes of the value at p, which must have the
// type that the program was made for. If dst would grow beyond limit, it stops and
// returns the operation that would do so.
//
// Soundness of the unsafe reads: the compiler derives every offset, size and
// element type from the reflect.Type of the value, so each conversion below
// views memory as exactly the type that lies there (or one with the same
// underlying type, hence the same layout), inside the same object, aligned as
// Go aligned it. Nothing is written and p is not kept: the methods that are
// called only read.
func (pr *program) append(dst []byte, p unsafe.Pointer, limit int) ([]byte, *op) {
	for i := range pr.ops {
		o := &pr.ops[i]
		q := unsafe.Add(p, o.off)
		switch o.code {
		case op8:
			dst = append(dst, *(*uint8)(q))
		case op16:
			dst = binary.LittleEndian.AppendUint16(dst, *(*uint16)(q))
		case op32:
			dst = binary.LittleEndian.AppendUint32(dst, *(*uint32)(q))
		case op64:
			dst = binary.LittleEndian.AppendUint64(dst, *(*uint64)(q))
		case opInt:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(*(*int)(q)))
		case opUint:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(*(*uint)(q)))
		case opUintptr:
			dst = binary.LittleEndian.AppendUint64(dst, uint64(*(*uintptr)(q)))
		case opFloat32:
			dst = appendFloat32(dst, *(*float32)(q))
		case opFloat64:
			dst = appendFloat64(dst, *(*float64)(q))
		case opComplex64:
			c := *(*complex64)(q)
			dst = appendFloat32(appendFloat32(dst, real(c)), imag(c))
		case opComplex128:
			c := *(*complex128)(q)
			dst = appendFloat64(appendFloat64(dst, real(c)), imag(c))
		case opString:
			s := *(*string)(q)
			if len(s) > limit-len(dst) {
				return dst, o
			}
			dst = appendString(dst, s)
		case opBytes:
			b := *(*[]byte)(q)
			if len(b) > limit-len(dst) {
				return dst, o
			}
			dst = append(appendLen(dst, len(b), b == nil), b...)
		case opRaw:
			if o.n > limit-len(dst) {
				return dst, o
			}
			dst = append(dst, unsafe.Slice((*byte)(q), o.n)...)
		case opArray:
			if o.n > limit-len(dst) {
				return dst, o
			}
			var bad *op
			if dst, bad = o.elem.appendAll(dst, q, o.n, limit); bad != nil {
				return dst, bad
			}
		case opSlice:
			// Every slice header has the same layout, whatever its elements are.
			s := *(*[]struct{})(q)
			if o.elem.min > 0 && len(s) > (limit-len(dst))/o.elem.min {
				return dst, o
			}
			dst = appendLen(dst, len(s), s == nil)
			var bad *op
			if dst, bad = o.elem.appendAll(dst, unsafe.Pointer(unsafe.SliceData(s)), len(s), limit); bad != nil {
				return dst, bad
			}
		case opPointer:
			target := *(*unsafe.Pointer)(q)
			if target == nil {
				dst = append(dst, refNil)
				continue
			}
			if len(dst) >= limit { // a target is appended once for each pointer to it
				return dst, o
			}
			dst = append(dst, refNew)
			var bad *op
			if dst, bad = o.elem.append(dst, target, limit); bad != nil {
				return dst, bad
			}
		case opTime:
			dst = appendTime(dst, *(*time.Time)(q))
		case opAddr:
			dst = appendAddr(dst, o.t.Pointer(raw.Hide(q)).(address))
		case opInt1:
			x := o.t.Pointer(raw.Hide(q)).(integer)
			if x.BitLen()/8 > limit-len(dst) {
				return dst, o
			}
			dst = appendInt(dst, x)
		case opRat:
			if dst = appendFraction(dst, o.t.Pointer(raw.Hide(q)).(fraction)); len(dst) > limit {
				return dst, o
			}
		case opFloat1:
			if dst = appendFloat(dst, o.t.Pointer(raw.Hide(q)).(encoder)); len(dst) > limit {
				return dst, o
			}
		}
	}
	return dst, nil
}

// appendAll appends n values that are one after the other in memory.
func (pr *program) appendAll(dst []byte, p unsafe.Pointer, n, limit int) ([]byte, *op) {
	if len(pr.ops) == 0 {
		return dst, nil
	}
	for i := range n {
		var bad *op
		if dst, bad = pr.append(dst, unsafe.Add(p, uintptr(i)*pr.size), limit); bad != nil {
			return dst, bad
		}
	}
	return dst, nil
}
