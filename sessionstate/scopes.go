package sessionstate

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// Caches and resources in session scope keep results for one visitor until the session
// ends. Because a session's id changes, they use its lineage: a name that is derived from
// its first id and stays with every renewal, until another user logs in.

// lineage returns the lineage of the session.
func (h *snapshot) lineage() string {
	if h.record.lineage != "" {
		return h.record.lineage
	}
	return lineageOf(h.id.sum())
}

// lineageAfter returns the lineage for the record next of a session that gets a new id. It is
// empty, and so begins anew, if the user has changed.
func (h *snapshot) lineageAfter(next *record) string {
	if h.known() && h.record.user == next.user {
		return h.lineage()
	}
	return ""
}

// sessionScope is the lifetime of a session as the caches and resources of this process see it.
type sessionScope struct {
	scopes   *scopes
	id       string       // the lineage
	handle   string       // the lineage as text
	deadline atomic.Int64 // Unix milliseconds; 0: none

	// Under all.mu.
	ended    bool
	holders  int           // requests under way and Detached sessions that have it
	released bool          // it was dropped because it had no holders and no waiters
	newcomer *list.Element // nil: the visitor has sent the cookie back
	waiters  map[*waiter]struct{}
}

type waiter struct{ fn func() }

var _ scope.Lifetime = (*sessionScope)(nil)

// ID implements scope.Lifetime.
func (l *sessionScope) ID() string { return l.handle }

// Deadline implements scope.Lifetime. It is the deadline that this process has last seen.
func (l *sessionScope) Deadline() time.Time {
	at := l.deadline.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// OnEnd implements scope.Lifetime.
func (l *sessionScope) OnEnd(fn func()) (stop func()) {
	w := &waiter{fn}
	l.scopes.mu.Lock()
	if l.ended {
		l.scopes.mu.Unlock()
		fn()
		return func() {}
	}
	of := l.scopes.revive(l)
	if of.waiters == nil {
		of.waiters = make(map[*waiter]struct{})
	}
	of.waiters[w] = struct{}{}
	l.scopes.mu.Unlock()
	return func() {
		l.scopes.mu.Lock()
		defer l.scopes.mu.Unlock()
		delete(of.waiters, w)
	}
}

// setDeadline sets the deadline.
func (l *sessionScope) setDeadline(deadline time.Time) {
	var at int64
	if !deadline.IsZero() {
		at = max(1, deadline.UnixMilli())
	}
	l.deadline.Store(at)
}

// scopes are the scopes in use. The number of scopes of newcomers, visitors who have not sent
// their cookie back yet, is bounded: one more ends the oldest of them.
type scopes struct {
	maxNewcomers int // 0: any number

	size      atomic.Int64 // of byID
	mu        sync.Mutex
	byID      map[string]*sessionScope
	newcomers *list.List // of *sessionScope, the oldest first
}

func newScopes(most int) *scopes {
	return &scopes{maxNewcomers: most, byID: make(map[string]*sessionScope), newcomers: list.New()}
}

// acquire returns the scope of a lineage that lasts until deadline. The caller counts as a holder
// until it calls release. over are the waiters of scopes that acquire has ended to make room; the
// caller must run them without the lock.
func (a *scopes) acquire(id string, deadline time.Time, newcomer bool) (l *sessionScope, over []*waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.byID[id]
	switch {
	case !ok:
		over = a.expire(time.Now())
		l = &sessionScope{scopes: a, id: id, handle: handleOf(id)}
		l.setDeadline(deadline)
		a.byID[id] = l
		a.size.Add(1)
		if newcomer {
			l.newcomer = a.newcomers.PushBack(l)
		}
		if a.maxNewcomers > 0 && a.newcomers.Len() > a.maxNewcomers {
			over = append(over, a.drop(a.newcomers.Front().Value.(*sessionScope))...)
		}
	default:
		if !newcomer && l.newcomer != nil {
			a.newcomers.Remove(l.newcomer)
			l.newcomer = nil
		}
		if deadline.IsZero() || deadline.After(l.Deadline()) {
			l.setDeadline(deadline)
		}
	}
	l.holders++
	return l, over
}

// release ends the hold of a request on a scope. If no other request holds the scope and no
// cache waits for its end, it is dropped.
func (a *scopes) release(l *sessionScope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.holders--; l.holders == 0 && len(l.waiters) == 0 && !l.ended {
		a.drop(l)
		l.ended, l.released = false, true
	}
}

// revive returns l, which it puts back into the list if it was released, or the scope that has
// replaced it since. It is called under the lock.
func (a *scopes) revive(l *sessionScope) *sessionScope {
	if !l.released {
		return l
	}
	if now, ok := a.byID[l.id]; ok {
		return now
	}
	l.released, l.newcomer = false, nil
	a.byID[l.id] = l
	a.size.Add(1)
	return l
}

// expire drops some scopes whose deadline is over. It is called for each new scope and looks at
// eight, so it drops scopes faster than they are made. It is called under the lock.
func (a *scopes) expire(now time.Time) (over []*waiter) {
	looked := 0
	for _, l := range a.byID { // begins at a random scope
		if at := l.Deadline(); at.IsZero() && len(l.waiters) == 0 || !at.IsZero() && !now.Before(at) {
			over = append(over, a.drop(l)...)
		}
		if looked++; looked == 8 {
			break
		}
	}
	return over
}

// drop ends a scope and returns its waiters. It is called under the lock.
func (a *scopes) drop(l *sessionScope) (waiting []*waiter) {
	if l.ended {
		return nil
	}
	l.ended = true
	delete(a.byID, l.id)
	a.size.Add(-1)
	if l.newcomer != nil {
		a.newcomers.Remove(l.newcomer)
	}
	for w := range l.waiters {
		waiting = append(waiting, w)
	}
	l.waiters = nil
	return waiting
}

func runAll(waiting []*waiter) {
	for _, w := range waiting {
		w.fn()
	}
}

// end ends the scope of that lineage, if there is one.
func (a *scopes) end(id string) {
	a.mu.Lock()
	var waiting []*waiter
	if l, ok := a.byID[id]; ok {
		waiting = a.drop(l)
	}
	a.mu.Unlock()
	runAll(waiting)
}

// abandon ends the scope of a session which was never saved.
func (l *sessionScope) abandon() {
	l.scopes.mu.Lock()
	waiting := l.scopes.drop(l)
	l.scopes.mu.Unlock()
	runAll(waiting)
}

// noteDeadline notes the deadline of a session that was saved.
func (a *scopes) noteDeadline(h *snapshot) {
	if a.size.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if l, ok := a.byID[h.lineage()]; ok {
		l.setDeadline(h.deadline)
	}
}

// handleOf returns the name of a session for Users.End, which is its lineage as text.
func handleOf(lineage string) string { return encoding.EncodeToString([]byte(lineage)) }

// lineageOfHandle is the reverse of handleOf; it reports false for a text that is no handle.
func lineageOfHandle(handle string) (string, bool) {
	lineage, err := encoding.DecodeString(handle)
	return string(lineage), err == nil && len(lineage) == lineageSize
}
