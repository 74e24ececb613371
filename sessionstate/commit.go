package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// plan is what a commit has to do, decided under the State's lock.
type plan struct {
	read      bool  // the response depends on a cookie
	err       error // why the session could not be loaded
	mustFail  bool
	save      bool
	job       job
	ended     []held
	clearSite bool
	flash     string
	tell      bool // flash is to be set, or deleted when empty
}

// commit saves the session and sets its cookies in h. It works once; then the
// session is frozen, unless it fails, which the caller makes the response.
func (s *State) commit(ctx context.Context, status int, h http.Header) error {
	p, ok := s.startCommit(status)
	if !ok {
		return nil
	}
	after, before, err := s.run(ctx, &p, h)
	s.mu.Lock()
	s.phase = frozen
	if after.known() {
		s.base, s.cur, s.changes = after, after.record, changes{}
	}
	s.mu.Unlock()
	s.born(&p.job.base, &after)
	if err == nil && after.known() {
		s.committed(ctx, &before, &after.record)
	}
	return err
}

// startCommit takes the State from open to committing.
func (s *State) startCommit(status int) (plan, bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != open {
		return plan{}, false
	}
	s.phase = committing
	if status >= http.StatusInternalServerError && !s.m.keepOn5xx {
		s.discard()
	}
	p := plan{read: s.loaded || s.flash.loaded, err: s.err, mustFail: s.mustFail, ended: s.ended, clearSite: s.clearSite}
	if s.endUnread {
		p.ended = slices.Concat(s.ended, s.unread)
	}
	p.flash, p.tell = s.flashCookie()
	if !s.loaded || s.err != nil {
		return p, true
	}
	j := job{base: s.base, next: s.cur, changes: s.changes, renew: s.changes.renew, now: now}
	j.timed = s.base.known() && !j.renew && s.m.renewEvery > 0 && now.Sub(time.Unix(s.base.record.issued, 0)) >= s.m.renewEvery
	changed := s.base.known() && (j.renew || j.timed || !s.cur.equal(&s.base.record))
	j.touch = s.base.known() && !changed
	switch {
	case !s.base.known():
		p.save = s.changes.create || !s.cur.empty()
	case changed:
		p.save = true
	default:
		later := s.m.limits.deadline(&s.cur, now).Sub(s.base.deadline)
		p.save = s.base.stale || s.m.limits.idle > 0 && later >= s.m.limits.touchEvery()
	}
	if p.save && !j.touch {
		j.newID = s.comingID()
	}
	p.job = j
	return p, true
}

// equal reports whether two records hold the same.
func (r *record) equal(o *record) bool {
	if r.created != o.created || r.life != o.life || r.user != o.user || r.foreign != o.foreign || len(r.entries) != len(o.entries) {
		return false
	}
	for i := range r.entries {
		if r.entries[i] != o.entries[i] {
			return false
		}
	}
	return true
}

// run carries a plan out. It returns the session as it was saved, and the
// record that the changes were made to.
func (s *State) run(ctx context.Context, p *plan, h http.Header) (after held, before record, err error) {
	if p.read && !slices.Contains(h["Vary"], "Cookie") {
		h.Add("Vary", "Cookie")
	}
	if p.err != nil && (p.mustFail || s.m.onError == FailClosed) {
		return held{}, record{}, p.err
	}
	// The client may have gone: what it did is saved all the same.
	ctx = context.WithoutCancel(ctx)
	for i := range p.ended {
		if err := s.end(ctx, &p.ended[i]); err != nil {
			return held{}, record{}, err
		}
		s.m.setCookie(h, s.m.cookie.Name, "", -1)
	}
	if p.clearSite {
		h.Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
	}
	if p.save {
		var out saved
		out, err = s.save(ctx, &p.job)
		if err != nil {
			return held{}, record{}, err
		}
		after, before = out.after, out.base
		if out.cookie != "" {
			s.m.setCookie(h, s.m.cookie.Name, out.cookie, s.m.maxAge(&after.record, p.job.now))
		}
	}
	if p.tell {
		age := 0
		if p.flash == "" {
			age = -1
		}
		s.m.setCookie(h, s.m.flashName, p.flash, age)
	}
	return after, before, nil
}

// end ends a destroyed session.
func (s *State) end(ctx context.Context, old *held) error {
	err := s.m.call(ctx, "end", func(ctx context.Context) error { return s.m.keeper.end(ctx, old) })
	if err == nil {
		s.m.lives.end(old.life())
		s.m.life(ctx, observe.SessionDestroyed, old)
	}
	return err
}

// save has the keeper save a job, and tells the observer how it went. No error
// means that the response may leave as it is.
func (s *State) save(ctx context.Context, j *job) (saved, error) {
	var out saved
	err := s.m.call(ctx, "save", func(ctx context.Context) (err error) {
		out, err = s.m.keeper.save(ctx, j)
		return err
	})
	if out.tries > 1 {
		observe.Emit(ctx, s.m.observer, observe.SessionConflict{ID: s.m.digest(&j.base), Tries: out.tries, Err: err})
	}
	if err == nil && j.changes.login != nil {
		s.m.users.limit(ctx, &out.after)
	}
	switch {
	case err == nil && !j.base.known():
		s.m.life(ctx, observe.SessionCreated, &out.after)
	case err == nil && out.newID:
		s.m.life(ctx, observe.SessionRenewed, &out.after)
	case err == nil:
	case errors.Is(err, errLost):
		// No cookie is set: the browser may have a newer one by now, from the
		// response that ended this session.
		s.m.life(ctx, observe.SessionLost, &j.base)
		return saved{}, nil
	case errors.Is(err, ErrTooLarge):
		return saved{}, err
	case j.touch || s.m.onError == FailOpen:
		return saved{}, nil // the observer has been told of the fault
	}
	return out, err
}

// maxAge is the cookie's Max-Age in seconds: 0, until the browser is closed,
// unless the session is a remembered one; and never past its end.
func (m *Manager) maxAge(r *record, now time.Time) int {
	if r.life == 0 {
		return 0
	}
	return int(max(1, r.created+r.life-now.Unix()))
}

// setCookie sets one of the Manager's cookies, for ever after uncacheable.
func (m *Manager) setCookie(h http.Header, name, value string, maxAge int) {
	setCookie(h, name, m.cookieLine(name, value, maxAge))
	h.Set("Cache-Control", "no-store")
}
