package cachedata

import (
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/keys"
)

// ErrChanged says that a caller or the load function changed a result after it
// was stored, although its cache is ReadOnly; see CopyConfig.Verify. Its text
// names the cache and the key's fingerprint. It has no HTTP status: it is a
// mistake in the program.
var ErrChanged = errors.New("the result was changed after it was stored")

// seals tell whether a value is what it was when it was stored. A seal is a
// hash of the value's canonical bytes.
type seals struct {
	plan *keys.Plan
	t    reflect.Type
	seed maphash.Seed
}

// newSeals returns seals for values of the type t, in which everything
// must be data; trusted is Config.Trusted.
func newSeals(t reflect.Type, trusted []reflect.Type) (*seals, error) {
	plan, err := keys.Compile(reflect.TypeFor[any](), keys.Config{MaxBytes: 1 << 30, Trusted: trusted})
	s := &seals{plan, t, maphash.MakeSeed()}
	if err == nil {
		_, err = s.of(reflect.New(t).UnsafePointer())
	}
	if err != nil {
		return nil, fmt.Errorf("Copy.Verify: results of this type cannot be compared: leave it out: %w", err)
	}
	return s, nil
}

// of returns the seal of the value at p. It writes the value's canonical bytes into a
// pooled buffer.
func (s *seals) of(p unsafe.Pointer) (uint64, error) {
	v := reflect.NewAt(s.t, p).Elem().Interface()
	buf := keys.Borrow()
	b, err := s.plan.Append(*buf, unsafe.Pointer(&v))
	if err != nil {
		keys.Return(buf, nil)
		return 0, err
	}
	seal := maphash.Bytes(s.seed, b)
	keys.Return(buf, b)
	return seal, nil
}

// seal stores the seal of the value of e, if Copy.Verify is set.
func (c *core) seal(e *entry) {
	if c.seals != nil {
		// A value that is too deep to walk has the seal 0, now and later.
		e.annotations().seal, _ = c.seals.of(c.valueOf(e))
	}
}

// intact reports whether the value of e is what was stored. Without Copy.Verify it
// always reports true.
func (c *core) intact(e *entry) bool {
	if c.seals == nil || e.err() != nil {
		return true
	}
	now, _ := c.seals.of(c.valueOf(e)) // see seal
	return now == e.annotations().seal
}
