// Package flight runs at most one load per key at a time and shares its result
// among the callers that came while it ran. A load may be for one key or for
// several: each key has a call of its own, which is joined, overridden and
// committed by itself.
//
// Promises:
//   - a caller obeys its own context and leaves alone; the load goes on while
//     anybody waits for any of its keys, and its context is cancelled when the
//     last one has left;
//   - a load that nobody waits for any more is never joined, and neither is a
//     call that was overridden or that a clear has overtaken: the next caller
//     starts another;
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

// errUnsettled is the error of a key that a load of several says nothing of.
var errUnsettled = errors.New("the load gave no answer")

// Task is one key's part of a load. Find, Commit and Done are called at most
// once each, in this order.
type Task[R any] interface {
	// Find looks for a result that has been committed since the caller missed
	// it. It runs under the key's lock: it must be short and call no user code.
	Find() (R, bool)
	// Commit keeps the result of a load that succeeded. It runs under the
	// key's lock, and only if the call is still the key's own.
	Commit(R)
	// Done is told how the call ended, outside all locks, before the callers
	// get the result. ctx is that of Load.
	Done(ctx context.Context, o Outcome)
}

// Work is a load of one key.
type Work[R any] interface {
	Task[R]
	// Name names the load in a [CycleError]; it is called only then, at any
	// time and from any goroutine.
	Name() string
	// Load computes the result in a goroutine of its own, between Find and
	// Commit. Its context has the values of the caller that started it, but not
	// its deadline or cancellation.
	Load(ctx context.Context) (R, error)
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

// call is what the callers of one key wait for.
type call[K comparable, R any] struct {
	*run
	key  K
	task Task[R]
	done chan struct{}

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
	var begun context.Context
	c, found, role, err := t.join(key, at, work, func() (r *run, err error) {
		r, begun, err = t.tracker.start(ctx, at, work.Name)
		return r, err
	})
	switch {
	case c == nil:
		return found, role, err
	case role == Led:
		go t.load(begun, c.run, []*call[K, R]{c}, func(ctx context.Context) {
			c.settle(work.Load(ctx))
		})
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
	if err := t.wait(ctx, c); err != nil {
		return none, role, err
	}
	if role == Led {
		raise(c.err)
	}
	return c.result, role, c.err
}

// join finds what there is for key, or makes a call of the load that lead
// returns, which the caller then sets going.
func (t *Table[K, R]) join(key K, at epoch.Mark, task Task[R], lead func() (*run, error)) (c *call[K, R], found R, role Role, err error) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil {
		switch {
		case c.at.Before(at):
			s.take(c, "clear")
		case !c.enter():
			s.take(c, ErrAbandoned.Error())
		default:
			c.waiting++
			c.callers++
			return c, found, Joined, nil
		}
	}
	if found, ok := task.Find(); ok {
		return nil, found, Found, nil
	}

	r, err := lead()
	if err != nil {
		return nil, found, Led, err
	}
	r.waiting.Add(1)
	c = &call[K, R]{run: r, key: key, task: task, done: make(chan struct{}), waiting: 1, callers: 1, err: errUnsettled}
	if s.calls == nil {
		s.calls = make(map[K]*call[K, R])
	}
	s.calls[key] = c
	s.peak = max(s.peak, len(s.calls))
	return c, found, Led, nil
}

// wait returns when the call is over, or with ctx's error if that ends first.
func (t *Table[K, R]) wait(ctx context.Context, c *call[K, R]) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	if t.leave(c) {
		return ctx.Err()
	}
	<-c.done // the call is over: its result is on the way
	return nil
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
	c.exit()
	return true
}

// load is the goroutine of a run; compute settles its calls.
func (t *Table[K, R]) load(ctx context.Context, r *run, calls []*call[K, R], compute func(context.Context)) {
	returned := false
	defer func() {
		if !returned {
			err := failure(recover())
			for _, c := range calls {
				c.fail(err)
			}
		}
		t.finish(ctx, calls)
		r.cancel(nil)
		t.tracker.end(r)
	}()
	compute(ctx)
	returned = true
}

// finish commits what may be committed and hands the results to the callers.
// All is committed before anybody is told, which may take time.
func (t *Table[K, R]) finish(ctx context.Context, calls []*call[K, R]) {
	for _, c := range calls {
		t.commit(c)
	}
	for _, c := range calls {
		c.task.Done(ctx, c.outcome())
		close(c.done)
	}
}

func (t *Table[K, R]) commit(c *call[K, R]) {
	s := t.shard(c.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.take(c, "") {
		switch {
		case c.abandoned():
			c.taken = ErrAbandoned.Error()
		case c.err == nil:
			c.task.Commit(c.result)
		}
	}
	c.over = true
}

// settle is what the load says of the key.
func (c *call[K, R]) settle(result R, err error) {
	if err != nil {
		c.fail(err)
		return
	}
	c.result, c.err = result, nil
}

func (c *call[K, R]) fail(err error) {
	var none R
	c.result, c.err = none, err
}

// outcome describes a call that is over: nothing of it changes any more.
func (c *call[K, R]) outcome() Outcome {
	o := Outcome{Err: c.err, Callers: c.callers, Waiting: c.waiting}
	if c.err == nil {
		o.Overridden = c.taken
	}
	return o
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

// panicked reports whether err is that of a load that panicked.
func panicked(err error) bool {
	//nolint:errorlint // a load that wraps a panic in its error has dealt with it
	pe, ok := err.(*panics.Error)
	return ok && pe.Value != panics.ErrGoexit
}

// raise panics with err if it is that of a panic. The value is the
// *panics.Error, which has the stack of the load; except for
// http.ErrAbortHandler, which net/http knows by identity.
func raise(err error) {
	if !panicked(err) {
		return
	}
	//nolint:errorlint // see panicked
	if pe := err.(*panics.Error); pe.Value == http.ErrAbortHandler {
		panic(pe.Value)
	}
	panic(err)
}
