package canon

import (
	"encoding/binary"
	"math/bits"
	"reflect"
)

// The numbers of math/big and the addresses of net/netip, as they stand in memory.
// They are read there, since a program that imports these packages for its caches
// alone carries 100 KB of arithmetic and tables.
type (
	bigInt struct {
		neg bool
		abs bigNat
	}
	bigRat   struct{ num, denom bigInt }
	bigFloat struct {
		prec uint32
		mode byte
		acc  int8
		form byte
		neg  bool
		mant bigNat // its highest bit is set, unless the number is zero or infinite
		exp  int32
	}
	bigNat []uint // the lowest word first; the highest is not zero

	netAddr struct {
		addr struct{ hi, lo uint64 }
		z    struct{ value *netDetail } // nil: it is no address
	}
	netDetail struct {
		v6   bool
		zone string
	}
)

// readTypes are the fields of these types, by which the types are known: also those
// defined from them, as long as their fields are what is read.
var readTypes = [...]struct {
	fields string
	read   reflect.Type
	code   opcode
}{
	{"math/big neg abs", reflect.TypeFor[bigInt](), opInt1},
	{"math/big a b", reflect.TypeFor[bigRat](), opRat},
	{"math/big prec mode acc form neg mant exp", reflect.TypeFor[bigFloat](), opFloat1},
	{"net/netip addr z", reflect.TypeFor[netAddr](), opAddr},
}

// readType returns the code of a struct with the fields of one of these, or opNone.
func readType(t reflect.Type) opcode {
	if t.NumField() == 0 {
		return opNone
	}
	fields := t.Field(0).PkgPath
	if fields != "math/big" && fields != "net/netip" {
		return opNone
	}
	for i := range t.NumField() {
		fields += " " + t.Field(i).Name
	}
	for _, r := range readTypes {
		if fields == r.fields && sameMemory(t, r.read) {
			return r.code
		}
	}
	return opNone
}

// sameMemory reports whether values of a and b lie in memory alike.
func sameMemory(a, b reflect.Type) bool {
	if a.Kind() != b.Kind() || a.Size() != b.Size() {
		return false
	}
	switch a.Kind() {
	case reflect.Slice, reflect.Pointer:
		return sameMemory(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if f, g := a.Field(i), b.Field(i); f.Offset != g.Offset || !sameMemory(f.Type, g.Type) {
				return false
			}
		}
	}
	return true
}

// bytes is how many bytes the words of x have.
func (x bigNat) bytes() int { return len(x) * wordBytes }

// append appends the bytes of x down to that one, the highest first.
func (x bigNat) append(dst []byte, from int) []byte {
	n := from
	if len(x) > 0 {
		n = x.bytes() - bits.LeadingZeros(x[len(x)-1])/8
	}
	dst = binary.AppendUvarint(dst, uint64(n-from))
	for i := n - 1; i >= from; i-- {
		dst = append(dst, byte(x[i/wordBytes]>>(i%wordBytes*8)))
	}
	return dst
}

func (x *bigInt) append(dst []byte) []byte {
	sign := byte(1)
	switch {
	case len(x.abs) == 0:
	case x.neg:
		sign = 0
	default:
		sign = 2
	}
	return x.abs.append(append(dst, sign), 0)
}

// append appends the numerator and the denominator, which is 1 if there is none.
// The sign is the numerator's.
func (x *bigRat) append(dst []byte) []byte {
	denom := x.denom.abs
	if len(denom) == 0 {
		denom = bigNat{1}
	}
	return denom.append(x.num.append(dst), 0)
}

// append appends what can be observed of x: precision, rounding mode, accuracy and
// the exact value.
func (x *bigFloat) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, x.prec)
	dst = append(dst, x.mode, byte(x.acc), x.form)
	if x.neg {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	if x.form != bigFinite {
		return dst
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(x.exp))
	// Zeros at the low end say nothing, and may be there or not.
	low := 0
	for low < x.mant.bytes() && byte(x.mant[low/wordBytes]>>(low%wordBytes*8)) == 0 {
		low++
	}
	return x.mant.append(dst, low)
}

const (
	bigFinite = 1 // the form of a number that is neither zero nor infinite
	wordBytes = bits.UintSize / 8
)

func (x *netAddr) append(dst []byte) []byte {
	switch {
	case x.z.value == nil:
		return append(dst, 0)
	case !x.z.value.v6:
		return binary.BigEndian.AppendUint32(append(dst, 4), uint32(x.addr.lo))
	}
	dst = binary.BigEndian.AppendUint64(append(dst, 6), x.addr.hi)
	return appendString(binary.BigEndian.AppendUint64(dst, x.addr.lo), x.z.value.zone)
}
