package scope

import (
	"context"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// Mask is a context that hides the slots of the contexts above it and
// remembers who asked for them. Everything else of the parent is visible.
type Mask struct {
	context.Context
	seen atomic.Uint32 // bit set of slots
}

// Hide returns a context with the visitor masked.
func Hide(parent context.Context) *Mask { return &Mask{Context: parent} }

// Value implements context.Context.
func (m *Mask) Value(key any) any {
	switch key.(type) {
	case Slot:
		return m
	case requestKey:
		return nil
	}
	return m.Context.Value(key)
}

// Violation returns [ErrVisitorInGlobalLoad], naming the package that was
// asked, if a slot was read through this mask; nil otherwise.
func (m *Mask) Violation() error {
	seen := m.seen.Load()
	if seen == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", Slot(bits.TrailingZeros32(seen)), ErrVisitorInGlobalLoad)
}
