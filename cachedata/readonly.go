package cachedata

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"

	"github.com/reecho-go/reecho/internal/canon"
	"github.com/reecho-go/reecho/internal/identity"
)

// WriteError says that a shared result was changed although its cache is
// ReadOnly, by a caller or by the loader; see Config.VerifyReadOnly. It has no
// HTTP status: it is a mistake in the program.
type WriteError struct {
	Cache       string // the cache's name
	Fingerprint uint64 // of the key; see [Cache.Fingerprint]
}

// Error names the cache and the ways out.
func (e *WriteError) Error() string {
	return fmt.Sprintf("cachedata: %s: the result of key %016x was changed after it was stored, and all callers share it: have them copy before they change, or leave ReadOnly out",
		e.Cache, e.Fingerprint)
}

// seals tell whether a value is what it was when it was stored. A seal is a
// hash of the value's canonical bytes.
type seals struct {
	plan *canon.Plan[any]
	seed maphash.Seed
}

// newSeals returns seals for values of the type of zero, in which everything
// must be data; trusted is Config.Trusted.
func newSeals(zero any, trusted []reflect.Type) (*seals, error) {
	plan, err := canon.For[any](canon.Config{MaxBytes: 1 << 30, Trusted: trusted})
	s := &seals{plan, maphash.MakeSeed()}
	if err == nil {
		_, err = s.of(zero)
	}
	if err != nil {
		return nil, fmt.Errorf("VerifyReadOnly: results of this type cannot be compared: leave it out: %w", err)
	}
	return s, nil
}

// of returns the seal of v. Its bytes are written anew each time, in memory
// that keys use as well.
func (s *seals) of(v any) (uint64, error) {
	buf := identity.Borrow()
	b, err := s.plan.Append(*buf, &v)
	if err != nil {
		identity.Return(buf, nil)
		return 0, err
	}
	seal := maphash.Bytes(s.seed, b)
	identity.Return(buf, b)
	return seal, nil
}

// sealed returns what is known of a result v with its seal. x may be nil.
func (c *Cache[K, V]) sealed(x *extra, v V) *extra {
	if c.seals == nil {
		return x
	}
	if x == nil {
		x = new(extra)
	}
	// What cannot be walked, since it is too deep, has no seal, now or later.
	x.seal, _ = c.seals.of(v)
	return x
}

// intact reports whether the value of e is what was stored, as far as that is
// looked for.
func (c *Cache[K, V]) intact(e *entry[K, V]) bool {
	if c.seals == nil || e.err() != nil {
		return true
	}
	now, _ := c.seals.of(e.value) // see sealed
	return now == e.extra().seal
}

// written returns a *WriteError, and drops the result of key, if its entry e is
// not any more what was stored.
func (c *Cache[K, V]) written(ctx context.Context, key K, e *entry[K, V]) error {
	if c.intact(e) {
		return nil
	}
	fp, _ := c.keys.Fingerprint(key) // the key has been looked up
	return errors.Join(&WriteError{Cache: c.name, Fingerprint: fp}, c.Delete(ctx, key))
}
