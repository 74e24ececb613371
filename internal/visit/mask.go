package visit

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/panics"
)

// Mask is a context that hides the visitor of its parent, and records which parts were
// read: the slots, values that the program has declared to be the visitor's, and values
// that belong to a visitor by their type. All other values of the parent are visible;
// the owner of the mask is told which of them were read.
type Mask struct {
	context.Context
	reads    *Reads       // nil: reads are not recorded
	declared *Declaration // nil: none
	outer    *Mask        // nil: none

	seen atomic.Uint32 // bit set of slots
	key  atomic.Value  // the first of the other keys, as a string
}

// Hide returns a context with the visitor masked.
func Hide(parent context.Context) *Mask { return (*Reads)(nil).Hide(parent) }

// Hide returns a context with the visitor masked, whose other reads are noted in r.
func (r *Reads) Hide(parent context.Context) *Mask {
	m := &Mask{Context: parent, reads: r}
	if m.declared, m.outer = declarationOf(parent); m.outer != nil {
		m.declared = m.outer.declared
	}
	return m
}

// Value implements context.Context.
func (m *Mask) Value(key any) any {
	switch key.(type) {
	case Slot:
		return m
	case RequestKey:
		return nil
	}
	v, hidden := m.look(key)
	if hidden {
		m.key.CompareAndSwap(nil, nameOf(key))
		return nil
	}
	return v
}

// look returns the value of the parent, or reports that it is hidden.
func (m *Mask) look(key any) (v any, hidden bool) {
	if m.declared != nil && m.declared.owns(key) {
		return nil, true
	}
	v = m.Context.Value(key)
	if v == nil {
		if m.outer != nil { // the outer mask may hide it, for both masks
			_, hidden = m.outer.look(key)
		}
		return nil, hidden
	}
	return v, m.reads.note(m.Context, m.declared, key, v)
}

// Refuse records a read of a slot, and returns [ErrVisitorInGlobalLoad].
func (m *Mask) Refuse(s Slot) error {
	m.seen.Or(1 << s)
	return fmt.Errorf("%s: %w", s, ErrVisitorInGlobalLoad)
}

// Checked calls fn, user code that has the mask in its context, and returns its error.
// If fn has read something of the visitor through the mask, Checked returns the error
// of Violation instead, joined with the error or panic of fn. The text of that error
// begins with who.
func (m *Mask) Checked(who string, fn func() error) (err error) {
	returned := false
	defer func() {
		seen := m.Violation()
		if seen == nil {
			return
		}
		if !returned { // fn may have panicked because of the hidden value
			v := recover()
			if v == nil {
				return // a Goexit continues
			}
			err = panics.Recovered(v)
		}
		if !errors.Is(err, ErrVisitorInGlobalLoad) {
			err = errors.Join(fmt.Errorf("%s: %w", who, seen), err)
		}
	}()
	err = fn()
	returned = true
	return err
}

// Violation returns [ErrVisitorInGlobalLoad] with the name of what was read, if something
// of the visitor was read through this mask, and nil otherwise.
func (m *Mask) Violation() error {
	if seen := m.seen.Load(); seen != 0 {
		return fmt.Errorf("%s: %w", Slot(bits.TrailingZeros32(seen)), ErrVisitorInGlobalLoad)
	}
	if key, ok := m.key.Load().(string); ok {
		return fmt.Errorf("the context value under %s: %w", key, ErrVisitorInGlobalLoad)
	}
	return nil
}
