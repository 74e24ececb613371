package keys

import (
	"encoding/binary"
	"math"

	"github.com/reecho-go/reecho/internal/raw"
)

// program encodes the values of a type without maps, interfaces, recursion and
// user code. It is a list of operations on fixed offsets, so that a key with
// several fields is encoded by one loop without a call for each field, and the
// pointer to the key does not escape.
type program struct {
	ops  []op
	size uintptr // of a value, the stride in a slice
	min  int     // the least number of bytes that a value is encoded in
}

type opcode uint8

const (
	opNone opcode = iota
	op8
	op16
	op32
	op64
	opInt     // int: eight bytes on every platform
	opUint    // uint: likewise
	opUintptr // uintptr: likewise
	opFloat32
	opFloat64
	opComplex64
	opComplex128
	opString
	opBytes   // slice of bytes
	opRaw     // array of bytes
	opArray   // array of elem
	opSlice   // slice of elem
	opPointer // pointer to elem
	opTime
	opLocation // not used in programs, because its methods let the pointer escape
	opAddr     // netip.Addr
	opInt1     // big.Int
	opRat      // big.Rat
	opFloat1   // big.Float
)

type op struct {
	code opcode
	off  uintptr
	n    int      // opRaw, opArray: how many elements
	elem *program // opArray, opSlice, opPointer
	path string   // of the field, for errors
	t    *raw.Type
}

// The first byte of the encoding of a pointer.
const (
	refNil  = 0 // nil
	refNew  = 1 // followed by the target
	refBack = 2 // followed by the distance to the enclosing reference that is the target
)

// appendLen appends the length of a slice or map plus one, or 0 if it is nil.
func appendLen(dst []byte, n int, isNil bool) []byte {
	if isNil {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(n)+1)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendFloat32(dst []byte, f float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(oneNaN32(f)))
}

func appendFloat64(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(oneNaN64(f)))
}

// oneNaN64 returns f, or for every NaN the same NaN.
func oneNaN64(f float64) float64 {
	if f != f {
		return math.NaN()
	}
	return f
}

// oneNaN32 is oneNaN64 for a float32.
func oneNaN32(f float32) float32 {
	if f != f {
		return float32(math.NaN())
	}
	return f
}
