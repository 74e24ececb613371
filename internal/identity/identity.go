// Package identity is how caches and resources know their keys: the plan that
// tells equal ones from different ones, copies of keys that nobody else can
// change, and the error for keys that identify nothing.
package identity

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/clone"
)

// Keys knows the keys of one cache. It is safe for concurrent use.
type Keys[K any] struct {
	*canon.Plan[K]
	owner string
	copy  func(K) (K, error) // nil: by assignment
	size  func(K) int64      // nil: see Size
}

// For compiles the plan of K. owner names the cache in errors, package
// included. The error joins a [*Error] for each place in K that cannot
// identify anything.
func For[K any](owner string, cfg canon.Config) (*Keys[K], error) {
	plan, err := canon.For[K](cfg)
	if err != nil {
		return nil, Each(err, func(err error) error { return newError(owner, err) })
	}
	return &Keys[K]{plan, owner, copies(plan, cfg), sizes[K](plan.Shape(), cfg)}, nil
}

// Snapshot returns a copy of key that shares nothing mutable with it, except
// for what is left out of the identity.
func (k *Keys[K]) Snapshot(key K) (K, error) {
	if k.copy == nil {
		return key, nil
	}
	own, err := k.copy(key)
	if err != nil {
		return own, newError(k.owner, err)
	}
	return own, nil
}

// ID returns the identity of key as a string of its own, whatever the shape.
// Only keys of one plan can be compared by it.
func (k *Keys[K]) ID(key *K) (string, error) {
	if k.Shape() == canon.Text {
		return strings.Clone(k.Text(key)), nil
	}
	id, err := k.AppendID(nil, key)
	return string(id), err
}

// AppendID appends the bytes of key's [Keys.ID] to dst.
func (k *Keys[K]) AppendID(dst []byte, key *K) ([]byte, error) {
	switch k.Shape() {
	case canon.Word:
		return binary.NativeEndian.AppendUint64(dst, k.Word(key)), nil
	case canon.Text:
		return append(dst, k.Text(key)...), nil
	}
	return k.Append(dst, key)
}

// Append appends key's canonical bytes to dst.
func (k *Keys[K]) Append(dst []byte, key *K) ([]byte, error) {
	id, err := k.Plan.Append(dst, key)
	if err != nil {
		return nil, newError(k.owner, err)
	}
	return id, nil
}

// Fingerprint returns the 64-bit hashstructure hash of key: a short name, never
// an identity. It costs microseconds.
func (k *Keys[K]) Fingerprint(key K) (uint64, error) {
	h, err := k.Plan.Fingerprint(key)
	if err != nil {
		return 0, newError(k.owner, err)
	}
	return h, nil
}

// OfID returns the key of an [Keys.ID], for keys of the shapes Word and Text:
// their identity says it all.
func (k *Keys[K]) OfID(id string) K {
	if k.Shape() == canon.Word {
		return k.OfWord(ParseWord(id))
	}
	return k.OfText(id)
}

// ParseWord is the word of an ID, for keys of the shape Word.
func ParseWord(id string) uint64 { return binary.NativeEndian.Uint64([]byte(id)) }

// buffers holds the canonical bytes of keys while they are looked up.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest buffer that is kept.
const maxBuffer = 64 << 10

// Borrow returns an empty buffer for Append.
func Borrow() *[]byte { return buffers.Get().(*[]byte) }

// Return gives a borrowed buffer back; used is what Append made of it.
func Return(buf *[]byte, used []byte) {
	if cap(used) > maxBuffer {
		return
	}
	if used != nil {
		*buf = used[:0]
	}
	buffers.Put(buf)
}

// copies returns how keys of K are copied; nil means by assignment.
func copies[K any](plan *canon.Plan[K], cfg canon.Config) func(K) (K, error) {
	switch {
	case plan.Shape() == canon.Text:
		return func(k K) (K, error) {
			// A string may be part of a larger one, or point to a buffer that
			// will be used again.
			v := reflect.ValueOf(&k).Elem()
			v.SetString(strings.Clone(v.String()))
			return k, nil
		}
	case plan.Flat():
		return nil
	}
	how := clone.Config{Immutable: standIns(cfg), Keep: leftOut}
	for {
		p, err := clone.For[K](how)
		if err == nil {
			return p.Copy
		}
		// What identifies by its content may still be beyond copying.
		n := len(how.Immutable)
		_ = Each(err, func(err error) error {
			if at, ok := errors.AsType[*clone.TypeError](err); ok && !slices.Contains(how.Immutable, at.Type) {
				how.Immutable = append(how.Immutable, at.Type)
			}
			return nil
		})
		if len(how.Immutable) == n {
			return nil
		}
	}
}

// standIns lists the types that a copy of a key must share, since a HashFunc
// stands in for them: those whose identity may matter to the loader, such as a
// *sql.DB, and those of which some value cannot be copied.
func standIns(cfg canon.Config) []reflect.Type {
	var out []reflect.Type
	for t := range cfg.HashFuncs {
		switch t.Kind() {
		case reflect.Slice, reflect.Map, reflect.Struct, reflect.Array:
			if clone.Copyable(t) {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// leftOut reports whether a copy of a key shares what the field holds: it is
// no part of the key, such as a client, a logger or a lock, or only its text
// is, and some values of its type cannot be copied.
func leftOut(f reflect.StructField) bool {
	switch f.Tag.Get("hash") {
	case "ignore", "-":
		return true
	case "string":
		return !clone.Copyable(f.Type)
	}
	return false
}

// Each applies fn to every error that err joins, and joins what it returns.
func Each(err error, fn func(error) error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fn(err)
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		errs = append(errs, Each(err, fn))
	}
	return errors.Join(errs...)
}
