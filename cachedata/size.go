package cachedata

import (
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/panics"
)

// The memory that an entry takes outside of its own allocation, as measured: in the
// engine, in the expiry queue, and in the list of its visitor.
const (
	engineBytes = 96
	queueBytes  = 24
	keptBytes   = 176
)

// measure returns how many bytes the result of e counts, without its entry and key.
func (c *core) measure(e *entry) (int64, error) {
	switch {
	case c.fns.size != nil:
		n := c.fns.size(c.valueOf(e))
		if n < 0 {
			return 0, fmt.Errorf("cachedata: %s: Size returned %d: it must be 0 or more", c.name, n)
		}
		return n, nil
	case c.estimate != nil:
		return c.estimate(c.valueOf(e), e.links()), nil
	}
	return int64(c.result.Size()), nil
}

// beside returns how many bytes an entry counts beside its result: those of the entry
// itself, and those that clients may have chosen, such as keys, tags and error texts.
func (p *slot) beside(f form, err error, x *annotations) int64 {
	c := p.core
	n := engineBytes + c.layout.bytes[f] - int64(c.result.Size()) + p.idBytes()
	if f != plain {
		n += queueBytes + c.idSize()
	}
	if c.layout.keyed {
		n += c.keys.Size(p.own, p.id.Text) - int64(c.key.Size())
	}
	if x != nil {
		n += clone.Allocated(int(unsafe.Sizeof(*x))) + clone.Allocated(len(x.etag)) + clone.Allocated(len(x.tags)*int(unsafe.Sizeof("")))
		for _, tag := range x.tags {
			n += clone.Allocated(len(tag))
		}
	}
	if err != nil {
		n += errorBytes(err)
	}
	return n
}

// idSize returns the bytes of an identity, without the text that it refers to.
func (c *core) idSize() int64 {
	if c.shape == keys.Word && c.sessions == nil {
		return int64(unsafe.Sizeof(id{}.Word))
	}
	return int64(unsafe.Sizeof(id{}.Text))
}

// idBytes returns the bytes of the slot's identity, with its text.
func (p *slot) idBytes() int64 {
	n := p.core.idSize() + clone.Allocated(len(p.id.Text))
	if p.visitor != nil {
		n += keptBytes
	}
	return n
}

// How many wrapped errors are counted, and the bytes that each takes beside its text.
const (
	errorsCounted = 64
	errorBytesOf  = 64
)

// errorBytes estimates the bytes of an error and of those that it wraps, each of
// which mostly has a text of its own.
func errorBytes(err error) (n int64) {
	todo := []error{err}
	for i := 0; i < len(todo) && i < errorsCounted; i++ {
		n += errorBytesOf
		// Error is user code and may panic; then the text is not counted.
		_ = panics.Catch(func() error {
			n += int64(len(todo[i].Error()))
			switch err := todo[i].(type) { //lint:ignore errorlint each of them is looked at
			case interface{ Unwrap() error }:
				if inner := err.Unwrap(); inner != nil {
					todo = append(todo, inner)
				}
			case interface{ Unwrap() []error }:
				for _, inner := range err.Unwrap() {
					if inner != nil {
						todo = append(todo, inner)
					}
				}
			}
			return nil
		})
	}
	return n
}
