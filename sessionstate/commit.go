package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// plan is what a commit has to do, decided under the State's lock.
type plan struct {
	read      bool  // the response depends on a cookie
	personal  bool  // somebody may be logged in
	err       error // why the session could not be loaded
	mustFail  bool
	save      bool
	job       job
	ended     []held
	clearSite bool
	flash     string
	tell      bool        // flash is to be set, or deleted when empty
	early     http.Header // of earlier saves
	strict    bool        // there is a caller to hear of every failure
}

// commit saves the session and sets its cookies in h. It works once; then the
// session is frozen, unless it fails, which the caller makes the response.
func (s *State) commit(ctx context.Context, status int, h http.Header) error {
	p, ok := s.startCommit(status)
	if !ok {
		return nil
	}
	return s.carryOut(ctx, &p, h, frozen)
}

// SaveNow saves the session before its response does: for a handler that goes
// on for long, or that hands over to somebody who reads the session at once. A
// status of 5xx or a panic that comes later does not undo it. The session can
// still be changed; the response saves that, and brings the cookie, if a new
// one is needed. AfterCommit functions are called for each save. It returns
// when the store has answered.
//
// Errors: [ErrCommitted], [ErrEnded], [ErrContention], *[SizeError], *[StoreError],
// also with FailOpen, and [ErrNeedsResponse] in cookie mode, where nothing but
// the response can save anything. After an error the response tries again; after
// a *[StoreError] it is not certain that nothing was saved, so an Update may then
// count twice.
func (s *State) SaveNow(ctx context.Context) error {
	if err := s.load(); err != nil {
		return err
	}
	if !s.m.keeps() {
		return ErrNeedsResponse
	}
	h := make(http.Header)
	if err := s.saveNow(ctx, h); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.early == nil {
		s.early = make(http.Header)
	}
	mergeEarly(s.early, h)
	return nil
}

// keeps reports whether the Manager itself keeps sessions.
func (m *Manager) keeps() bool {
	_, ok := m.keeper.(*storeKeeper)
	return ok
}

// saveNow commits outside of a response's commit, and goes on.
func (s *State) saveNow(ctx context.Context, h http.Header) error {
	p, ok := s.startSave()
	if !ok {
		return ErrCommitted
	}
	return s.carryOut(ctx, &p, h, open)
}

func (s *State) startSave() (plan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return plan{}, false
	}
	p := s.plan()
	p.strict, p.tell, p.early = true, false, nil // messages and earlier cookies wait for the response
	s.saving = make(chan struct{})
	return p, true
}

// isOpen reports whether the session can be changed, once nobody is saving it
// any more. It is called under the lock, which it may give up meanwhile.
func (s *State) isOpen() bool {
	for s.saving != nil {
		done := s.saving
		s.mu.Unlock()
		<-done
		s.mu.Lock()
	}
	return s.phase == open
}

// carryOut carries out a plan and takes the State from committing to then.
func (s *State) carryOut(ctx context.Context, p *plan, h http.Header, then phase) error {
	after, before, err := s.run(ctx, p, h)
	s.mu.Lock()
	s.phase = then
	if after.known() {
		s.base, s.cur, s.changes = after, after.record, changes{}
	}
	if err == nil {
		s.ended, s.endUnread = nil, false
	}
	if s.saving != nil {
		close(s.saving)
		s.saving = nil
	}
	var run []func()
	if then == frozen {
		run, s.then = s.then, nil
	}
	s.mu.Unlock()
	s.born(&p.job.base, &after)
	for _, f := range run {
		f()
	}
	if err == nil && after.known() {
		s.committed(ctx, &before, &after.record)
	}
	return err
}

// mergeEarly puts headers of an earlier save into h.
func mergeEarly(h, early http.Header) {
	for name, lines := range early {
		if name != "Set-Cookie" {
			h[name] = lines
			continue
		}
		for _, line := range lines {
			cookie, _, _ := strings.Cut(line, "=")
			setCookie(h, cookie, line)
		}
	}
}

// startCommit takes the State from open to committing.
func (s *State) startCommit(status int) (plan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return plan{}, false
	}
	if status >= http.StatusInternalServerError && !s.m.keepOn5xx {
		s.discard()
	}
	return s.plan(), true
}

// plan takes the State to committing and says what is to be done. It is called
// under the lock.
func (s *State) plan() plan {
	now := time.Now()
	s.phase = committing
	p := plan{read: s.loaded || s.flash.loaded, err: s.err, mustFail: s.mustFail, ended: s.ended, clearSite: s.clearSite, early: s.early, strict: s.detached}
	if s.endUnread {
		p.ended = slices.Concat(s.ended, s.unread)
	}
	p.personal = !s.detached && (s.base.record.personal() || s.cur.personal())
	p.flash, p.tell = s.flashCookie()
	if s.coldErr != nil {
		p.err = s.coldErr
		return p
	}
	if !s.loaded || s.err != nil {
		return p
	}
	j := job{base: s.base, next: s.cur, changes: s.changes, renew: s.changes.renew, now: now, still: s.detached && !s.present}
	j.timed = s.base.known() && !j.renew && !s.detached && s.m.renewEvery > 0 && now.Sub(time.Unix(s.base.record.issued, 0)) >= s.m.renewEvery
	changed := s.base.known() && (j.renew || j.timed || !s.cur.equal(&s.base.record))
	j.touch = s.base.known() && !changed
	switch {
	case !s.base.known():
		p.save = !s.detached && (s.changes.create || !s.cur.empty())
	case changed:
		p.save = true
	case s.detached && !s.present:
	default:
		later := s.m.limits.deadline(&s.cur, now).Sub(s.base.deadline)
		p.save = s.base.stale || s.m.limits.idle > 0 && later >= s.m.limits.touchEvery()
	}
	if p.save && !j.touch {
		j.newID = s.comingID()
	}
	p.job = j
	return p
}

