package observe

import (
	"context"
	"sync"
)

// Recorder is an Observer that keeps all events, for tests. The zero value is ready
// to use. It is safe for concurrent use. Do not use it in production: it never
// drops an event.
type Recorder struct {
	mu     sync.Mutex
	events []Event
}

// Observe implements Observer.
func (r *Recorder) Observe(_ context.Context, ev Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
}

// Events returns a copy of what has been observed so far, oldest first.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Of returns the events of type E that r has seen, oldest first.
func Of[E Event](r *Recorder) []E {
	var out []E
	for _, ev := range r.Events() {
		if e, ok := ev.(E); ok {
			out = append(out, e)
		}
	}
	return out
}
