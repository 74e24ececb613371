package keys

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/raw"
)

// Keys compares and copies the keys of one cache or resource. It has a [Plan],
// which distinguishes keys, and makes copies that nobody else can change. Like a
// Plan, it takes addresses of keys and does not keep them. It is safe for
// concurrent use.
type Keys struct {
	*Plan
	owner string
	t     raw.Type
	copy  *clone.Untyped                            // nil: by assignment
	size  func(key unsafe.Pointer, id string) int64 // nil: see Size
	own   *clone.Untyped                            // copies strings too; nil: by assignment
	bare  *clone.Untyped                            // zeroes fields that are left out; nil: by assignment
}

// For compiles the Keys of the type t. cfg must be valid. owner is the name of
// the cache in errors, with its package. The error joins a [*Error] for each
// place in t that cannot identify anything, or that carries a visitor.
func For(owner string, t reflect.Type, cfg Config) (*Keys, error) {
	plan, err := Compile(t, cfg)
	carriers := visitorErrors(owner, t)
	if err != nil {
		err = Each(err, func(err error) error { return unlessInside(carriers, newError(owner, err)) })
	}
	if err = errors.Join(append(carriers, err)...); err != nil {
		return nil, err
	}
	k := &Keys{Plan: plan, owner: owner, t: raw.Of(t), copy: copies(t, plan, cfg)}
	k.own = k.copy
	if raw.HasPointers(t) { // t may have strings
		k.own = copied(t, cfg, clone.Config{Keep: leftOut, Strings: true})
	}
	how := clone.Config{Keep: leftOut}
	if leavesOut(t) {
		how.Drop = ignored
		k.bare = copied(t, cfg, how)
	}
	k.size = sizes(t, plan.Shape(), cfg, how)
	return k, nil
}

// Store makes *dst the copy of key that a cache keeps together with the result.
// key must already be a copy of the cache's own. Fields that are left out of the
// identity are zero in *dst, so that the cache keeps nothing of a caller that no
// bound counts, such as a body or a transaction.
func (k *Keys) Store(dst, key unsafe.Pointer) error {
	if k.bare == nil {
		k.t.Move(dst, key)
		return nil
	}
	if err := k.bare.CopyTo(dst, key); err != nil {
		return newError(k.owner, err)
	}
	return nil
}

// LeavesOut reports whether keys may have fields that are left out of their identity.
func (k *Keys) LeavesOut() bool { return k.bare != nil }

// Snapshot returns the address of a copy of the key that shares nothing mutable
// with it, except for fields that are left out of the identity.
func (k *Keys) Snapshot(key unsafe.Pointer) (unsafe.Pointer, error) { return k.copied(key, k.copy, "") }

// copied returns the address of a copy of the key by the plan how. Its strings are parts
// of id where they can be.
func (k *Keys) copied(key unsafe.Pointer, how *clone.Untyped, id string) (unsafe.Pointer, error) {
	if how == nil {
		return k.t.Copy(key), nil
	}
	own := k.t.New()
	if err := how.CopyOver(own, key, id); err != nil {
		return nil, newError(k.owner, err)
	}
	return own, nil
}

// ID returns the identity of the key as a new string, for every shape. Compare
// only IDs of keys of the same plan.
func (k *Keys) ID(key unsafe.Pointer) (string, error) {
	if k.Shape() == Text {
		if err := k.fits(key); err != nil {
			return "", err
		}
		return strings.Clone(k.Text(key)), nil
	}
	buf := Borrow()
	id, err := k.AppendID(*buf, key)
	own := string(id)
	Return(buf, id)
	return own, err
}

// AppendID appends the bytes of the key's [Keys.ID] to dst.
func (k *Keys) AppendID(dst []byte, key unsafe.Pointer) ([]byte, error) {
	switch k.Shape() {
	case Word:
		return binary.NativeEndian.AppendUint64(dst, k.Word(key)), nil
	case Text:
		if err := k.fits(key); err != nil {
			return nil, err
		}
		return append(dst, k.Text(key)...), nil
	}
	return k.Append(dst, key)
}

// fits returns an error for a text that is too long.
func (k *Keys) fits(key unsafe.Pointer) error {
	if err := k.TextFits(key); err != nil {
		return newError(k.owner, err)
	}
	return nil
}

// Append appends the key's canonical bytes to dst.
func (k *Keys) Append(dst []byte, key unsafe.Pointer) ([]byte, error) {
	id, err := k.Plan.Append(dst, key)
	if err != nil {
		return nil, newError(k.owner, err)
	}
	return id, nil
}

// Fingerprint returns the 64-bit hashstructure hash of the key: use it as a short
// name, never as an identity. It costs microseconds.
func (k *Keys) Fingerprint(key unsafe.Pointer) (uint64, error) {
	h, err := k.Plan.Fingerprint(key)
	if err != nil {
		return 0, newError(k.owner, err)
	}
	return h, nil
}

// ParseWord returns the word in an ID of a key of the shape Word.
func ParseWord(id string) uint64 { return binary.NativeEndian.Uint64([]byte(id)) }

// buffers holds the canonical bytes of keys while they are looked up.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the largest buffer that is kept.
const maxBuffer = 64 << 10

// Borrow returns an empty buffer for Append.
func Borrow() *[]byte { return buffers.Get().(*[]byte) }

// Return returns a borrowed buffer to the pool; used is the slice that Append
// returned for it.
func Return(buf *[]byte, used []byte) {
	if cap(used) > maxBuffer {
		return
	}
	if used != nil {
		*buf = used[:0]
	}
	buffers.Put(buf)
}

// Size estimates how many bytes of memory key takes as [Keys.Store] keeps it. It
// includes everything that key refers to, except for memory that is shared with
// the caller, and for strings that are parts of id. It costs about as much as a copy.
func (k *Keys) Size(key unsafe.Pointer, id string) int64 {
	if k.size != nil {
		return k.size(key, id)
	}
	n := int64(k.t.Size())
	// Of keys that cannot be copied only the identity can be measured.
	if id, err := k.AppendID(nil, key); err == nil {
		n += int64(len(id))
	}
	return n
}
