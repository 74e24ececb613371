// Package observe reports what happens in the toolkit: a load, an eviction, a
// refused cookie, a failed store. Each is an [Event], a typed struct, which goes to
// the [Observer] of the cache, session manager or plugin:
//
//	users := cachedata.Must(cachedata.New("users", load, cachedata.Config{Observer: observe.Slog(nil)}))
//
// Hits and misses are too frequent for events; the Stats methods count them.
//
// Promises:
//   - an Observer is never called under a lock of the toolkit;
//   - a panic in an Observer is recovered and changes nothing else;
//   - no event holds a session id, a cookie or a cached value: keys appear as
//     fingerprints, sessions as short one-way digests;
//   - new events and new fields may come with any release: switch on the
//     types that you know and ignore the rest.
package observe

import (
	"context"
	"log/slog"
)

// An Event is a value of one of the struct types of this package. Switch on the
// types that you need. [Kind], [Level] and [Attrs] work for all events, also for
// those of later releases. Other packages cannot define events.
type Event interface {
	kind() string
	level() slog.Level
	attrs() attrs
}

// Kind returns the event's stable name, such as "cache.load".
func Kind(ev Event) string { return ev.kind() }

// Level returns how serious the event is: Debug for ordinary events, Info for rare ones
// that are no problem, Warn for events that an operator should look into, Error for those that
// have made a request fail.
func Level(ev Event) slog.Level { return ev.level() }

// Attrs returns the event's fields for a log, without the empty ones.
func Attrs(ev Event) []slog.Attr { return ev.attrs() }

// An Observer receives events. It is called synchronously, often while a
// request waits, from many goroutines at once: it must be safe for concurrent
// use, quick, and must not call back into the cache or session that the event
// came from.
type Observer interface {
	Observe(ctx context.Context, ev Event)
}

// Func makes an Observer of a function.
type Func func(ctx context.Context, ev Event)

// Observe calls f.
func (f Func) Observe(ctx context.Context, ev Event) { f(ctx, ev) }

// Emit calls o.Observe with ev, if o is not nil. It recovers a panic of o, so that
// an observer cannot make a request fail. All packages of the toolkit report events
// with Emit.
func Emit(ctx context.Context, o Observer, ev Event) {
	if o == nil {
		return
	}
	defer func() { _ = recover() }()
	o.Observe(ctx, ev)
}

// Tee returns an Observer that passes each event to all of the given ones, in
// order. Nil ones are left out; if all are nil, so is the result. A panic in one
// does not keep the event from the others.
func Tee(observers ...Observer) Observer {
	t := make(tee, 0, len(observers))
	for _, o := range observers {
		if o != nil {
			t = append(t, o)
		}
	}
	switch len(t) {
	case 0:
		return nil
	case 1:
		return t[0]
	}
	return t
}

type tee []Observer

// Observe implements Observer.
func (t tee) Observe(ctx context.Context, ev Event) {
	for _, o := range t {
		Emit(ctx, o, ev)
	}
}
