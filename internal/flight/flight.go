// Package flight runs at most one load per key at a time and shares its result
// among the callers that came while it ran.
//
// Promises:
//   - a caller obeys its own context and leaves alone; the load goes on while
//     anybody waits, and its context is cancelled when the last one has left;
//   - a call that nobody waits for any more is never joined, and neither is one
//     that was overridden or that a clear has overtaken: the next caller starts
//     another;
//   - a result is committed under the key's lock, and only while its call is
//     still the key's own: whoever overrides the key has the last word;
//   - a panic or Goexit of a load reaches its callers as an error, is raised
//     again in the caller that started it, and leaves nothing behind;
//   - loads that wait for each other in a circle fail with a [CycleError];
//   - nothing remains of a key whose call is over.
package flight

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"sync"

	"github.com/reecho-go/reecho/internal/epoch"
	"github.com/reecho-go/reecho/internal/panics"
)

// ErrAbandoned is the cause with which a load's context is cancelled when
// everybody who waited for it has left.
var ErrAbandoned = errors.New("everybody who waited has left")

// Work is one load, as seen by the call that runs it. Find, Load, Commit and
// Done are called at most once each, in this order.
type Work[R any] interface {
	// Name names the call in a [CycleError]; it is called only then, at any
	// time and from any goroutine.
	Name() string
	// Find looks for a result that has been committed since the caller missed
	// it. It runs under the key's lock: it must be short and call no user code.
	Find() (R, bool)
	// Load computes the result in a goroutine of its own. Its context has the
	// values of the caller that started it, but not its deadline or
	// cancellation.
	Load(ctx context.Context) (R, error)
	// Commit keeps the result of a load that succeeded. It runs under the
	// key's lock, and only if the call is still the key's own.
	Commit(R)
	// Done is told how the call ended, outside all locks, before the callers
	// get the result. ctx is that of Load.
	Done(ctx context.Context, o Outcome)
}

// Outcome is how a call ended.
type Outcome struct {
	Err error
	// Overridden says why a result that was loaded could not be committed:
	// the reason given to Override, or that of ErrAbandoned. Empty: it was,
	// or Err is set.
	Overridden string
	// Callers is how many callers shared the call, the first one included.
	Callers int
	// Waiting is how many of them are still there and will get the result:
	// from the commit on nobody leaves.
	Waiting int
}

// Role is how a caller came to its result.
type Role uint8

// The roles.
const (
	Led    Role = iota // it started the load
	Joined             // it waited for a load that somebody else had started
	Found              // Find had the result
)

const shards = 16

// Table holds the calls of one cache. It is safe for concurrent use.
type Table[K comparable, R any] struct {
	tracker *Tracker
	seed    maphash.Seed
	shards  [shards]shard[K, R]
}

type shard[K comparable, R any] struct {
	mu    sync.Mutex
	calls map[K]*call[K, R]
	peak  int
	_     [64 - 8 - 8 - 8]byte // a cache line each
}

type call[K comparable, R any] struct {
	node
	key    K
	at     epoch.Mark
	cancel context.CancelCauseFunc
	done   chan struct{}

	// Guarded by the shard's lock.
	waiting int    // callers who wait
	callers int    // callers who ever waited
	over    bool   // committed or failed: nobody leaves any more
	taken   string // why the call is no longer the key's own

	// Written before done is closed, read after.
	result R
	err    error
}

// NewTable returns an empty table whose calls are counted by tracker.
func NewTable[K comparable, R any](tracker *Tracker) *Table[K, R] {
	return &Table[K, R]{tracker: tracker, seed: maphash.MakeSeed()}
}

func (t *Table[K, R]) shard(key K) *shard[K, R] {
	return &t.shards[maphash.Comparable(t.seed, key)%shards]
}

// Do is [Table.DoAt] for a table that no clear of several steps concerns.
func (t *Table[K, R]) Do(ctx context.Context, key K, work Work[R]) (R, Role, error) {
	return t.DoAt(ctx, key, epoch.Mark{}, work)
}

// DoAt returns the result of key's call, which it starts with work unless there
// is one or work.Find has the result. at is when the caller came, in the gate
// of the clears that concern the table: a call that began before one of these
// is not joined by who came after it, but overridden.
//
// A context that is done starts and joins nothing. The error is the context's,
// the load's, a [*CycleError] or [ErrClosed]. DoAt panics with a *panics.Error
// if it started the load and the load panicked.
func (t *Table[K, R]) DoAt(ctx context.Context, key K, at epoch.Mark, work Work[R]) (R, Role, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, Led, err
	}
	c, found, role, err := t.join(ctx, key, at, work)
	if c == nil {
		return found, role, err
	}

	if loading := nodeOf(ctx); loading != nil {
		err := loading.await(&c.node)
		switch {
		case err == nil:
			defer loading.release(&c.node)
		case t.leave(c):
			return none, role, err
		}
	}

	t.tracker.waiting.Add(1)
	defer t.tracker.waiting.Add(-1)
	select {
	case <-c.done:
	case <-ctx.Done():
		if t.leave(c) {
			return none, role, ctx.Err()
		}
		<-c.done // the call is over: its result is on the way
	}
	if role == Led {
		raise(c.err)
	}
	return c.result, role, c.err
}

