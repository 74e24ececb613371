// Package flight runs at most one load per key at a time and shares its result
// among the callers that came while it ran. A load may be for one key or for
// several: each key has a call of its own, which is joined, overridden and
// committed separately.
//
// Promises:
//   - each caller waits until its own context ends. The load goes on while at
//     least one caller waits for any of its keys; when the last one has left, its
//     context is cancelled;
//   - a caller never joins a load without waiting callers, a call that was
//     overridden, or one that began before a clear: it starts another load;
//   - a load with a time limit ends at that limit: its callers get an error, and
//     its later result is discarded;
//   - a load may also run in the background, without callers;
//   - a result is committed under the key's lock, and only if its call is still
//     registered for the key, so that an override wins over a running load;
//   - callers get a panic or Goexit of a load as an error, and the caller that
//     started the load panics again;
//   - loads that wait for each other in a cycle fail with a [CycleError], and so
//     does one that would start another load of its own key;
//   - a load without a time limit is reported when its callers have waited for
//     long;
//   - when the call of a key has ended, the table keeps nothing for the key.
package flight

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
)

// ErrAbandoned is the cause with which a load's context is cancelled when all
// callers who waited for it have left.
var ErrAbandoned = errors.New("everybody who waited has left")

// ErrTimeout is the error of the callers of a load that has reached its limit,
// and the cause with which its context ends.
var ErrTimeout = errors.New("the load took too long")

// ErrImpatient is the error of a caller that stopped waiting because of
// Terms.Leave. The load continues.
var ErrImpatient = errors.New("the load is not over yet")

// errUnsettled is the error of a key for which a load of several keys has not called
// settle.
var errUnsettled = errors.New("the load gave no answer")

// Task is one key's part of a load. Find, Commit and Done are called at most
// once each, in this order.
type Task interface {
	// Find looks for a result that has been committed since the caller missed
	// it. It runs under the key's lock: it must be short and call no user code.
	Find() (any, bool)
	// Commit keeps the result of a load that succeeded. It runs under the
	// key's lock, and only if the call is still registered for the key.
	Commit(any)
	// Done is told how the call ended, outside all locks, before the callers
	// get the result. ctx is that of Load.
	Done(ctx context.Context, o Outcome)
}

// Failer is a Task that is told of a load that failed.
type Failer interface {
	// Fail is called instead of Commit. It runs under the key's lock, and only
	// if the call is still registered for the key.
	Fail(err error)
}

// Later is a Task that is told when a load returns that had reached its limit.
type Later interface {
	// Late is called after Done, outside all locks, when a load that had reached
	// its limit has returned. ctx is that of Load, and is done; err is what the
	// load returned.
	Late(ctx context.Context, err error)
}

// Work is a load of one key.
type Work interface {
	Task
	// Name returns the name of the load for a [CycleError]. It is called only for
	// that, at any time and from any goroutine.
	Name() string
	// Load computes the result in a goroutine of its own, between Find and
	// Commit. Its context has the values of the caller that started it, but not
	// its deadline or cancellation; its deadline is the limit.
	Load(ctx context.Context) (any, error)
}

// Outcome is how a call ended.
type Outcome struct {
	Err error
	// Overridden says why a result that was loaded could not be committed: the
	// reason given to Override, or that of ErrAbandoned. It is empty if the
	// result was committed or Err is set.
	Overridden string
	// Callers is how many callers shared the call, the first one included.
	Callers int
	// Waiting is how many of them still wait and will get the result: after the
	// commit no caller leaves.
	Waiting int
}

