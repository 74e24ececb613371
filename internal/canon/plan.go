package canon

import (
	"reflect"
	"unsafe"
)

// Plan is the compiled identity of the type K. It is immutable and safe for
// concurrent use; the values that it is given must not change during a call.
type Plan[K any] struct{ Untyped }

// For compiles the plan of K. The error joins a *[TypeError] for every place
// in K that cannot identify anything, and whatever is wrong with cfg.
func For[K any](cfg Config) (*Plan[K], error) {
	u, err := ForType(reflect.TypeFor[K](), cfg)
	if err != nil {
		return nil, err
	}
	return &Plan[K]{*u}, nil
}

// Word is [Untyped.Word] of *k.
func (p *Plan[K]) Word(k *K) uint64 { return p.Untyped.Word(unsafe.Pointer(k)) }

// Text is [Untyped.Text] of *k.
func (p *Plan[K]) Text(k *K) string { return p.Untyped.Text(unsafe.Pointer(k)) }

// OfWord returns the K of which Word makes word. It may be called only for the
// shape [Word].
func (p *Plan[K]) OfWord(word uint64) K { return *(*K)(p.Untyped.OfWord(&word)) }

// OfText returns the K that s is. It may be called only for the shape [Text].
func (p *Plan[K]) OfText(s string) K { return *(*K)(p.Untyped.OfText(&s)) }

// Append is [Untyped.Append] of *k.
func (p *Plan[K]) Append(dst []byte, k *K) ([]byte, error) {
	return p.Untyped.Append(dst, unsafe.Pointer(k))
}

// Fingerprint is [Untyped.Fingerprint] of k.
func (p *Plan[K]) Fingerprint(k K) (uint64, error) { return p.Untyped.Fingerprint(unsafe.Pointer(&k)) }
