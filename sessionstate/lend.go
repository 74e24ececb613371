package sessionstate

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// What caches and resources keep for one visitor in session scope hangs on the
// life of the session. A life outlasts the session's ids: it is named after
// the first of them, and every renewal hands the name on, until somebody else
// logs in.

// lifeSize is the size of a life's name in bytes.
const lifeSize = 16

// lifeOf names the life of a session that began with an id of this digest. Who
// knows the name cannot use the session.
func lifeOf(sum [sha256.Size]byte) string {
	d := sha256.Sum256(append([]byte("sessionstate/v1/life"), sum[:]...))
	return string(d[:lifeSize])
}

// life names the life of the session.
func (h *held) life() string {
	if h.record.scope != "" {
		return h.record.scope
	}
	return lifeOf(h.id.sum())
}

// lifeAfter is what the record of a session that renews its id says of its
// life: that it goes on, unless it is somebody else's now.
func (h *held) lifeAfter(next *record) string {
	if h.known() && h.record.user == next.user {
		return h.life()
	}
	return ""
}

// life is the life of a session as this process knows it.
type life struct {
	all      *lives
	id       string       // the name
	handle   string       // the same, as text
	deadline atomic.Int64 // Unix milliseconds; 0: none

	// Under all.mu.
	ended    bool
	holders  int           // requests under way and handles that have it
	released bool          // nobody had it, and nothing hung on it
	newcomer *list.Element // nil: the visitor has sent the cookie back
	waiting  map[*waiter]struct{}
}

type waiter struct{ fn func() }

var _ scope.Life = (*life)(nil)

// ID implements scope.Life.
func (l *life) ID() string { return l.handle }

// Deadline implements scope.Life. It is when the session ends by what this
// process has last heard.
func (l *life) Deadline() time.Time {
	at := l.deadline.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// OnEnd implements scope.Life.
func (l *life) OnEnd(fn func()) (stop func()) {
	w := &waiter{fn}
	l.all.mu.Lock()
	if l.ended {
		l.all.mu.Unlock()
		fn()
		return func() {}
	}
	of := l.all.again(l)
	if of.waiting == nil {
		of.waiting = make(map[*waiter]struct{})
	}
	of.waiting[w] = struct{}{}
	l.all.mu.Unlock()
	return func() {
		l.all.mu.Lock()
		defer l.all.mu.Unlock()
		delete(of.waiting, w)
	}
}

// move sets the deadline.
func (l *life) move(deadline time.Time) {
	var at int64
	if !deadline.IsZero() {
		at = max(1, deadline.UnixMilli())
	}
	l.deadline.Store(at)
}

// lives are the lives that have been lent and have not ended. Those of
// visitors who have not sent their cookie back yet are few: one more ends the
// oldest.
type lives struct {
	most int // newcomers; 0: any number

	size      atomic.Int64 // of byID
	mu        sync.Mutex
	byID      map[string]*life
	newcomers *list.List // of *life, the oldest first
}

func newLives(most int) *lives {
	return &lives{most: most, byID: make(map[string]*life), newcomers: list.New()}
}

// lend returns the life of that name, which is known to last until deadline,
// and who is to be told of others that ended for it.
func (a *lives) lend(id string, deadline time.Time, newcomer bool) (l *life, over []*waiter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.byID[id]
	switch {
	case !ok:
		over = a.expire(time.Now())
		l = &life{all: a, id: id, handle: handleOf(id)}
		l.move(deadline)
		a.byID[id] = l
		a.size.Add(1)
		if newcomer {
			l.newcomer = a.newcomers.PushBack(l)
		}
		if a.most > 0 && a.newcomers.Len() > a.most {
			over = append(over, a.drop(a.newcomers.Front().Value.(*life))...)
		}
	default:
		if !newcomer && l.newcomer != nil {
			a.newcomers.Remove(l.newcomer)
			l.newcomer = nil
		}
		if deadline.IsZero() || deadline.After(l.Deadline()) {
			l.move(deadline)
		}
	}
	l.holders++
	return l, over
}

// release gives a life back that was lent to a request. If nobody has hung
// anything on it, and no other request has it, it is forgotten.
func (a *lives) release(l *life) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.holders--; l.holders == 0 && len(l.waiting) == 0 && !l.ended {
		a.drop(l)
		l.ended, l.released = false, true
	}
}