// Terms are the options of a caller. The zero Terms set none.
type Terms struct {
	// At is the moment of the call, by the gate of the clears that concern the
	// table. A caller that came after a clear overrides a call that began before
	// it, instead of joining it.
	At Mark
	// Limit is how long a load that this caller starts may take; its callers get
	// ErrTimeout then. 0: no limit.
	Limit time.Duration
	// Patience is how long the load may have taken until Leave is called, once,
	// outside all locks. If it reports true, the caller leaves with
	// ErrImpatient, and the load goes on even if nobody waits for it. 0: the
	// caller waits until the load is over. DoMany asks its Batch instead.
	Patience time.Duration
	Leave    func() bool
	// Quiet: a panic of the load is only returned, as a *panics.Error, and not
	// panicked with again.
	Quiet bool
	// Joined is called by DoAt and DoMany, outside all locks, after this caller
	// has waited for a call that it joined. It gets the task of that call. A
	// duplicate key joins a call of the caller itself. Nil: it is not called.
	Joined func(Task)
}

// Role is how a caller got its result.
type Role uint8

// The roles.
const (
	Led    Role = iota // it started the load
	Joined             // it waited for a load that another caller had started
	Found              // Find had the result
)

const (
	shardBits = 4
	shards    = 1 << shardBits
)

// Key identifies a call in a table: by a word, a text, or both.
type Key struct {
	Word uint64
	Text string
}

// Table holds the calls of one cache. It is safe for concurrent use.
type Table struct {
	tracker *Tracker
	seed    maphash.Seed
	shards  [shards]shard
}

type shard struct {
	mu    sync.Mutex
	calls map[Key]*call
	peak  int
	_     [64 - 8 - 8 - 8]byte // a cache line each
}

// call is the part of a run for one key, for which the callers of that key wait.
type call struct {
	*run
	key  Key
	task Task
	done chan struct{}

	// Guarded by the shard's lock.
	waiting    int         // callers who wait
	callers    int         // callers who ever waited
	over       bool        // committed or failed: callers cannot leave any more
	alarm      *time.Timer // fires when callers have waited too long; may be nil
	detachedBy string      // why the call is no longer the call of its key

	loaded answer // written by the load alone until the call is over
	answer        // written before done is closed, read after
}

type answer struct {
	result any
	err    error
}

// NewTable returns an empty table whose calls are counted by tracker.
func NewTable(tracker *Tracker) *Table {
	return &Table{tracker: tracker, seed: maphash.MakeSeed()}
}

func (t *Table) shard(key Key) *shard {
	h := key.Word
	if key.Text != "" {
		h ^= maphash.String(t.seed, key.Text)
	}
	return &t.shards[h*0x9e3779b97f4a7c15>>(64-shardBits)]
}

// Do is [Table.DoAt] without terms.
func (t *Table) Do(ctx context.Context, key Key, work Work) (any, Role, error) {
	return t.DoAt(ctx, key, Terms{}, work)
}

// DoAt returns the result of key's call. It starts a call with work unless one is
// in flight or work.Find has the result.
//
// If ctx is done, it neither starts nor joins a call. The error is that of ctx,
// that of the load, a [*CycleError], [ErrTimeout], [ErrImpatient] or [ErrClosed].
// DoAt panics with a *panics.Error if it started the load and the load panicked,
// unless terms.Quiet is set.
func (t *Table) DoAt(ctx context.Context, key Key, terms Terms, work Work) (any, Role, error) {
	if err := ctx.Err(); err != nil {
		return nil, Led, err
	}
	loading := nodeOf(ctx)
	c, found, role, err := t.join(key, terms.At, loading, work, func() (*run, error) {
		return t.tracker.start(ctx, terms, work, loading)
	})
	switch {
	case err == errWithin:
		return nil, role, loading.backTo(t.within(loading, key))
	case c == nil:
		return found, role, err
	case role == Led:
		go t.load(c.run, nil)
	}

	if loading != nil {
		err := loading.await(&c.node)
		switch {
		case err == nil:
			defer loading.release(&c.node)
		case t.leave(c, false):
			return nil, role, err
		}
	}
	t.tracker.waiting.Add(1)
	defer t.tracker.waiting.Add(-1)
	err = t.wait(ctx, c, &terms)
	if role == Joined && terms.Joined != nil {
		terms.Joined(c.task)
	}
	if err != nil {
		return nil, role, err
	}
	if role == Led && !terms.Quiet {
		Repanic(c.err)
	}
	return c.result, role, c.err
}

