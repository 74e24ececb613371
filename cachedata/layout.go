package cachedata

import (
	"math"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/raw"
)

// form says which structs are behind an entry in memory.
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

// layout is the order of an entry's parts in memory: the value, the entry, the
// structs of its form, and at the end the fields that all entries of the cache have:
// the visitor in session scope, the birth if there is a store, and the key if it
// cannot be made from the identity.
type layout struct {
	types       [forms]raw.Type
	bytes       [forms]int64 // the memory that an entry of each form takes
	owned       bool
	hasRevision bool // never together with owned
	keyed       bool
}

// The functions below, [core.owner], [core.birth] and [core.ownKey] are sound because
// only [core.allocate] allocates entries: in a struct whose fields after the value
// have these sizes, which are multiples of the largest alignment.
const (
	lifetimeAt = unsafe.Sizeof(entry{})
	detailsAt  = lifetimeAt + unsafe.Sizeof(lifetime{})
	richEnd    = detailsAt + unsafe.Sizeof(details{})
	align      = 8
)

// before returns how many bytes before its entry a value of that size begins.
func before(size uintptr) uintptr { return (size + align - 1) &^ (align - 1) }

// value returns the address of the value of e, which has that size.
func (e *entry) value(size uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(e), -int(before(size)))
}

// form returns the form of e.
func (e *entry) form() form { return e.load.form() }

// lifetime returns the lifetime behind e, or nil.
func (e *entry) lifetime() *lifetime {
	if e.form() == plain {
		return nil
	}
	return (*lifetime)(unsafe.Add(unsafe.Pointer(e), lifetimeAt))
}

// details returns the details behind e, or nil.
func (e *entry) details() *details {
	if e.form() != rich {
		return nil
	}
	return (*details)(unsafe.Add(unsafe.Pointer(e), detailsAt))
}

// end returns the address of the fields that all entries of the cache have.
func (e *entry) end() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(e), [forms]uintptr{lifetimeAt, detailsAt, richEnd}[e.form()])
}

func (t loadTime) form() form { return form(t & formBits) }

func (t loadTime) took() time.Duration {
	return time.Duration(math.Float32frombits(uint32(t &^ noteBits)))
}

// links says how the references in the value of e are connected.
func (e *entry) links() clone.Links {
	switch {
	case e.load&insideBit != 0:
		return clone.Inside
	case e.size&treeBit != 0:
		return clone.Tree
	}
	return clone.Shared
}

// link notes the links of the value of e, once.
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
	// Adding half of the bits that are cut off rounds the duration.
	return loadTime(math.Float32bits(float32(took))+noteBits/2)&^noteBits | t&noteBits
}

// bytes returns the bytes that e counts for the bounds.
func (e *entry) bytes() int64 {
	if size := e.size & maxSize; size < maxSize {
		return int64(size)
	}
	return e.details().size
}

// err returns the error that e remembers, or nil if it has a result.
func (e *entry) err() error {
	if m := e.details(); m != nil {
		return m.err
	}
	return nil
}

// annotations returns what the load of e has set, or nil.
func (e *entry) annotations() *annotations {
	if m := e.details(); m != nil {
		return m.annotations
	}
	return nil
}