// equal reports whether two records hold the same.
func (r *record) equal(o *record) bool {
	if r.created != o.created || r.life != o.life || r.user != o.user || r.foreign != o.foreign || r.cold != o.cold || len(r.entries) != len(o.entries) {
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
	if p.personal && !p.strict {
		keepPersonal(h)
	}
	mergeEarly(h, p.early)
	if p.err != nil && (p.mustFail || s.m.onError == FailClosed) {
		return held{}, record{}, p.err
	}
	// The client may have gone: what it did is saved all the same.
	ctx = context.WithoutCancel(ctx)
	if err := s.endAll(ctx, p.ended); err != nil {
		return held{}, record{}, err
	}
	if len(p.ended) > 0 { // all of them: while one may live, the browser keeps its cookies
		s.m.setCookie(s.req, h, s.m.cookie.Name, "", -1)
		if sends(s.req.Header, s.m.visitName) {
			s.m.setCookie(s.req, h, s.m.visitName, "", -1)
		}
	}
	if p.clearSite {
		h.Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
	}
	if p.save {
		var out saved
		out, err = s.save(ctx, &p.job)
		switch {
		case err == nil:
		case !p.strict && (errors.Is(err, ErrEnded) || p.job.touch || s.m.onError == FailOpen && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrTooManySessions)):
			// The observer has been told. No cookie is set: the browser may have a
			// newer one by now, from the response that ended this session.
			out = saved{}
		default:
			return held{}, record{}, err
		}
		after, before = out.after, out.base
		if out.cookie != "" {
			s.m.setCookie(s.req, h, s.m.cookie.Name, out.cookie, s.m.maxAge(&after.record, p.job.now))
		}
		if out.visit != "" {
			s.m.setCookie(s.req, h, s.m.visitName, out.visit, 0)
		}
	}
	if p.tell {
		age := 0
		if p.flash == "" {
			age = -1
		}
		s.m.setCookie(s.req, h, s.m.flashName, p.flash, age)
	}
	return after, before, nil
}

// endAll ends the sessions that the request has destroyed, unless it has done so
// before.
func (s *State) endAll(ctx context.Context, all []held) error {
	for i := range all {
		s.mu.Lock()
		done := slices.Contains(s.over, all[i].id)
		s.mu.Unlock()
		if done {
			continue
		}
		if err := s.end(ctx, &all[i]); err != nil {
			return err
		}
		s.mu.Lock()
		s.over = append(s.over, all[i].id)
		s.mu.Unlock()
	}
	return nil
}

// keepPersonal keeps a page of somebody who is logged in out of shared caches,
// and, unless the handler has said how it may be stored, out of the browser's
// own: or the back button shows it after the logout. The host merges this with
// what the handler has set.
func keepPersonal(h http.Header) {
	if control := h["Cache-Control"]; len(control) > 0 {
		if !slices.ContainsFunc(control, func(line string) bool { return strings.Contains(strings.ToLower(line), "no-store") }) {
			h.Set("Cache-Control", "private")
		}
		return
	}
	h.Set("Cache-Control", "no-store")
}

// end ends a destroyed session.
func (s *State) end(ctx context.Context, old *held) error {
	last := *old
	err := s.m.call(ctx, "end", func(ctx context.Context) error { return s.m.keeper.end(ctx, &last) })
	if err == nil {
		s.m.lives.end(old.life())
		s.m.lives.end(last.life())
		s.m.life(ctx, observe.SessionDestroyed, old)
	}
	return err
}

// save has the keeper save a job, and tells the observer how it went.
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
		if err := s.m.users.limit(ctx, &out.after); err != nil {
			return saved{}, err
		}
	}
	switch {
	case err == nil && !j.base.known():
		s.m.life(ctx, observe.SessionCreated, &out.after)
	case err == nil && out.newID:
		s.m.life(ctx, observe.SessionRenewed, &out.after)
	case err == nil:
	case errors.Is(err, ErrEnded):
		s.m.life(ctx, observe.SessionLost, &j.base)
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

// setCookie sets one of the Manager's cookies in the response to r, for ever
// after uncacheable.
func (m *Manager) setCookie(r *http.Request, h http.Header, name, value string, maxAge int) {
	as, ours := &m.look, name == m.cookie.Name || name == m.flashName || name == m.visitName
	switch {
	case m.local.is(r):
		as = &m.local.look
		if ours {
			name = withoutPrefix(name)
		}
	case !as.insecure:
		m.plain.see(m, r)
	}
	line := name + "=" + value + as.rest // the usual one: name and value need no check
	if maxAge != 0 || !ours {
		line = as.config.line(name, value, maxAge, as.insecure)
	}
	setCookie(h, name, line)
	h.Set("Cache-Control", "no-store")
}
