package cachedata

import (
	"fmt"
	"unsafe"

	"github.com/reecho-go/reecho/internal/clone"
	"github.com/reecho-go/reecho/internal/keys"
	"github.com/reecho-go/reecho/internal/panics"
)

// What an entry takes in memory beside ours, as measured: in the engine, in the
// queue of what expires, and in what a visitor keeps.
const (
	engineBytes = 96
	queueBytes  = 24
	keptBytes   = 176
)

// measure returns how many bytes the result of e counts, its entry and its key apart.
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

// beside returns how many bytes an entry counts beside its result: what is ours,
// and what clients may have chosen, as keys, tags and the texts of errors.
func (p *slot) beside(f form, err error, x *annotations) int64 {
	c := p.core
	n := engineBytes + c.layout.bytes[f] - int64(c.result.Size()) + p.idBytes()
	if f != plain {
		n += queueBytes + c.idSize()
	}
	if c.layout.keyed {
		n += c.keys.Size(p.own) - int64(c.key.Size())
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

// idSize returns what an identity takes, without what it refers to.
func (c *core) idSize() int64 {
	if c.shape == keys.Word && c.sessions == nil {
		return int64(unsafe.Sizeof(id{}.Word))
	}
	return int64(unsafe.Sizeof(id{}.Text))
}

// idBytes returns what the identity of the slot takes.
func (p *slot) idBytes() int64 {
	n := p.core.idSize() + clone.Allocated(len(p.id.Text))
	if p.visitor != nil {
		n += keptBytes
	}
	return n
}

// Of how many errors in an error the bytes count, and what each takes beside
// its text.
const (
	errorsCounted = 64
	errorBytesOf  = 64
)

// errorBytes estimates what an error takes: each of those that it wraps mostly
// has a text of its own.
func errorBytes(err error) (n int64) {
	todo := []error{err}
	for i := 0; i < len(todo) && i < errorsCounted; i++ {
		n += errorBytesOf
		// It is user code, which may panic; then its text is not known.
		_ = panics.Catch(func() error {
			n += int64(len(todo[i].Error()))
			switch err := todo[i].(type) { //nolint:errorlint // each of them is looked at
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
