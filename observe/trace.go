package observe

import "context"

// Tracer is an Observer that follows loads of cachedata through the program, as
// tracing does. An Observer of a cache or group that implements it is asked. It
// must be safe for concurrent use, and quick.
type Tracer interface {
	Observer
	// StartLoad is called before the load function of a cache is, in its goroutine.
	// ctx has the values of the call that has caused the load. The load function
	// and the event [CacheLoad] of it get the context that StartLoad returns. A load
	// of several keys is started once, and has an event for each key.
	StartLoad(ctx context.Context, source Source) context.Context
	// JoinedLoad is called when a call has waited for a load that another one had
	// caused: ctx is the call's, load what StartLoad returned.
	JoinedLoad(ctx context.Context, source Source, load context.Context)
}

// StartLoad implements Tracer: it asks those observers that are Tracers.
func (t tee) StartLoad(ctx context.Context, source Source) context.Context {
	for _, o := range t {
		ctx = startLoad(ctx, o, source)
	}
	return ctx
}

// startLoad asks o, if it is a Tracer; a panic changes nothing.
func startLoad(ctx context.Context, o Observer, source Source) (load context.Context) {
	t, ok := o.(Tracer)
	if !ok {
		return ctx
	}
	load = ctx
	defer func() { _ = recover() }()
	if own := t.StartLoad(ctx, source); own != nil {
		load = own
	}
	return load
}

// JoinedLoad implements Tracer.
func (t tee) JoinedLoad(ctx context.Context, source Source, load context.Context) {
	for _, o := range t {
		joinedLoad(ctx, o, source, load)
	}
}

func joinedLoad(ctx context.Context, o Observer, source Source, load context.Context) {
	if t, ok := o.(Tracer); ok {
		defer func() { _ = recover() }()
		t.JoinedLoad(ctx, source, load)
	}
}
