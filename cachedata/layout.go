package cachedata

import (
	"math"
	"reflect"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
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
// visitor in session scope and the key where its identity does not give it back.
type layout struct {
	types [forms]raw.Type
	owned bool
	keyed bool
}

// newLayout returns the layout of a cache's entries.
func newLayout(c *core) layout {
	l := layout{owned: c.cfg.Scope == Session, keyed: c.shape == keys.Encoded}
	for f := range forms {
		l.types[f] = raw.Of(l.typeOf(f, c))
	}
	return l
}

// typeOf is the type as which an entry of form f is allocated.
func (l *layout) typeOf(f form, c *core) reflect.Type {
	fields := []reflect.StructField{{Name: "Value", Type: c.result.Type}, {Name: "Entry", Type: reflect.TypeFor[entry]()}}
	if f >= timed {
		fields = append(fields, reflect.StructField{Name: "Life", Type: reflect.TypeFor[lifetime]()})
	}
	if f >= rich {
		fields = append(fields, reflect.StructField{Name: "More", Type: reflect.TypeFor[details]()})
	}
	if l.owned {
		fields = append(fields, reflect.StructField{Name: "Owner", Type: reflect.TypeFor[*visitor]()})
	}
	if l.keyed {
		fields = append(fields, reflect.StructField{Name: "Key", Type: c.key.Type})
	}
	return reflect.StructOf(fields)
}

// allocate returns an entry of form f, whose value and key are zero.
func (c *core) allocate(f form) *entry {
	// Sound: the entry stands behind the value.
	e := (*entry)(unsafe.Add(c.layout.types[f].New(), before(c.result.Size())))
	e.load = loadTime(f)
	return e
}

// bytesOf returns the size of an entry of form f.
func (c *core) bytesOf(f form) int64 { return int64(c.layout.types[f].Size()) }

// What follows is sound since an entry is allocated by allocate alone, in a
// struct whose fields after the value have the sizes below, all of them multiples of
// the largest alignment there is.
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

// valueOf is the address of the value of e.
func (c *core) valueOf(e *entry) unsafe.Pointer { return e.value(c.result.Size()) }

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

// owner returns where the visitor is whose entry e is, or nil in global scope.
func (c *core) owner(e *entry) **visitor {
	if !c.layout.owned {
		return nil
	}
	return (**visitor)(e.end())
}

// ownKey returns where the key of e is, or nil if its identity says it all.
func (c *core) ownKey(e *entry) unsafe.Pointer {
	switch {
	case !c.layout.keyed:
		return nil
	case c.layout.owned:
		return unsafe.Add(e.end(), unsafe.Sizeof((*visitor)(nil)))
	}
	return e.end()
}

// loadTime is how long a load took, as the bits of a float32 of nanoseconds,
// of which the last three are the entry's form and whether pointers of its value
// lead into it: that leaves six digits.
type loadTime uint32

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
