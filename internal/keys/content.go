package keys

import (
	"encoding/binary"
	"math/big"
	"net/netip"
	"reflect"
	"time"
)

// contentTypes are the types of the standard library whose memory is not their
// content: equal values may differ in it. Types defined from them
// (type Stamp time.Time) have the same layout and are treated alike.
func contentType(t reflect.Type) opcode {
	if t.Kind() != reflect.Struct {
		return opNone
	}
	for _, c := range [...]struct {
		t    reflect.Type
		code opcode
	}{
		{reflect.TypeFor[time.Time](), opTime},
		{reflect.TypeFor[time.Location](), opLocation},
		{reflect.TypeFor[netip.Addr](), opAddr},
		{reflect.TypeFor[big.Int](), opInt1},
		{reflect.TypeFor[big.Rat](), opRat},
		{reflect.TypeFor[big.Float](), opFloat1},
	} {
		if t == c.t || t.ConvertibleTo(c.t) {
			return c.code
		}
	}
	return opNone
}

// appendTime appends the instant and the zone: UTC, or the location's name
// with the abbreviation and the offset in effect. The monotonic reading is left out.
func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Unix()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	loc := t.Location()
	if loc == time.UTC {
		return append(dst, 0)
	}
	dst = appendString(append(dst, 1), loc.String())
	return appendZone(dst, t)
}

func appendZone(dst []byte, t time.Time) []byte {
	name, offset := t.Zone()
	return binary.LittleEndian.AppendUint32(appendString(dst, name), uint32(offset))
}

// appendLocation appends the name, and the zones in effect at the beginning of
// 1970 and in the summer of 2026: enough to tell fixed zones of one name apart.
func appendLocation(dst []byte, loc *time.Location) []byte {
	dst = appendString(dst, loc.String())
	dst = appendZone(dst, time.Unix(0, 0).In(loc))
	return appendZone(dst, time.Unix(1782000000, 0).In(loc))
}

func appendAddr(dst []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return append(dst, 0)
	case a.Is4():
		b := a.As4()
		return append(append(dst, 4), b[:]...)
	default:
		b := a.As16()
		return appendString(append(append(dst, 6), b[:]...), a.Zone())
	}
}

func appendBigInt(dst []byte, x *big.Int) []byte {
	n := (x.BitLen() + 7) / 8
	dst = append(dst, byte(x.Sign()+1))
	dst = binary.AppendUvarint(dst, uint64(n))
	start := len(dst)
	dst = append(dst, make([]byte, n)...)
	x.FillBytes(dst[start:])
	return dst
}

// appendBigFloat appends what can be observed of x: precision, rounding mode,
// accuracy and the exact value.
func appendBigFloat(dst []byte, x *big.Float) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(x.Prec()))
	dst = append(dst, byte(x.Mode()), byte(x.Acc()))
	var text [64]byte
	b := x.Append(text[:0], 'p', 0)
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
