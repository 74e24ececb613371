package identity

import (
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/canon"
)

// Keys is [Untyped] for keys of the type K.
type Keys[K any] struct{ *Untyped }

// For is [ForType] of K.
func For[K any](owner string, cfg canon.Config) (*Keys[K], error) {
	u, err := ForType(owner, reflect.TypeFor[K](), cfg)
	if err != nil {
		return nil, err
	}
	return &Keys[K]{u}, nil
}

// Snapshot is [Untyped.Snapshot] of key.
func (k *Keys[K]) Snapshot(key K) (own K, err error) {
	p, err := k.Untyped.Snapshot(unsafe.Pointer(&key))
	if err != nil {
		return own, err
	}
	return *(*K)(p), nil
}

// Own is [Untyped.Own] of key.
func (k *Keys[K]) Own(key K) (own K, err error) {
	p, err := k.Untyped.Own(unsafe.Pointer(&key))
	if err != nil {
		return own, err
	}
	return *(*K)(p), nil
}

// ID is [Untyped.ID] of *key.
func (k *Keys[K]) ID(key *K) (string, error) { return k.Untyped.ID(unsafe.Pointer(key)) }

// Word is [canon.Untyped.Word] of *key.
func (k *Keys[K]) Word(key *K) uint64 { return k.Untyped.Word(unsafe.Pointer(key)) }

// Append is [Untyped.Append] of *key.
func (k *Keys[K]) Append(dst []byte, key *K) ([]byte, error) {
	return k.Untyped.Append(dst, unsafe.Pointer(key))
}

// AppendID is [Untyped.AppendID] of *key.
func (k *Keys[K]) AppendID(dst []byte, key *K) ([]byte, error) {
	return k.Untyped.AppendID(dst, unsafe.Pointer(key))
}

// Fingerprint is [Untyped.Fingerprint] of key.
func (k *Keys[K]) Fingerprint(key K) (uint64, error) {
	return k.Untyped.Fingerprint(unsafe.Pointer(&key))
}
