package cachedata

import (
	"context"

	"github.com/reecho-go/reecho/internal/flight"
	"github.com/reecho-go/reecho/observe"
)

// traced returns the context for the load function of these loads. A tracing observer
// may have changed it.
func (c *core) traced(ctx context.Context, loads ...*load) context.Context {
	t, ok := c.observer.(observe.Tracer)
	if !ok || !c.observed() {
		return ctx
	}
	own := t.StartLoad(ctx, observe.Source{Group: c.group.Name(), Cache: c.name})
	if own == ctx {
		return ctx
	}
	for _, l := range loads {
		l.trace.Store(&own)
	}
	return own
}

// traceOf returns the context that traced has set for l, or ctx.
func (l *load) traceOf(ctx context.Context) context.Context {
	if own := l.trace.Load(); own != nil {
		return *own
	}
	return ctx
}

// waited tells a tracing observer that the call with ctx has waited for a load.
func (c *core) waited(ctx context.Context, task flight.Task) {
	l, ok := task.(*load)
	if !ok {
		return
	}
	own := l.trace.Load()
	if own == nil {
		return
	}
	if t, ok := c.observer.(observe.Tracer); ok {
		t.JoinedLoad(ctx, *own, observe.Source{Group: c.group.Name(), Cache: c.name})
	}
}
