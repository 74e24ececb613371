package cacheresource

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/flight"
)

// grace is how long after its timeout an open may take to notice it, before
// others are told that it does not return.
const grace = time.Second

// turns lets no key be opened twice at a time, whatever became of the first
// open's callers.
type turns struct {
	mu      sync.Mutex
	running map[turnKey]*turn
}

// turnKey is what must not be opened twice at a time.
type turnKey struct{ life, id string }

// turn is one open that runs.
type turn struct {
	name  string // of the instance
	began time.Time
	limit time.Duration // OpenTimeout
	call  flight.Call
	done  chan struct{} // closed when it has returned
}

// take begins an open when the one that runs has returned. It fails when ctx
// ends, or when the one that runs should have returned by now.
func (t *turns) take(ctx context.Context, id turnKey, name string, limit time.Duration) (*turn, error) {
	for {
		own := &turn{name: name, began: time.Now(), limit: limit, call: flight.CallOf(ctx), done: make(chan struct{})}
		first := t.enter(id, own)
		if first == own {
			return own, nil
		}
		if err := first.await(ctx); err != nil {
			return nil, err
		}
	}
}

// enter returns the turn that has begun: own, or that of somebody else.
func (t *turns) enter(id turnKey, own *turn) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.running[id]; first != nil {
		return first
	}
	if t.running == nil {
		t.running = make(map[turnKey]*turn)
	}
	t.running[id] = own
	return own
}

// end is called when the open has returned.
func (t *turns) end(id turnKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.running[id].done)
	delete(t.running, id)
}

// names are the names of what is being opened.
func (t *turns) names() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, turn := range t.running {
		names = append(names, turn.name)
	}
	slices.Sort(names)
	return names
}

// await waits for the open to return.
func (t *turn) await(ctx context.Context) error {
	if t.limit > 0 {
		var cancel context.CancelFunc
		until := t.began.Add(t.limit + grace)
		ctx, cancel = context.WithDeadlineCause(ctx, until, t.timedOut())
		defer cancel()
	}
	return t.call.Await(ctx, t.done)
}

// timedOut is the error of an open that takes too long.
func (t *turn) timedOut() error { return &OpenTimeoutError{Instance: t.name, Limit: t.limit} }