// Join joins key's call for a caller that came at at, if another caller already
// waits for the call. It is the cheap way for many callers of one key: it does
// not keep key and allocates nothing. If it reports true, call Wait. If it
// reports false, use DoAt, since there may be no call to join.
func (t *Table) Join(ctx context.Context, key Key, at Mark) (Joining, bool) {
	if t.tracker.Waiting() == 0 || ctx.Err() != nil || nodeOf(ctx) != nil {
		return Joining{}, false
	}
	s := t.shard(key)
	s.mu.Lock()
	c := s.enter(key, at, true)
	s.mu.Unlock()
	return Joining{t, c}, c != nil
}

// Joining is a call that was joined.
type Joining struct {
	table *Table
	call  *call
}

// Task returns the task of the call.
func (j Joining) Task() Task { return j.call.task }

// Wait returns the result of the call, as [Table.DoAt] does. It is separate from
// Join, so that a waiting goroutine needs only the smallest stack.
func (j Joining) Wait(ctx context.Context) (any, error) {
	j.table.tracker.waiting.Add(1)
	err := j.table.wait(ctx, j.call, nil)
	j.table.tracker.waiting.Add(-1)
	if err != nil {
		return nil, err
	}
	return j.call.result, j.call.err
}

// Start starts a load of key in the background, which continues without waiting
// callers, and reports whether it did. It does nothing if key already has a call,
// if work.Find has a result, or if the owner is closed. Later callers may join
// the load. ended is called when the load has returned, also after its limit.
func (t *Table) Start(ctx context.Context, key Key, terms Terms, work Work, ended func()) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil && !c.at.Before(terms.At) && !c.abandoned() {
		return false
	}
	if _, ok := work.Find(); ok {
		return false
	}
	r, err := t.tracker.start(ctx, terms, work, nil)
	if err != nil {
		return false
	}
	r.waiting.Add(1) // never subtracted, so that the run is never abandoned
	r.ended = ended
	if c := s.calls[key]; c != nil {
		s.detach(c, "clear")
	}
	s.open(key, r, work)
	go t.load(r, nil)
	return true
}

// join joins the call of key, or returns the result that Find has, or makes a call for
// the run that lead returns. In the last case the caller starts the run.
func (t *Table) join(key Key, at Mark, loading *node, task Task, lead func() (*run, error)) (c *call, found any, role Role, err error) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.enter(key, at, loading == nil); c != nil {
		return c, nil, Joined, nil
	}
	if found, ok := task.Find(); ok {
		return nil, found, Found, nil
	}

	if t.within(loading, key) != nil {
		return nil, nil, Led, errWithin
	}
	r, err := lead()
	if err != nil {
		return nil, nil, Led, err
	}
	r.waiting.Add(1)
	c = s.open(key, r, task)
	c.waiting, c.callers = 1, 1
	return c, nil, Led, nil
}

// enter counts one more caller, who came at at, for the call of key, and returns the
// call, or nil if none may be joined. outside says that the caller is not a load.
func (s *shard) enter(key Key, at Mark, outside bool) *call {
	c := s.calls[key]
	switch {
	case c == nil:
		return nil
	case c.at.Before(at):
		s.detach(c, "clear")
		return nil
	case !c.enter():
		s.detach(c, ErrAbandoned.Error())
		return nil
	}
	c.waiting++
	c.callers++
	if outside && !c.limited {
		c.watch()
	}
	return c
}

// open makes a call for key, which must have none, and adds it to the run.
func (s *shard) open(key Key, r *run, task Task) *call {
	c := &r.first
	if len(r.calls) > 0 {
		c = new(call)
	}
	c.run, c.key, c.task, c.done = r, key, task, make(chan struct{})
	c.loaded.err = errUnsettled
	r.calls = append(r.calls, c)
	if s.calls == nil {
		s.calls = make(map[Key]*call)
	}
	s.calls[key] = c
	s.peak = max(s.peak, len(s.calls))
	return c
}

