package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// Hooks are functions that run after a clear. The zero Hooks is empty and
// ready; it is safe for concurrent use.
type Hooks struct {
	mu  sync.Mutex
	fns []func(context.Context, observe.CacheClear)
}

// Add appends fn.
func (h *Hooks) Add(fn func(context.Context, observe.CacheClear)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fns = append(h.fns, fn)
}

// run calls the hooks in order, unless ctx belongs to a running hook of h: then a
// clear inside of a hook has led back to h. A panic of one hook does not keep the
// others from running.
func (h *Hooks) run(ctx context.Context, what observe.CacheClear) error {
	h.mu.Lock()
	fns := slices.Clone(h.fns)
	h.mu.Unlock()
	if len(fns) == 0 || within(ctx, h) {
		return nil
	}
	ctx = &hookContext{ctx, h}
	var errs []error
	for _, fn := range fns {
		err := panics.Catch(func() error {
			fn(ctx, what)
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("clear hook: %w", err))
		}
	}
	return errors.Join(errs...)
}

// hookContext is the context of a running hook. It knows the Hooks of that hook.
type hookContext struct {
	context.Context
	hooks *Hooks
}

// hookKey asks whether a hook of this *Hooks is running.
type hookKey struct{ hooks *Hooks }

// Value implements context.Context.
func (c *hookContext) Value(key any) any {
	if key == (hookKey{c.hooks}) {
		return true
	}
	return c.Context.Value(key)
}

func within(ctx context.Context, h *Hooks) bool { return ctx.Value(hookKey{h}) != nil }
