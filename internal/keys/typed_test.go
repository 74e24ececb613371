package keys_test

import (
	"errors"
	"reflect"
	"testing"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

// typedPlan is a [keys.Plan] that takes values of the type K.
type typedPlan[K any] struct{ *keys.Plan }

func planFor[K any](cfg keys.Config) (typedPlan[K], error) {
	p, err := compile(reflect.TypeFor[K](), cfg)
	return typedPlan[K]{p}, err
}

// compile is keys.Compile with a check of cfg. A test of many types uses it without
// typedPlan, which is compiled for each of them.
func compile(typ reflect.Type, cfg keys.Config) (*keys.Plan, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return keys.Compile(typ, cfg)
}

// mustCompile is compile of a type that has a plan.
func mustCompile(t testing.TB, typ reflect.Type, cfg keys.Config) *keys.Plan {
	t.Helper()
	p, err := compile(typ, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p typedPlan[K]) Word(k *K) uint64                { return p.Plan.Word(unsafe.Pointer(k)) }
func (p typedPlan[K]) Text(k *K) string                { return p.Plan.Text(unsafe.Pointer(k)) }
func (p typedPlan[K]) OfWord(word uint64) K            { return *(*K)(p.Plan.OfWord(&word)) }
func (p typedPlan[K]) OfText(s string) K               { return *(*K)(p.Plan.OfText(&s)) }
func (p typedPlan[K]) Fingerprint(k K) (uint64, error) { return p.Plan.Fingerprint(unsafe.Pointer(&k)) }

func (p typedPlan[K]) Append(dst []byte, k *K) ([]byte, error) {
	return p.Plan.Append(dst, unsafe.Pointer(k))
}

// typedKeys is [keys.Keys] that take keys of the type K.
type typedKeys[K any] struct{ *keys.Keys }

func keysFor[K any](owner string, cfg keys.Config) (typedKeys[K], error) {
	k, err := keys.For(owner, reflect.TypeFor[K](), cfg)
	return typedKeys[K]{k}, errors.Join(cfg.Validate(), err)
}

func (k typedKeys[K]) ID(key *K) (string, error) { return k.Keys.ID(unsafe.Pointer(key)) }

func (k typedKeys[K]) Append(dst []byte, key *K) ([]byte, error) {
	return k.Keys.Append(dst, unsafe.Pointer(key))
}

func (k typedKeys[K]) AppendID(dst []byte, key *K) ([]byte, error) {
	return k.Keys.AppendID(dst, unsafe.Pointer(key))
}

func (k typedKeys[K]) Fingerprint(key K) (uint64, error) {
	return k.Keys.Fingerprint(unsafe.Pointer(&key))
}

func (k typedKeys[K]) Snapshot(key K) (own K, err error) {
	return valueAt[K](k.Keys.Snapshot(unsafe.Pointer(&key)))
}

func (k typedKeys[K]) Own(key K) (own K, err error) {
	id, err := k.Keys.ID(unsafe.Pointer(&key))
	if err != nil {
		return own, err
	}
	return valueAt[K](k.Keys.Own(unsafe.Pointer(&key), id))
}

func valueAt[K any](p unsafe.Pointer, err error) (K, error) {
	if err != nil {
		return *new(K), err
	}
	return *(*K)(p), nil
}
