package visit

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/reecho-go/reecho/internal/panics"
)

// Mask is a context that hides the visitor of the contexts above it, and
// remembers who asked: the slots, what the program has declared to be the
// visitor's, and values that are a visitor's by their type. Everything else
// of the parent is visible; its owner is told what was read of it.
type Mask struct {
	context.Context
	reads    *Reads       // nil: nobody wants to know
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

// look returns the value of the contexts above, or says that it is hidden.
func (m *Mask) look(key any) (v any, hidden bool) {
	if m.declared != nil && m.declared.owns(key) {
		return nil, true
	}
	v = m.Context.Value(key)
	if v == nil {
		if m.outer != nil { // it may be what hides it, and stands for both
			_, hidden = m.outer.look(key)
		}
		return nil, hidden
	}
	return v, m.reads.note(m.Context, m.declared, key, v)
}

// Refuse notes that a slot was asked for, and returns [ErrVisitorInGlobalLoad].
func (m *Mask) Refuse(s Slot) error {
	m.seen.Or(1 << s)
	return fmt.Errorf("%s: %w", s, ErrVisitorInGlobalLoad)
}

// Checked calls fn, the user's code that has the mask in its context, and
// returns its error; if something of the visitor was read through the mask,
// that is the error, whatever fn makes of it: a result, another error, which
// is joined, or a panic, which is joined too. It begins with who calls.
func (m *Mask) Checked(who string, fn func() error) (err error) {
	returned := false
	defer func() {
		seen := m.Violation()
		if seen == nil {
			return
		}
		if !returned { // it may have missed what was hidden
			v := recover()
			if v == nil {
				return // a Goexit goes on
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

// Violation returns [ErrVisitorInGlobalLoad], naming what was asked for, if
// something of the visitor was read through this mask; nil otherwise.
func (m *Mask) Violation() error {
	if seen := m.seen.Load(); seen != 0 {
		return fmt.Errorf("%s: %w", Slot(bits.TrailingZeros32(seen)), ErrVisitorInGlobalLoad)
	}
	if key, ok := m.key.Load().(string); ok {
		return fmt.Errorf("the context value under %s: %w", key, ErrVisitorInGlobalLoad)
	}
	return nil
}
