package keys

import (
	"reflect"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
)

// Size estimates how many bytes of memory key takes as [Keys.Store] keeps it,
// what it refers to included, except for what is shared with the caller. It
// costs about as much as a copy.
func (k *Keys) Size(key unsafe.Pointer) int64 {
	if k.size != nil {
		return k.size(key)
	}
	n := int64(k.t.Size())
	// Keys that cannot be copied are known by their content alone.
	if id, err := k.AppendID(nil, key); err == nil {
		n += int64(len(id))
	}
	return n
}

// sizes returns how keys of t that are copied in that way are measured, or nil if they cannot be or their
// identity says it all.
func sizes(t reflect.Type, shape Shape, cfg Config, how clone.Config) func(unsafe.Pointer) int64 {
	if shape != Encoded {
		return nil
	}
	how.Immutable, how.Trusted = standIns(cfg), cfg.Trusted
	plan, err := clone.ForType(t, how)
	if err != nil {
		return nil
	}
	links := plan.Links() // a key that is kept is a copy
	return func(key unsafe.Pointer) int64 { return plan.Size(key, links) }
}
