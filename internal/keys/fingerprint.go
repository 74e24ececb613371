package keys

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"reflect"
	"time"
	"unsafe"

	"github.com/mitchellh/hashstructure/v2"

	"github.com/reecho-go/reecho/internal/panics"
)

// longBytes is the length above which bytes are hashed by their FNV-1 hash of
// 64 bits: hashstructure takes 120 ns and four allocations for each byte.
const longBytes = 32

// hash returns the hashstructure hash of v, a value that hashstructure can take.
func (w *walker) hash(n *node, v any) (uint64, *ValueError) {
	h, err := hashstructure.Hash(v, hashstructure.FormatV2, nil)
	if err != nil {
		return 0, w.userError(n.t, "hashstructure", err)
	}
	return h, nil
}

// hashNil returns hashstructure's hash of nil, when hashing.
func (w *walker) hashNil(n *node) (uint64, *ValueError) {
	if !w.hashing {
		return 0, nil
	}
	return w.hash(n, nil)
}

// hashDirect gives the value at p to hashstructure: by address if hashstructure would
// find the value addressable, which matters to structs with blank fields.
func (w *walker) hashDirect(n *node, p unsafe.Pointer, addr bool) (uint64, *ValueError) {
	v := reflect.NewAt(n.t, p)
	if !addr {
		v = v.Elem()
	}
	return w.hash(n, v.Interface())
}

// hashLeaf hashes leaves that hashstructure refuses, is slow for, or gives several hashes.
func (w *walker) hashLeaf(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	switch n.code {
	case opFloat32:
		return w.hash(n, oneNaN32(*(*float32)(p)))
	case opFloat64:
		return w.hash(n, oneNaN64(*(*float64)(p)))
	case opComplex64:
		c := *(*complex64)(p)
		return w.hash(n, complex(oneNaN32(real(c)), oneNaN32(imag(c))))
	case opComplex128:
		c := *(*complex128)(p)
		return w.hash(n, [2]float64{oneNaN64(real(c)), oneNaN64(imag(c))})
	case opUintptr:
		return w.hash(n, uint64(*(*uintptr)(p)))
	case opBytes:
		return w.hashBytes(n, *(*[]byte)(p))
	case opTime:
		return w.hashTime(n, p)
	default: // opRaw
		return w.hashBytes(n, unsafe.Slice((*byte)(p), n.t.Len()))
	}
}

// hashTime hashes the time at p. hashstructure fails for an offset of more than 22 days,
// which no real zone has: then it gets the time in UTC.
func (w *walker) hashTime(n *node, p unsafe.Pointer) (uint64, *ValueError) {
	v := reflect.NewAt(n.t, p).Elem().Interface()
	if t, ok := v.(time.Time); ok {
		if _, err := t.MarshalBinary(); err != nil {
			v = t.UTC()
		}
	}
	return w.hash(n, v)
}

func (w *walker) hashBytes(n *node, b []byte) (uint64, *ValueError) {
	if len(b) > longBytes {
		return w.hash(n, fnv64(b))
	}
	return w.hash(n, b)
}

// hashUser calls the Hash method of a struct.
func (w *walker) hashUser(n *node, self reflect.Value) (h uint64, _ *ValueError) {
	err := panics.Catch(func() (err error) {
		h, err = self.Interface().(hashstructure.Hashable).Hash()
		return err
	})
	if err != nil {
		return 0, w.userError(n.t, "Hash", err)
	}
	return h, nil
}

// hashOrdered folds two hashes as FormatV2 does.
func hashOrdered(a, b uint64) uint64 {
	var pair [16]byte
	binary.LittleEndian.PutUint64(pair[:8], a)
	binary.LittleEndian.PutUint64(pair[8:], b)
	return fnv64(pair[:])
}

// hashFinish hardens an unordered fold as FormatV2 does.
func hashFinish(a uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], a)
	return fnv64(b[:])
}

func fnv64(b []byte) uint64 {
	h := fnv.New64()
	h.Write(b)
	return h.Sum64()
}

// userError names the user's function that failed. fmt handles an Error method that panics.
func (w *walker) userError(t reflect.Type, what string, err error) *ValueError {
	return &ValueError{Type: t, Reason: fmt.Sprintf("%s: %v", what, err), Err: err}
}
