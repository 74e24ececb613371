package flight

import "context"

// Call is a load that runs, for those who wait for it in another way than by a
// table. The zero Call is none.
type Call struct{ node *node }

// CallOf returns the load that ctx belongs to, or none.
func CallOf(ctx context.Context) Call { return Call{nodeOf(ctx)} }

// Await waits until done is closed, or ctx ends, for something that c has to
// end. When c waits for the load that ctx belongs to, directly or through
// others, it returns a [*CycleError] at once.
func (c Call) Await(ctx context.Context, done <-chan struct{}) error {
	if loading := nodeOf(ctx); loading != nil && c.node != nil {
		if err := loading.await(c.node); err != nil {
			return err
		}
		defer loading.release(c.node)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Detach returns a context with the values of ctx for work that nobody waits
// for: it is not cancelled with ctx, and what is loaded with it is no part of
// the load that ctx belongs to.
func Detach(ctx context.Context) context.Context { return &detached{context.WithoutCancel(ctx), nil} }
