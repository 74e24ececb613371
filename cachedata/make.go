package cachedata

import (
	"errors"
	"reflect"
	"time"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/level"
	"github.com/reecho-go/reecho/internal/raw"
)

// newLayout returns the layout of a cache's entries.
func newLayout(c *core) layout {
	l := layout{owned: c.cfg.Scope == Session, hasRevision: c.second != nil, keyed: c.shape == keys.Encoded}
	for f := range forms {
		l.types[f] = raw.Of(l.typeOf(f, c))
		l.bytes[f] = clone.Allocated(int(l.types[f].Size()))
	}
	return l
}

// typeOf returns the struct type in which an entry of form f is allocated.
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
	if l.hasRevision {
		fields = append(fields, reflect.StructField{Name: "Revision", Type: reflect.TypeFor[level.Revision]()})
	}
	if l.keyed {
		fields = append(fields, reflect.StructField{Name: "Key", Type: c.key.Type})
	}
	return reflect.StructOf(fields)
}

// allocate returns an entry of form f, whose value and key are zero.
func (c *core) allocate(f form) *entry {
	// Sound: the entry is the field behind the value.
	e := (*entry)(unsafe.Add(c.layout.types[f].New(), before(c.result.Size())))
	e.load = loadTime(f)
	return e
}

// making says what an entry is made from.
type making struct {
	from        unsafe.Pointer // the value; nil: there is none
	shared      *entry         // from is the value of this entry and is shared; nil: from is copied
	err         error          // the remembered error; nil: there is a value
	ttl         time.Duration  // for how long the entry is fresh; 0: for ever
	cost        int64          // the bytes that the value counts, if hasCost
	hasCost     bool
	annotations *annotations // or nil
}

// make returns an entry for p whose time begins now.
func (p *slot) make(m making) (*entry, error) {
	c := p.core
	f := plain
	switch {
	case m.err == nil && c.seals != nil && m.annotations == nil:
		m.annotations, f = new(annotations), rich
	case c.rich || m.err != nil || m.annotations != nil:
		f = rich
	case m.ttl != 0:
		f = timed
	}
	e := c.allocate(f)
	switch {
	case m.from == nil:
	case m.shared != nil:
		c.result.Move(c.valueOf(e), m.from)
		e.link(m.shared.links())
	default:
		if err := c.copyIn(e, m.from); err != nil {
			return nil, err
		}
	}
	size := m.cost
	if !m.hasCost {
		var err error
		if size, err = c.measure(e); err != nil {
			return nil, err
		}
	}
	bytes := plus(size, p.beside(f, m.err, m.annotations))
	if bytes >= maxSize && f != rich {
		f = rich
		bytes = plus(size, p.beside(f, m.err, m.annotations))
		larger := c.allocate(f)
		c.result.Move(c.valueOf(larger), c.valueOf(e))
		larger.link(e.links())
		e = larger
	}
	if own := c.ownKey(e); own != nil {
		if err := c.keys.Store(own, p.own); err != nil {
			return nil, err
		}
	}
	if owner := c.owner(e); owner != nil {
		*owner = p.visitor
	}
	now := c.group.Now()
	e.storedAt = now
	e.size = e.size&treeBit | uint32(min(bytes, maxSize))
	if l := e.lifetime(); l != nil {
		var eager int64
		l.soft, eager = c.freshness(now, m.ttl)
		if rest := e.details(); rest != nil {
			rest.err, rest.size, rest.eager, rest.annotations = m.err, bytes, eager, m.annotations
			rest.used.Store(now)
		}
	}
	if m.err == nil {
		c.seal(e)
	}
	return e, nil
}

// copyIn copies the user's value at src into e. Only here the cache finds out
// whether pointers in the value lead into the middle of it.
func (c *core) copyIn(e *entry, src unsafe.Pointer) error {
	if c.plan == nil {
		return c.copied(c.valueOf(e), src)
	}
	links, err := c.plan.CopyExactly(c.valueOf(e), src)
	if err != nil {
		return c.copyError(err)
	}
	e.link(links)
	return nil
}

// copyOf copies the value of e to dst, which must not be on a stack.
func (c *core) copyOf(dst unsafe.Pointer, e *entry) error {
	if e.links() != clone.Inside {
		return c.copied(dst, c.valueOf(e))
	}
	if _, err := c.plan.CopyInside(dst, c.valueOf(e)); err != nil {
		return c.copyError(err)
	}
	return nil
}

// copied copies the result at src to dst, which must not be on a stack.
func (c *core) copied(dst, src unsafe.Pointer) error {
	if c.copyTo == nil {
		c.result.Move(dst, src)
		return nil
	}
	if err := c.copyTo(dst, src); err != nil {
		return c.copyError(err)
	}
	return nil
}

// copyError turns an error of internal/clone into a [*CopyError]. It is not inlined,
// so that not every shell contains it.
//
//go:noinline
func (c *core) copyError(err error) error {
	return keys.Each(err, func(err error) error {
		e := &CopyError{Cache: c.name, Err: err}
		if at, ok := errors.AsType[*clone.TypeError](err); ok {
			e.Path, e.Type = at.Path, at.Type
		} else if at, ok := errors.AsType[*clone.ValueError](err); ok {
			e.Path, e.Type = at.Path, at.Type
		}
		return e
	})
}