// join finds what there is for key, or starts a call.
func (t *Table[K, R]) join(ctx context.Context, key K, at epoch.Mark, work Work[R]) (c *call[K, R], found R, role Role, err error) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil {
		if !c.at.Before(at) {
			c.waiting++
			c.callers++
			return c, found, Joined, nil
		}
		s.take(c, "clear")
	}
	if found, ok := work.Find(); ok {
		return nil, found, Found, nil
	}

	c = &call[K, R]{key: key, at: at, done: make(chan struct{}), waiting: 1, callers: 1}
	c.name = work.Name
	loadCtx, cancel := context.WithCancelCause(withNode(context.WithoutCancel(ctx), &c.node))
	c.cancel = cancel
	if !t.tracker.begin(&c.node, cancel) {
		cancel(ErrClosed)
		return nil, found, Led, ErrClosed
	}
	if s.calls == nil {
		s.calls = make(map[K]*call[K, R])
	}
	s.calls[key] = c
	s.peak = max(s.peak, len(s.calls))
	go t.run(loadCtx, c, work)
	return c, found, Led, nil
}

// run is the goroutine of a call.
func (t *Table[K, R]) run(ctx context.Context, c *call[K, R], work Work[R]) {
	var result R
	var err error
	returned := false
	defer func() {
		if !returned {
			err = failure(recover())
		}
		t.finish(ctx, c, work, result, err)
	}()
	result, err = work.Load(ctx)
	returned = true
}

// finish commits what may be committed and hands the result to the callers.
func (t *Table[K, R]) finish(ctx context.Context, c *call[K, R], work Work[R], result R, err error) {
	if err == nil {
		c.result = result
	}
	c.err = err
	outcome := t.commit(c, work)
	work.Done(ctx, outcome)
	close(c.done)
	c.cancel(nil)
	t.tracker.end(&c.node)
}

func (t *Table[K, R]) commit(c *call[K, R], work Work[R]) Outcome {
	s := t.shard(c.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.take(c, "")
	if c.err == nil && own {
		work.Commit(c.result)
	}
	c.over = true
	o := Outcome{Err: c.err, Callers: c.callers, Waiting: c.waiting}
	if c.err == nil && !own {
		o.Overridden = c.taken
	}
	return o
}

// leave is what a caller does that stops waiting. It reports false, and does
// nothing, when the call is over.
func (t *Table[K, R]) leave(c *call[K, R]) bool {
	s := t.shard(c.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.over {
		return false
	}
	c.waiting--
	if c.waiting == 0 {
		s.take(c, ErrAbandoned.Error())
		c.cancel(ErrAbandoned)
	}
	return true
}

// Override runs write under key's lock after having taken from key's call, if
// there is one, the right to commit. Its callers still get its result; later
// ones do not join it. write must be short and call no user code.
func (t *Table[K, R]) Override(key K, reason string, write func()) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil {
		s.take(c, reason)
	}
	write()
}

// Guard runs write under key's lock and leaves key's call alone. write must be
// short and call no user code.
func (t *Table[K, R]) Guard(key K, write func()) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	write()
}

// take makes c no longer the call of its key, and reports whether it was.
func (s *shard[K, R]) take(c *call[K, R], reason string) bool {
	if s.calls[c.key] != c {
		return false
	}
	c.taken = reason
	delete(s.calls, c.key)
	if len(s.calls) == 0 && s.peak > burst {
		s.calls, s.peak = nil, 0
	}
	return true
}

// failure is the error of a load that did not return: v is what was recovered,
// nil after a Goexit.
func failure(v any) error {
	switch v := v.(type) {
	case nil:
		return panics.New(panics.ErrGoexit)
	case *panics.Error: // raised again by a load inside this one
		return v
	default:
		return panics.New(v)
	}
}

// raise panics with err if it is that of a panic. The value is the
// *panics.Error, which has the stack of the load; except for
// http.ErrAbortHandler, which net/http knows by identity.
func raise(err error) {
	//nolint:errorlint // a load that wraps a panic in its error has dealt with it
	pe, ok := err.(*panics.Error)
	if !ok || pe.Value == panics.ErrGoexit {
		return
	}
	if pe.Value == http.ErrAbortHandler {
		panic(pe.Value)
	}
	panic(pe)
}
