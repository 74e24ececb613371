package keys

import (
	"encoding/binary"
	"reflect"
	"time"
)

// contentType returns the operation for a type of the standard library whose equal
// values may differ in memory, or opNone. Types defined from those of package time
// (type Stamp time.Time) are treated alike. Types defined from the others have lost
// the methods that return the content.
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
	} {
		if t == c.t || sameFields(t, c.t) {
			return c.code
		}
	}
	return methodType(t)
}

// sameFields reports whether a and b, which are structs, have the same fields.
func sameFields(a, b reflect.Type) bool {
	if a.NumField() != b.NumField() {
		return false
	}
	for i := range a.NumField() {
		if f, g := a.Field(i), b.Field(i); f.Name != g.Name || f.PkgPath != g.PkgPath || f.Type != g.Type {
			return false
		}
	}
	return true
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

var leafCodes = map[reflect.Kind]opcode{
	reflect.Bool: op8, reflect.Int8: op8, reflect.Uint8: op8, reflect.Int16: op16, reflect.Uint16: op16,
	reflect.Int32: op32, reflect.Uint32: op32, reflect.Int64: op64, reflect.Uint64: op64,
	reflect.Int: opInt, reflect.Uint: opUint, reflect.Uintptr: opUintptr,
	reflect.Float32: opFloat32, reflect.Float64: opFloat64, reflect.Complex64: opComplex64, reflect.Complex128: opComplex128,
	reflect.String: opString,
}
