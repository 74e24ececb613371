package cachedata

import (
	"math"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/raw"
)

// form says what stands behind an entry in memory.
type form uint32

const (
	plain form = iota // nothing
	timed             // lifetime
	rich              // lifetime and details
	forms

	formBits = 3

	insideBit = 4 // beside the form: pointers of the value lead into it
	noteBits  = formBits | insideBit

	treeBit = 1 << 31 // beside the size: no two references of the value lead to one place
	maxSize = treeBit - 1
)

// layout is how the entries of a cache stand in memory: the value, the entry,
// what its form says, and what all entries of the cache have, which is the
// visitor in session scope, or their birth where there is a store, and the key
// where its identity does not give it back.
type layout struct {
	types    [forms]raw.Type
	bytes    [forms]int64 // what each takes in memory
	owned    bool
	hasBirth bool // never with owned
	keyed    bool
}

// What follows, [core.owner], [core.birth] and [core.ownKey] are sound since an entry is allocated
// by [core.allocate] alone, in a struct whose fields after the value have the sizes
// below, all of them multiples of the largest alignment there is.
const (
	lifetimeAt = unsafe.Sizeof(entry{})
	detailsAt  = lifetimeAt + unsafe.Sizeof(lifetime{})
	richEnd    = detailsAt + unsafe.Sizeof(details{})
	align      = 8
)

// before is how far before its entry a value of that size begins.
func before(size uintptr) uintptr { return (size + align - 1) &^ (align - 1) }

// value is the address of the value of e, which has that size.
func (e *entry) value(size uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(e), -int(before(size)))
}

// form says what stands behind e.
func (e *entry) form() form { return e.load.form() }

// lifetime returns what stands behind e about time, or nil.
func (e *entry) lifetime() *lifetime {
	if e.form() == plain {
		return nil
	}
	return (*lifetime)(unsafe.Add(unsafe.Pointer(e), lifetimeAt))
}

// details returns what stands behind e beyond a TTL, or nil.
func (e *entry) details() *details {
	if e.form() != rich {
		return nil
	}
	return (*details)(unsafe.Add(unsafe.Pointer(e), detailsAt))
}

// end is the address of what all entries of the cache have.
func (e *entry) end() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(e), [forms]uintptr{lifetimeAt, detailsAt, richEnd}[e.form()])
}

func (t loadTime) form() form { return form(t & formBits) }

func (t loadTime) took() time.Duration {
	return time.Duration(math.Float32frombits(uint32(t &^ noteBits)))
}

// links says how references of the value of e lead to each other.
func (e *entry) links() clone.Links {
	switch {
	case e.load&insideBit != 0:
		return clone.Inside
	case e.size&treeBit != 0:
		return clone.Tree
	}
	return clone.Shared
}

// link sets links that are known of the value of e, which had none.
func (e *entry) link(l clone.Links) {
	switch l {
	case clone.Inside:
		e.load |= insideBit
	case clone.Tree:
		e.size |= treeBit
	}
}

// of returns t with another duration.
func (t loadTime) of(took time.Duration) loadTime {
	// Half of what is cut off is added, so that it is rounded.
	return loadTime(math.Float32bits(float32(took))+noteBits/2)&^noteBits | t&noteBits
}

// bytes returns what e counts.
func (e *entry) bytes() int64 {
	if size := e.size & maxSize; size < maxSize {
		return int64(size)
	}
	return e.details().size
}

// err returns the remembered error that e is, or nil.
func (e *entry) err() error {
	if m := e.details(); m != nil {
		return m.err
	}
	return nil
}

// annotations returns what the load of e said of it, or nil.
func (e *entry) annotations() *annotations {
	if m := e.details(); m != nil {
		return m.annotations
	}
	return nil
}
