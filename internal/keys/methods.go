package keys

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// The methods of the addresses of net/netip and the numbers of math/big that are called. The
// packages are not imported, because a program without such keys would link their
// tables and arithmetic.
type (
	address interface {
		IsValid() bool
		Is4() bool
		As16() [16]byte
		Zone() string
	}
	integer interface {
		Sign() int
		BitLen() int
		FillBytes(buf []byte) []byte
	}
	fraction interface {
		IsInt() bool
		encoder
	}
	encoder interface{ GobEncode() ([]byte, error) }
)

// The encodings of the zero values. They show whether the encoding has the form on which
// appendFraction and appendFloat rely.
const (
	zeroFraction = "\x02\x00\x00\x00\x00"     // version and sign, length of the numerator
	zeroFloat    = "\x01\x08\x00\x00\x00\x00" // version, mode with accuracy, form and sign, precision
)

// methodType returns the operation for a type whose methods return its content, or
// opNone. It is opNone too if a release of Go has other methods or another encoding.
func methodType(t reflect.Type) opcode {
	pkg := t.PkgPath()
	if pkg != "net/netip" && pkg != "math/big" {
		return opNone
	}
	zero := reflect.New(t).Interface()
	switch pkg + "." + t.Name() {
	case "net/netip.Addr":
		if _, ok := zero.(address); ok {
			return opAddr
		}
	case "math/big.Int":
		if _, ok := zero.(integer); ok {
			return opInt1
		}
	case "math/big.Rat":
		if x, ok := zero.(fraction); ok && encodes(x, zeroFraction) {
			return opRat
		}
	case "math/big.Float":
		if x, ok := zero.(encoder); ok && encodes(x, zeroFloat) {
			return opFloat1
		}
	}
	return opNone
}

// lostMethods returns "net/netip" or "math/big" if t is defined from a type of that
// package (type amount big.Int), else "".
func lostMethods(t reflect.Type) string {
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return ""
	}
	switch pkg := t.Field(0).PkgPath; pkg {
	case t.PkgPath():
	case "net/netip", "math/big":
		return pkg
	}
	return ""
}

func encodes(x encoder, want string) bool {
	b, err := x.GobEncode()
	return err == nil && string(b) == want
}

func appendAddr(dst []byte, a address) []byte {
	switch {
	case !a.IsValid():
		return append(dst, 0)
	case a.Is4():
		b := a.As16()
		return append(append(dst, 4), b[12:]...)
	default:
		b := a.As16()
		return appendString(append(append(dst, 6), b[:]...), a.Zone())
	}
}

func appendInt(dst []byte, x integer) []byte {
	n := (x.BitLen() + 7) / 8
	dst = append(dst, byte(x.Sign()+1))
	dst = binary.AppendUvarint(dst, uint64(n))
	if n == 0 {
		return dst
	}
	start := len(dst)
	for range n {
		dst = append(dst, 0)
	}
	// Sound: FillBytes does not keep its argument, so dst may be on the caller's stack.
	x.FillBytes(unsafe.Slice((*byte)(raw.Hide(unsafe.Pointer(&dst[start]))), n))
	return dst
}

// appendFraction appends the encoding of x. GobEncode may or may not write a denominator
// of 1, so it is left out.
func appendFraction(dst []byte, x fraction) []byte {
	b, _ := x.GobEncode() // never fails for a numerator that fits into memory
	if x.IsInt() {
		b = b[:len(zeroFraction)+int(binary.BigEndian.Uint32(b[1:]))]
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendFloat appends the encoding of x: precision, rounding mode, accuracy and the exact
// value, whose digits come last. GobEncode may or may not write zeros at their end, so
// they are left out.
func appendFloat(dst []byte, x encoder) []byte {
	b, _ := x.GobEncode() // never fails
	b = bytes.TrimRight(b, "\x00")
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
