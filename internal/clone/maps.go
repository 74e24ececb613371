package clone

import (
	"maps"
	"reflect"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/raw"
)

// linkMap chooses how maps of n's type are made and filled. Maps of the usual shapes are filled by code compiled for
// that shape; all others by reflection.
func (n *node) linkMap() {
	n.mk = func(length int) unsafe.Pointer { return reflect.MakeMapWithSize(n.typ, length).UnsafePointer() }
	n.put = putReflected
	key, elem := n.typ.Key(), n.typ.Elem()
	if !n.key.flat {
		return
	}
	switch k := key.Kind(); {
	case k == reflect.String:
		linkValues[string](n, elem)
	case isInteger(k) && key.Size() == 8:
		linkValues[uint64](n, elem)
	}
}

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// linkValues chooses by the shape of the values. Each shape is compiled separately, so there are only those of the usual
// maps.
func linkValues[K comparable](n *node, elem reflect.Type) {
	if n.elem.flat {
		n.cloneMap = mapCloneOf[K](elem)
		return
	}
	switch elem.Kind() {
	case reflect.Slice:
		linkEntries[K, []byte](n)
	case reflect.Pointer, reflect.Map:
		linkEntries[K, unsafe.Pointer](n)
	case reflect.Interface:
		linkEntries[K, any](n)
	}
}

// mapCloneOf returns how maps of flat values are copied in one step, or nil.
func mapCloneOf[K comparable](elem reflect.Type) func(unsafe.Pointer) unsafe.Pointer {
	if !raw.HasPointers(elem) {
		switch layout := [2]uintptr{elem.Size(), uintptr(elem.Align())}; layout {
		case [2]uintptr{0, 1}:
			return mapClone[K, struct{}]
		case [2]uintptr{1, 1}:
			return mapClone[K, uint8]
		case [2]uintptr{4, 4}:
			return mapClone[K, uint32]
		case [2]uintptr{8, unsafe.Alignof(uint64(0))}:
			return mapClone[K, uint64]
		case [2]uintptr{16, unsafe.Alignof(uint64(0))}:
			return mapClone[K, [2]uint64]
		}
		return nil
	}
	switch elem.Kind() {
	case reflect.String:
		return mapClone[K, string]
	case reflect.Slice:
		return mapClone[K, []byte]
	case reflect.Pointer, reflect.Map:
		return mapClone[K, unsafe.Pointer]
	case reflect.Interface:
		return mapClone[K, any]
	}
	return nil
}

// mapClone copies a map as a map[K]V. That is sound where the key kinds are the same (string, integers of one
// size), so that the hash is the same, and the values have one size, alignment and pointer layout: the two map types
// then have equivalent memory layouts, and a map does not know its type.
func mapClone[K comparable, V any](src unsafe.Pointer) unsafe.Pointer {
	m := maps.Clone(*(*map[K]V)(unsafe.Pointer(&src)))
	return *(*unsafe.Pointer)(unsafe.Pointer(&m))
}

// linkEntries fills maps of type n as map[K]V, which is sound for the same reason as mapClone.
func linkEntries[K comparable, V any](n *node) {
	n.mk = func(length int) unsafe.Pointer {
		m := make(map[K]V, length)
		return *(*unsafe.Pointer)(unsafe.Pointer(&m))
	}
	cells := sync.Pool{New: func() any { return new(V) }}
	n.put = func(dst, src unsafe.Pointer, n *node, s *state) {
		to, from := *(*map[K]V)(unsafe.Pointer(&dst)), *(*map[K]V)(unsafe.Pointer(&src))
		cell := cells.Get().(*V)
		for k, v := range from {
			*cell = v
			n.elem.fix(unsafe.Pointer(cell), s)
			to[k] = *cell
		}
		clear(unsafe.Slice(cell, 1))
		cells.Put(cell)
	}
}

// putReflected copies entries of any type. It completes a key before it stores the entry, which hashes the key.
func putReflected(dst, src unsafe.Pointer, n *node, s *state) {
	to, from := reflect.NewAt(n.typ, unsafe.Pointer(&dst)).Elem(), reflect.NewAt(n.typ, unsafe.Pointer(&src)).Elem()
	k, v := reflect.New(n.typ.Key()), reflect.New(n.typ.Elem())
	for it := from.MapRange(); it.Next(); {
		k.Elem().SetIterKey(it)
		v.Elem().SetIterValue(it)
		if !n.key.flat {
			wasKey := s.inKey
			s.inKey = true
			n.key.fix(k.UnsafePointer(), s)
			s.inKey = wasKey
		}
		if !n.elem.flat {
			n.elem.fix(v.UnsafePointer(), s)
		}
		to.SetMapIndex(k.Elem(), v.Elem())
	}
}