// wait returns when the call is over, or with an error if ctx or the caller's patience
// ends first. terms may be nil.
func (t *Table) wait(ctx context.Context, c *call, terms *Terms) error {
	if ctx.Done() == nil && (terms == nil || terms.Patience == 0) { // costs half of a select
		<-c.done
		return nil
	}
	return t.await(ctx, c, terms)
}

// await is wait for a caller that may leave.
func (t *Table) await(ctx context.Context, c *call, terms *Terms) error {
	var enough <-chan time.Time
	if terms != nil && terms.Patience > 0 {
		timer := time.NewTimer(terms.Patience - time.Since(c.began))
		defer timer.Stop()
		enough = timer.C
	}
	for {
		var err error
		select {
		case <-c.done:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		case <-enough:
			if !terms.Leave() {
				continue
			}
			err = ErrImpatient
		}
		if t.leave(c, err == ErrImpatient) {
			return err
		}
		<-c.done // the call is over, and its result comes at once
		return nil
	}
}

// leave ends the wait of one caller. With keep, the load goes on even if nobody else
// waits. If the call is over, leave does nothing and reports false.
func (t *Table) leave(c *call, keep bool) bool {
	s := t.shard(c.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.over {
		return false
	}
	c.waiting--
	if !keep {
		c.exit()
	}
	return true
}

// load is the goroutine of a run. compute settles the run's calls. If it is nil, the
// run has one call, whose task is a Work.
func (t *Table) load(r *run, compute func(context.Context)) {
	var limit *time.Timer
	if r.limited {
		limit = t.limit(r)
	}
	returned := false
	defer func() {
		if !returned {
			err := panics.In(panics.Recovered(recover()), r.named.Name())
			for _, c := range r.calls {
				c.fail(err)
			}
		}
		t.finish(r)
		if limit != nil {
			limit.Stop()
		}
		r.cancel(nil)
		t.tracker.end(r)
		if r.ended != nil {
			r.ended()
		}
	}()
	if compute != nil {
		compute(r.ctx)
	} else {
		c := r.calls[0]
		c.settle(c.task.(Work).Load(r.ctx))
	}
	returned = true
}

// limit starts the timer that ends the run at its limit. The end of the context
// cannot be used for that: it comes earlier if the owner is closed.
func (t *Table) limit(r *run) *time.Timer {
	end, _ := r.ctx.Deadline()
	return time.AfterFunc(time.Until(end), func() {
		<-r.ctx.Done()
		if context.Cause(r.ctx) != ErrAbandoned {
			t.expire(r)
		}
	})
}

// timedOut reports whether ctx has ended by the limit of its load.
func timedOut(ctx context.Context) bool { return context.Cause(ctx) == ErrTimeout }

// expire answers the callers of a load that has reached its limit, unless the load has
// just returned.
func (t *Table) expire(r *run) {
	if !r.over.CompareAndSwap(false, true) {
		return
	}
	for _, c := range r.calls {
		c.err = ErrTimeout
	}
	t.conclude(r)
}

// finish answers the callers of a load that has returned, unless expire has answered
// them already.
func (t *Table) finish(r *run) {
	if r.over.CompareAndSwap(false, true) {
		for _, c := range r.calls {
			c.answer = c.loaded
			if c.err != nil && timedOut(r.ctx) && !isPanic(c.err) {
				c.err = ErrTimeout
			}
		}
		t.conclude(r)
		return
	}
	for _, c := range r.calls {
		<-c.done
		if task, ok := c.task.(Later); ok {
			task.Late(r.ctx, c.loaded.err)
		}
	}
}

// conclude commits the results that may be committed, and gives all results to the
// callers. It commits all of them before it calls Done, which may take time.
func (t *Table) conclude(r *run) {
	for _, c := range r.calls {
		t.commit(c)
	}
	for _, c := range r.calls {
		c.task.Done(r.ctx, c.outcome())
		close(c.done)
	}
}

func (t *Table) commit(c *call) {
	s := t.shard(c.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detach(c, "") {
		if c.abandoned() {
			c.detachedBy = ErrAbandoned.Error()
		} else if c.err == nil {
			c.task.Commit(c.result)
		} else if task, ok := c.task.(Failer); ok {
			task.Fail(c.err)
		}
	}
	c.over = true
	if c.alarm != nil {
		c.alarm.Stop()
	}
}

// settle records the load's result for the key.
func (c *call) settle(result any, err error) {
	if err != nil {
		c.fail(err)
		return
	}
	c.loaded = answer{result: result}
}

func (c *call) fail(err error) { c.loaded = answer{err: err} }

// outcome describes a call that is over, and so does not change any more.
func (c *call) outcome() Outcome {
	o := Outcome{Err: c.err, Callers: c.callers, Waiting: c.waiting}
	if c.err == nil {
		o.Overridden = c.detachedBy
	}
	return o
}

// Tasks returns the tasks of the calls that are in flight now.
func (t *Table) Tasks() []Task {
	var tasks []Task
	for i := range t.shards {
		tasks = t.shards[i].tasks(tasks)
	}
	return tasks
}

func (s *shard) tasks(to []Task) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		to = append(to, c.task)
	}
	return to
}

