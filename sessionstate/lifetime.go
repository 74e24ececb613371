package sessionstate

import (
	"time"

	"github.com/reecho-go/reecho/internal/scope"
)

// scopeLifetime returns the session's scope for caches and resources in session scope. A
// visitor without a session gets one, with its cookie: [middleware.ErrCommitted] says
// that it is too late for that. The scope goes on when the session gets a new
// id, ends when it is destroyed or revoked, and when another user logs in, and
// is given up when the response does not save the session after all. Other
// errors are those of loading the session.
func (s *State) scopeLifetime() (scope.Lifetime, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	l, over, err := s.acquireScope()
	runAll(over)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (s *State) acquireScope() (l *sessionScope, over []*waiter, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := s.isOpen()
	switch {
	case s.scope != nil:
	case s.base.known() && s.current.user == s.base.record.user:
		s.scope, over = s.m.scopes.acquire(s.base.lineage(), s.base.deadline, false)
		s.scopes = append(s.scopes, s.scope)
	case !opened:
		return nil, nil, errCommitted
	default:
		s.changes.create = true
		id := s.chooseNextID()
		s.scope, over = s.m.scopes.acquire(lineageOf(id.sum()), s.m.limits.deadline(&s.current, time.Now()), !s.base.known())
		s.scopes, s.unsaved = append(s.scopes, s.scope), append(s.unsaved, s.scope)
	}
	return s.scope, over, nil
}

// releaseScopes gives up the scopes of a request that is over.
func (s *State) releaseScopes() {
	s.mu.Lock()
	lends := s.scopes
	s.scopes, s.scope = nil, nil
	s.mu.Unlock()
	for _, l := range lends {
		s.m.scopes.release(l)
	}
}

// settleScopes ends the scopes of sessions that this request has not saved, and the scope of
// a session in which another user has logged in.
func (s *State) settleScopes(base, after *snapshot) {
	s.mu.Lock()
	unsaved := s.unsaved
	s.unsaved = nil
	s.mu.Unlock()
	name := ""
	if after.known() {
		name = after.lineage()
		s.m.scopes.noteDeadline(after)
	}
	for _, l := range unsaved {
		if l.id != name {
			l.abandon()
		}
	}
	if base.known() && after.known() && base.lineage() != name {
		s.m.scopes.end(base.lineage())
	}
}
