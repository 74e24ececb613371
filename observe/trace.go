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
	// caused: ctx is the call's, load what StartLoad returned. A call of several keys
	// may have waited for several loads; it is called once for each.
	JoinedLoad(ctx, load context.Context, source Source)
}

// StartLoad implements Tracer: it asks those observers that are Tracers.
func (t tee) StartLoad(ctx context.Context, source Source) context.Context {
	load := ctx
	for _, o := range t {
		load = startLoad(load, o, source) //lint:ignore fatcontext each observer adds what is its own
	}
	return load
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
func (t tee) JoinedLoad(ctx, load context.Context, source Source) {
	for _, o := range t {
		joinedLoad(ctx, load, o, source)
	}
}

func joinedLoad(ctx, load context.Context, o Observer, source Source) {
	if t, ok := o.(Tracer); ok {
		defer func() { _ = recover() }()
		t.JoinedLoad(ctx, load, source)
	}
}