// again returns l, or the life that has taken its place after it was released. It
// is called under the lock.
func (a *lives) again(l *life) *life {
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

// expire drops some of the lives whose time is over, more than come in. It is
// called under the lock.
func (a *lives) expire(now time.Time) (over []*waiter) {
	looked := 0
	for _, l := range a.byID { // it starts anywhere
		if at := l.Deadline(); at.IsZero() && len(l.waiting) == 0 || !at.IsZero() && !now.Before(at) {
			over = append(over, a.drop(l)...)
		}
		if looked++; looked == 8 {
			break
		}
	}
	return over
}

// drop ends a life and returns who waits for that. It is called under the lock.
func (a *lives) drop(l *life) (waiting []*waiter) {
	if l.ended {
		return nil
	}
	l.ended = true
	delete(a.byID, l.id)
	a.size.Add(-1)
	if l.newcomer != nil {
		a.newcomers.Remove(l.newcomer)
	}
	for w := range l.waiting {
		waiting = append(waiting, w)
	}
	l.waiting = nil
	return waiting
}

func tell(waiting []*waiter) {
	for _, w := range waiting {
		w.fn()
	}
}

// end ends the life of that name, if it has been lent.
func (a *lives) end(id string) {
	a.mu.Lock()
	var waiting []*waiter
	if l, ok := a.byID[id]; ok {
		waiting = a.drop(l)
	}
	a.mu.Unlock()
	tell(waiting)
}

// giveUp ends a life that was lent to a session which has not come about.
func (l *life) giveUp() {
	l.all.mu.Lock()
	waiting := l.all.drop(l)
	l.all.mu.Unlock()
	tell(waiting)
}

// moved notes until when a session lives that has been saved.
func (a *lives) moved(h *held) {
	if a.size.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if l, ok := a.byID[h.life()]; ok {
		l.move(h.deadline)
	}
}

// lendScope lends the session's life to caches and resources in session scope. A
// visitor without a session gets one, with its cookie: [ErrCommitted] says
// that it is too late for that. The life goes on when the session gets a new
// id, ends when it is destroyed or revoked, and when another user logs in, and
// is given up when the response does not save the session after all. Other
// errors are those of loading the session.
func (s *State) lendScope() (scope.Life, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	l, over, err := s.lend()
	tell(over)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (s *State) lend() (l *life, over []*waiter, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := s.isOpen()
	switch {
	case s.lent != nil:
	case s.base.known() && s.cur.user == s.base.record.user:
		s.lent, over = s.m.lives.lend(s.base.life(), s.base.deadline, false)
		s.lends = append(s.lends, s.lent)
	case !opened:
		return nil, nil, ErrCommitted
	default:
		s.changes.create = true
		id := s.comingID()
		s.lent, over = s.m.lives.lend(lifeOf(id.sum()), s.m.limits.deadline(&s.cur, time.Now()), !s.base.known())
		s.lends, s.unborn = append(s.lends, s.lent), append(s.unborn, s.lent)
	}
	return s.lent, over, nil
}

// giveBack gives back the lives that were lent to a request that is over.
func (s *State) giveBack() {
	s.mu.Lock()
	lends := s.lends
	s.lends, s.lent = nil, nil
	s.mu.Unlock()
	for _, l := range lends {
		s.m.lives.release(l)
	}
}

// born ends the lives that were lent to sessions which this request did not
// save, and that of a session which it took over for somebody else.
func (s *State) born(base, after *held) {
	s.mu.Lock()
	unborn := s.unborn
	s.unborn = nil
	s.mu.Unlock()
	name := ""
	if after.known() {
		name = after.life()
		s.m.lives.moved(after)
	}
	for _, l := range unborn {
		if l.id != name {
			l.giveUp()
		}
	}
	if base.known() && after.known() && base.life() != name {
		s.m.lives.end(base.life())
	}
}
