// Package observe is how the toolkit tells what happens off the hot path: a
// load, an eviction, a refused cookie, a store that failed. Each fact is a
// typed [Event] handed to the one-method [Observer] of the cache, session
// manager or plugin that it happened in. Hot counters (hits, misses) are not
// events; they are pulled with the Stats methods.
//
// Promises:
//   - an Observer is never called under a lock of the toolkit;
//   - a panic in an Observer is contained and changes nothing else;
//   - no event holds a session id, a cookie or a cached value: keys appear as
//     fingerprints, sessions as short one-way digests;
//   - new events and new fields may come with any release: switch on the
//     types that you know and ignore the rest.
package observe

import (
	"context"
	"log/slog"
)

// An Event is one fact: a value of one of the struct types of this package.
// Switch on the types that matter to you; [Kind], [Level] and [Attrs] say of any
// event, also of one that comes with a later release, what a log needs. No other
// package can make an Event, so that new ones never break an Observer.
type Event interface {
	kind() string
	level() slog.Level
	attrs() attrs
}

// Kind is the event's stable name, such as "cache.load".
func Kind(ev Event) string { return ev.kind() }

// Level is how serious the event is: Debug for the ordinary course of things,
// Info for rare but healthy facts, Warn for what an operator should look into,
// Error for what failed a request.
func Level(ev Event) slog.Level { return ev.level() }

// Attrs is the event's fields for a log, without those that are empty.
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

// Emit hands ev to o, if there is one. A panic in o is swallowed, since an
// observer must never fail what it observes. Every package of the toolkit hands
// on its events by Emit.
func Emit(ctx context.Context, o Observer, ev Event) {
	if o == nil {
		return
	}
	defer func() { _ = recover() }()
	o.Observe(ctx, ev)
}

// Tee returns an Observer that hands each event to all of the given ones, in
// order; nil ones are left out, and the result is nil if all are. A panic in
// one does not keep the event from the others.
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
