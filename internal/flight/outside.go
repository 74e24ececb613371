package flight

import "context"

// Call is a running load, for callers that wait for it without a table. The zero
// Call is no load.
type Call struct{ node *node }

// CallOf returns the load that ctx belongs to, or none.
func CallOf(ctx context.Context) Call { return Call{nodeOf(ctx)} }

// Await waits until done is closed or ctx ends. c is the load that will close
// done. If c waits for the load that ctx belongs to, directly or through others,
// Await returns a [*CycleError] at once.
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

// Detach returns a context with the values of ctx for work that no caller waits
// for: it is not cancelled with ctx, and loads that use it are not part of the
// load that ctx belongs to.
func Detach(ctx context.Context) context.Context { return &detached{context.WithoutCancel(ctx), nil} }
