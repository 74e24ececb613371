package sessionstate

import (
	"errors"
	"fmt"
	"time"
)

// errNoUser refuses a Login without a user.
var errNoUser = errors.New("sessionstate: Login needs a user: use Destroy to log out")

// Login notes who the session belongs to, and gives it a new id, so that an id
// that somebody planted before is worth nothing (ASVS 7.2.4). The values stay,
// and the absolute timeout starts again. What caches and resources keep in
// session scope stays if it is the same user as before, and ends otherwise: it
// is about somebody else. What other requests were writing to the old id at
// that moment is lost. It
// fails with [ErrTooManySessions] if Config.Limits.RefuseLogin says so.
func (s *State) Login(user string) error { return s.login(&login{user: user}) }

// LoginFor is [State.Login] to a session that is remembered: it lives for d in
// all, instead of Config.Lifetime.Idle and Config.Lifetime.Absolute, and its cookie survives the end
// of the browser. d is rounded down to seconds; less than one is refused, and more
// than a century.
func (s *State) LoginFor(user string, d time.Duration) error {
	l := &login{user: user, rememberFor: int64(d / time.Second)}
	if l.rememberFor <= 0 || l.rememberFor > maxRemember {
		return fmt.Errorf("sessionstate: LoginFor: the duration is %v: use one second to 100 years", d)
	}
	return s.login(l)
}

func (s *State) login(l *login) error {
	if l.user == "" {
		return errNoUser
	}
	l.at = time.Now().Unix()
	if err := s.loadAll(); err != nil { // all of it goes to the new id
		return err
	}
	var err error
	if l.mark, err = s.m.users.lastMark(s.context(), l.user); err != nil {
		return err
	}
	if err := s.m.users.admit(s.context(), l.user, s.lineageOf(l.user)); err != nil {
		return err
	}
	return s.mutate(func() error {
		if s.detached {
			return ErrNeedsResponse
		}
		cur := l.apply(s.current)
		cur.lineage = s.base.lineageAfter(&cur)
		if err := s.m.fits("", &cur); err != nil {
			return err
		}
		s.current, s.changes.login, s.changes.renew = cur, l, true
		s.nextID, s.scope = sessionID{}, nil
		return nil
	})
}

// lineageOf returns the lineage of the session if it belongs to the user, else "".
func (s *State) lineageOf(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.base.known() || s.base.record.user != user {
		return ""
	}
	return s.base.lineage()
}

// Renew gives the session a new id and ends the old one, as one should
// whenever the visitor's rights change. The values stay, and so does what caches
// and resources keep in session scope; the timeouts go on.
// What other requests were writing to the old id at that moment is lost, since
// they may be an intruder's; Config.Lifetime.RenewEvery loses nothing. A visitor without
// a session has nothing to renew.
func (s *State) Renew() error {
	if err := s.loadAll(); err != nil { // all of it goes to the new id
		return err
	}
	return s.mutate(func() error {
		if s.detached {
			return ErrNeedsResponse
		}
		cur := s.current
		cur.lineage = s.base.lineageAfter(&cur)
		if err := s.m.fits("", &cur); err != nil {
			return err
		}
		s.current, s.changes.renew = cur, true
		return nil
	})
}

// Destroy logs out: it ends the session for good, here and in every copy of its
// cookie, together with any other session for which the request has a cookie, and
// forgets its values, the changes of this request, and unread flash messages.
// What is set afterwards goes to a new session. Unlike other changes, it is
// carried out whatever the status of the response; if it cannot be, the response
// is a 503 in any case.
func (s *State) Destroy() error { return s.destroy(false) }

// DestroyAndClearSite is [State.Destroy], and tells the browser to drop its cache,
// cookies and storage of the site (W3C Clear Site Data; ASVS 14.3.1). That takes
// what the same response sets with it, flash messages too.
func (s *State) DestroyAndClearSite() error { return s.destroy(true) }

func (s *State) destroy(clearSite bool) error {
	_ = s.loadFlash() // unread messages were for the user who logs out
	if err := s.load(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mustFail = true // the session may live on, so the response must not look like a logout
		return err
	}
	s.mu.Lock()
	base := s.base
	s.mu.Unlock()
	others, err := s.m.others(s.context(), s.req.Header, &base)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mustFail = true
		return err
	}
	if base.known() && base.record.user == "" && !base.record.empty() {
		s.m.warnOfNoUser(s.context())
	}
	return s.mutate(func() error {
		if s.base.known() {
			s.ended = append(append(s.ended, s.base), others...)
		}
		s.base, s.spillErr, s.endUnread = snapshot{}, nil, true
		s.discard()
		s.flash.clear()
		s.nextID = sessionID{}
		s.clearSite = s.clearSite || clearSite
		return nil
	})
}