// Calls returns the calls that are in flight now, with the number of callers
// who wait for each.
func (t *Table) Calls() map[Key]InFlight {
	calls := make(map[Key]InFlight)
	for i := range t.shards {
		t.shards[i].addTo(calls)
	}
	return calls
}

// InFlight describes a call that is in flight.
type InFlight struct {
	Task    Task
	Waiting int
}

func (s *shard) addTo(calls map[Key]InFlight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, c := range s.calls {
		calls[key] = InFlight{c.task, c.waiting}
	}
}

// Override runs write under key's lock. If key has a call in flight, that call
// cannot commit any more: its callers still get its result, and later callers do
// not join it. write must be short and call no user code.
func (t *Table) Override(key Key, reason string, write func()) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil {
		s.detach(c, reason)
	}
	write()
}

// Guard runs write under key's lock and does not affect key's call. write must be
// short and call no user code.
func (t *Table) Guard(key Key, write func()) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	write()
}

// detach makes c no longer the call of its key, and reports whether it was.
func (s *shard) detach(c *call, reason string) bool {
	if s.calls[c.key] != c {
		return false
	}
	c.detachedBy = reason
	delete(s.calls, c.key)
	if len(s.calls) == 0 && s.peak > burst {
		s.calls, s.peak = nil, 0
	}
	return true
}

// isPanic reports whether err is the error of a load that panicked or called Goexit.
func isPanic(err error) bool {
	//lint:ignore errorlint a load that wraps a panic in its error has dealt with it
	_, ok := err.(*panics.Error)
	return ok
}

// panicked reports whether err is the error of a load that panicked.
func panicked(err error) bool {
	return isPanic(err) && err.(*panics.Error).Value != panics.ErrGoexit //lint:ignore errorlint see isPanic
}

// Repanic panics if err is the error of a load that panicked. The value is a
// *panics.Error with the name and the stack of the load. For http.ErrAbortHandler
// it is that error itself, because net/http compares it by identity. This package
// recognizes it by its text, so that programs without a web server do not link
// net/http.
func Repanic(err error) {
	if !panicked(err) {
		return
	}
	pe := err.(*panics.Error) //lint:ignore errorlint see isPanic
	if abort, ok := pe.Value.(error); ok && abort.Error() == "net/http: abort Handler" {
		panic(abort)
	}
	panic(panics.Repanicked(pe))
}
