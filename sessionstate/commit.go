package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// saveNow is the status of a commit without a response, after which the session can still be
// changed.
const saveNow = 0

// commit saves the session and sets its cookies in h, the headers of a response with that
// status. It works once, and freezes the session. The caller turns its error into the
// response.
func (s *State) commit(ctx context.Context, status int, h http.Header) error {
	var p pending
	if !s.begin(&p, status) {
		if status == saveNow {
			return errCommitted
		}
		return nil
	}
	// The changes are saved even if the client has left.
	lasting := context.WithoutCancel(ctx)
	err := s.prepare(lasting, &p, h)
	if err == nil && p.save {
		of := new(pending) // on the heap only if something is saved
		*of = p
		err = s.saved(lasting, of, s.save(lasting, of))
		if p = *of; err != nil {
			if p.after, p.before = (snapshot{}), (record{}); s.mayDrop(&p, err) {
				// The observer has been told. No cookie is set: the browser may have a
				// newer one by now, from the response that ended this session.
				err, p.cookie, p.visit = nil, "", ""
			}
		}
	}
	if err == nil {
		s.setCookies(&p, h)
	}
	s.settle(ctx, &p, status, err)
	return err
}

// mayDrop reports whether the response succeeds although a save has failed.
func (s *State) mayDrop(p *pending, err error) bool {
	switch {
	case p.strict:
		return false
	case errors.Is(err, ErrEnded) || p.touchOnly:
		return true
	}
	return s.m.failOpen && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrTooManySessions)
}

