package sessionstate

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/reecho-go/reecho/middleware"
)

// exclusive waits for this request's turn among the requests of its session, and then reads the
// session that the previous one has saved. For a visitor without a session it does not wait, and
// release is nil.
func (s *State) exclusive(wait time.Duration) (release func(), err error) {
	if err := s.loadAll(); err != nil {
		if s.m.failOpen {
			return nil, nil
		}
		return nil, err
	}
	s.mu.Lock()
	base := s.base
	s.mu.Unlock()
	if !base.known() {
		return nil, nil
	}
	release, waited, err := s.m.turns.acquire(s.context(), base.lineage(), wait)
	if err == nil && waited {
		err = s.refresh(&base)
	}
	if err != nil && release != nil {
		release()
	}
	return release, err
}

// refresh reads the session again, and applies the changes of this request to it.
func (s *State) refresh(base *snapshot) error {
	now := snapshot{}
	err := s.m.call(s.context(), "load", func(ctx context.Context) (err error) {
		now, err = s.m.backend.reload(ctx, base)
		return err
	})
	gone := false
	if err != nil {
		if gone = isAnswer(err); !gone {
			return err
		}
		now = snapshot{record: fresh(time.Now())}
	}
	s.mu.Lock()
	made := s.changes
	s.mu.Unlock()
	if gone {
		made = changes{}
	}
	cur, err := made.apply(now.record)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isOpen() && s.base.id == base.id { // neither saved nor destroyed meanwhile
		now.stale = !gone && (now.stale || s.base.stale)
		s.base, s.current, s.changes, s.scope = now, cur, made, nil
	}
	return nil
}

// whenFrozen calls f when the session was saved with the response, or at once if it was
// saved already.
func (s *State) whenFrozen(f func()) {
	s.mu.Lock()
	if s.phase != frozen {
		s.onFrozen = append(s.onFrozen, f)
		f = func() {}
	}
	s.mu.Unlock()
	f()
}

// Exclusive returns a plugin that lets the requests of one session through
// one at a time, in the order in which they came, for routes where doing a thing
// twice at once would be wrong (a checkout) or wasteful. Each finds the session
// as the last one left it. A request waits for its turn at most for wait (0: 10
// seconds; a nanosecond: not at all) and then fails with [ErrBusy], a 503; so do
// more than 64 that wait at once. Its turn ends when its response has saved the
// session and the handler is done, at the latest after hold (0: 10 seconds): then
// the next one goes on beside it. Visitors without a session do not wait. It
// panics if one of them is negative, since it is called when the app is built.
//
// It works within this process: with several, send the requests of a session to
// the same one, or rely on [Key.Update], which needs no turn. In cookie mode
// requests come with the cookie they were sent with, so turns order them, but do
// not show them each other's changes.
//
// Put it behind the Manager.
func (m *Manager) Exclusive(wait, hold time.Duration) middleware.Plugin {
	if wait < 0 || hold < 0 {
		panic(fmt.Sprintf("sessionstate: Manager.Exclusive(%v, %v): use 0 for 10 seconds, or positive times", wait, hold))
	}
	wait, hold = cmp.Or(wait, 10*time.Second), cmp.Or(hold, 10*time.Second)
	return m.guard("exclusive", func(c middleware.Context, s *State, next middleware.Handler) error {
		if s == nil {
			return ErrNoSession
		}
		release, err := s.exclusive(wait)
		if err != nil {
			return err
		}
		if release == nil {
			return next(c)
		}
		late := time.AfterFunc(hold, release)
		done := func() {
			late.Stop()
			release()
		}
		returned := false
		defer func() {
			if !returned { // a panic
				done()
			}
		}()
		err = next(c)
		returned = true
		s.whenFrozen(done)
		return err
	})
}