// SaveNow saves the session before its response does: for a handler that goes on
// for long, or that hands over to code that reads the session at once. A status
// of 5xx or a panic that comes later does not undo it. The session can still be
// changed; the response saves that, and brings the cookie, if a new one is
// needed. AfterCommit functions are called for each save. It returns when the
// store has answered.
//
// Errors: [middleware.ErrCommitted], [ErrEnded], [ErrContention], [ErrTooLarge], [ErrStore],
// also with Failures.Open, and [ErrNeedsResponse] in cookie mode, where nothing but
// the response can save anything. After an error the response tries again; after
// an [ErrStore] it is not certain that nothing was saved, so an Update may then
// count twice.
func (s *State) SaveNow(ctx context.Context) error {
	if err := s.load(); err != nil {
		return err
	}
	if !s.m.keeps() {
		return ErrNeedsResponse
	}
	h := make(http.Header)
	if err := s.commit(ctx, saveNow, h); err != nil {
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
	_, ok := m.backend.(*storeBackend)
	return ok
}

// settle takes the State from committing to open or frozen, updates scopes, and calls the
// functions that wait for the end of the commit.
func (s *State) settle(ctx context.Context, p *pending, status int, err error) {
	s.mu.Lock()
	s.phase = frozen
	if status == saveNow {
		s.phase = open
	}
	if p.after.known() {
		s.base, s.current, s.changes = p.after, p.after.record, changes{}
	}
	if err == nil {
		s.ended, s.endUnread = nil, false
	}
	if s.saving != nil {
		close(s.saving)
		s.saving = nil
	}
	var run []func()
	if s.phase == frozen {
		run, s.onFrozen = s.onFrozen, nil
	}
	s.mu.Unlock()
	s.settleScopes(&p.base, &p.after)
	for _, f := range run {
		f()
	}
	if err == nil && p.after.known() {
		s.committed(ctx, &p.before, &p.after.record)
	}
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

// begin takes the State to committing, and fills in p. It reports false if the session cannot
// be changed any more.
func (s *State) begin(p *pending, status int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return false
	}
	if status >= http.StatusInternalServerError && !s.m.keepOn5xx {
		s.discard()
	}
	s.phase = committing
	*p = pending{
		read: s.loaded || s.flash.loaded, err: s.err, mustFail: s.mustFail, ended: s.ended, clearSite: s.clearSite,
		earlyHeaders: s.early, strict: s.detached, now: time.Now(),
	}
	if s.endUnread {
		p.ended = slices.Concat(s.ended, s.unread)
	}
	p.personal = !s.detached && (s.base.record.personal() || s.current.personal())
	p.flash, p.hasFlash = s.flashCookie()
	if status == saveNow {
		p.strict, p.hasFlash, p.earlyHeaders = true, false, nil // messages and earlier cookies wait for the response
		s.saving = make(chan struct{})
	}
	switch {
	case s.spillErr != nil:
		p.err = s.spillErr
	case s.loaded && s.err == nil:
		s.decide(p)
	}
	return true
}

// decide decides whether and how the session is saved. It is called under the lock.
func (s *State) decide(p *pending) {
	known := s.base.known()
	p.base, p.next, p.changes, p.renew, p.absent = s.base, s.current, s.changes, s.changes.renew, s.detached && !s.present
	p.timed = known && !p.renew && !s.detached && s.m.renewEvery > 0 && p.now.Sub(time.Unix(s.base.record.issued, 0)) >= s.m.renewEvery
	changed := known && (p.renew || p.timed || !s.current.equal(&s.base.record))
	p.touchOnly = known && !changed
	switch {
	case !known:
		p.save = !s.detached && (s.changes.create || !s.current.empty())
	case changed:
		p.save = true
	case p.absent:
	default:
		later := s.m.limits.deadline(&s.current, p.now).Sub(s.base.deadline)
		p.save = s.base.stale || s.m.limits.idle > 0 && later >= s.m.limits.touchEvery()
	}
	if p.save && !p.touchOnly {
		p.newID = s.chooseNextID()
	}
}

// equal reports whether two records have the same content, visits aside.
func (r *record) equal(o *record) bool {
	if r.created != o.created || r.rememberFor != o.rememberFor || r.user != o.user || r.foreign != o.foreign || r.spilled != o.spilled || len(r.entries) != len(o.entries) {
		return false
	}
	for i := range r.entries {
		if r.entries[i] != o.entries[i] {
			return false
		}
	}
	return true
}

// prepare does what comes before a save: it sets headers that hold in any case, and ends the
// sessions that were destroyed.
func (s *State) prepare(ctx context.Context, p *pending, h http.Header) error {
	if p.read && !slices.Contains(h["Vary"], "Cookie") {
		h.Add("Vary", "Cookie")
	}
	if p.personal && !p.strict {
		keepPersonal(h)
	}
	mergeEarly(h, p.earlyHeaders)
	if p.err != nil && (p.mustFail || !s.m.failOpen) {
		return p.err
	}
	if err := s.endAll(ctx, p.ended); err != nil {
		return err
	}
	if len(p.ended) > 0 { // all have ended; otherwise the browser keeps its cookies
		s.m.setCookie(s.req, h, s.m.cookie.Name, "", -1)
		if sends(s.req.Header, s.m.visitName) {
			s.m.setCookie(s.req, h, s.m.visitName, "", -1)
		}
	}
	if p.clearSite {
		h.Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
	}
	return nil
}

// setCookies sets the cookies that a commit needs.
func (s *State) setCookies(p *pending, h http.Header) {
	if p.cookie != "" {
		s.m.setCookie(s.req, h, s.m.cookie.Name, p.cookie, s.m.maxAge(&p.after.record, p.now))
	}
	if p.visit != "" {
		s.m.setCookie(s.req, h, s.m.visitName, p.visit, 0)
	}
	if p.hasFlash {
		age := 0
		if p.flash == "" {
			age = -1
		}
		s.m.setCookie(s.req, h, s.m.flashName, p.flash, age)
	}
}

// endAll ends the sessions that the request has destroyed, each once.
func (s *State) endAll(ctx context.Context, all []snapshot) error {
	for i := range all {
		s.mu.Lock()
		done := slices.Contains(s.endedIDs, all[i].id)
		s.mu.Unlock()
		if done {
			continue
		}
		if err := s.end(ctx, &all[i]); err != nil {
			return err
		}
		s.mu.Lock()
		s.endedIDs = append(s.endedIDs, all[i].id)
		s.mu.Unlock()
	}
	return nil
}

// panicked discards the changes of a handler that panicked. Sessions that it destroyed are
// ended at once, because there may be no response, as after http.ErrAbortHandler.
func (s *State) panicked(ctx context.Context) {
	s.mu.Lock()
	var all []snapshot
	if s.isOpen() {
		s.discard()
		if all = s.ended; s.endUnread {
			all = slices.Concat(all, s.unread)
		}
	}
	s.mu.Unlock()
	s.settleScopes(&snapshot{}, &snapshot{})
	_ = s.endAll(context.WithoutCancel(ctx), all) // failures are observed, and a response tries again
}

// keepPersonal keeps a page of a logged-in visitor out of shared caches. Unless the handler
// has said how the page may be stored, it also keeps it out of the browser's cache, so that
// the back button does not show it after the logout. The host merges this with the handler's
// headers.
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
func (s *State) end(ctx context.Context, old *snapshot) error {
	last := *old
	err := s.m.call(ctx, "end", func(ctx context.Context) error { return s.m.backend.end(ctx, &last) })
	if err == nil {
		s.m.scopes.end(old.lineage())
		s.m.scopes.end(last.lineage())
		s.m.report(ctx, observe.SessionDestroyed, old)
	}
	return err
}

// save lets the backend do the commit in p. It is Manager.call without closures, so that a
// breakpoint in a store is few frames from here.
func (s *State) save(ctx context.Context, p *pending) (err error) {
	began := time.Now()
	bounded, cancel := s.m.bounded(ctx)
	defer func() {
		cancel()
		if v := recover(); v != nil {
			err = panics.New(v)
		}
		err = s.m.fault(ctx, "save", began, err)
	}()
	return s.m.backend.save(bounded, p)
}

// saved tells the observer how a save went, and ends sessions beyond Limits.PerUser after a
// login.
func (s *State) saved(ctx context.Context, p *pending, err error) error {
	if err == nil {
		s.m.counters.saves.Add(1)
	}
	if p.tries > 1 {
		s.m.counters.conflicts.Add(1)
		observe.Emit(ctx, s.m.observer, observe.SessionConflict{ID: s.m.digest(&p.base), Tries: p.tries, Err: err})
	}
	if err == nil && p.changes.login != nil {
		if err := s.m.users.limit(ctx, &p.after); err != nil {
			return err
		}
	}
	switch {
	case err == nil && !p.base.known():
		s.m.report(ctx, observe.SessionCreated, &p.after)
	case err == nil && p.renewed:
		s.m.report(ctx, observe.SessionRenewed, &p.after)
	case err != nil && errors.Is(err, ErrEnded):
		s.m.report(ctx, observe.SessionLost, &p.base)
	}
	return err
}

// maxAge returns the cookie's Max-Age in seconds: 0, until the browser is closed, or for a
// remembered session the time until its end.
func (m *Manager) maxAge(r *record, now time.Time) int {
	if r.rememberFor == 0 {
		return 0
	}
	return int(max(1, r.created+r.rememberFor-now.Unix()))
}

// setCookie sets one of the Manager's cookies in the response to r, and makes the response
// uncacheable.
func (m *Manager) setCookie(r *http.Request, h http.Header, name, value string, maxAge int) {
	as, own := &m.style, name == m.cookie.Name || name == m.flashName || name == m.visitName
	switch {
	case m.local.is(r):
		as = &m.local.style
		if own {
			name = withoutPrefix(name)
		}
	case !as.config.Insecure:
		m.plain.see(m, r)
	}
	line := name + "=" + value + as.rest // for the Manager's own cookies: name and value are valid
	if maxAge != 0 || !own {
		line = as.config.line(name, value, maxAge)
	}
	setCookie(h, name, line)
	h.Set("Cache-Control", "no-store")
}

// committed runs the AfterCommit functions of the keys that differ.
func (s *State) committed(ctx context.Context, before, after *record) {
	for _, h := range s.m.afterCommit {
		s.committedKey(ctx, h, h.key, before, after)
		for _, name := range tabsOf(h.key, before, after) {
			s.committedKey(ctx, h, name, before, after)
		}
	}
}

func (s *State) committedKey(ctx context.Context, h Hook, name string, before, after *record) {
	old, hadOld := before.find(name)
	now, hasNow := after.find(name)
	if old == now && hadOld == hasNow {
		return
	}
	_, tab := splitTab(name)
	raw := rawChange{tab: tab, old: old, hadOld: hadOld, now: now, hasNow: hasNow}
	err := panics.Catch(func() error { h.afterCommit(ctx, s, raw); return nil })
	if err != nil {
		observe.Emit(ctx, s.m.observer, observe.PluginFailure{Plugin: s.m.Name(), Hook: "AfterCommit " + h.key, Err: err})
	}
}

// tabsOf returns the names under which tabs have or had values of a key.
func tabsOf(key string, records ...*record) (names []string) {
	for _, r := range records {
		for _, e := range r.entries {
			if k, tab := splitTab(e.name); tab != "" && k == key && !slices.Contains(names, e.name) {
				names = append(names, e.name)
			}
		}
	}
	return names
}
