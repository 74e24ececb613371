package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/sessionstate/internal/foreign"
)

// As is called by packages of this module that let code of another session
// library use the sessions, such as gorillastate. It sets target if that points to
// an internal interface of theirs, and reports whether it does. Apps do not need
// it.
func (m *Manager) As(target any) bool {
	t, ok := target.(*foreign.Manager)
	if ok {
		*t = m.foreign
	}
	return ok
}

var _ foreign.Manager = (*foreignManager)(nil)

// Cookie implements foreign.Manager.
func (f *foreignManager) Cookie() http.Cookie {
	c := f.m.cookie.template()
	c.Name, c.MaxAge = f.m.cookie.Name, int(f.m.requested.rememberFor())
	return c
}

// Token implements foreign.Manager.
func (f *foreignManager) Token() string { return f.token }

// Load implements foreign.Manager.
func (f *foreignManager) Load(r *http.Request, name string, decode func(values string) error) (record []byte, isNew bool, err error) {
	if name != f.m.cookie.Name {
		return f.loadOther(r, name, decode)
	}
	s, err := f.state(r)
	if err == nil {
		err = s.loadAll()
	}
	if err != nil {
		return nil, true, err
	}
	if err := decode(s.foreign()); err != nil {
		s.undecodable("", err)
		return nil, true, nil
	}
	return nil, s.IsNew(), nil
}

// Save implements foreign.Manager.
func (f *foreignManager) Save(r *http.Request, h http.Header, name string, in foreign.Saved) error {
	if name != f.m.cookie.Name {
		return f.saveOther(r, h, name, in)
	}
	s, err := f.state(r)
	if err != nil {
		return err
	}
	if in.MaxAge < 0 {
		err = s.Destroy()
	} else if err = s.setForeign(in.Values); err == nil {
		err = s.requestLifetime(in.MaxAge)
	}
	if _, unmanaged := r.Context().Value(unmanagedKey{f.m}).(*State); err == nil && unmanaged {
		err = s.commit(r.Context(), saveNow, h)
	}
	return err
}

// unmanagedKey finds the State of a request without the Manager's middleware.
type unmanagedKey struct{ m *Manager }

// state returns the request's State. Without the Manager's middleware it makes one and puts
// it into the request's context, as gorilla does with its registry.
func (f *foreignManager) state(r *http.Request) (*State, error) {
	s, err := FromContext(r.Context())
	if err == nil && s.m == f.m {
		return s, nil
	}
	if err != nil && !errors.Is(err, ErrNoSession) {
		return nil, err
	}
	if s, ok := r.Context().Value(unmanagedKey{f.m}).(*State); ok {
		return s, nil
	}
	s = newState(f.m, r)
	*r = *r.WithContext(context.WithValue(r.Context(), unmanagedKey{f.m}, s))
	return s, nil
}

// foreign returns the values of the other library's code, encoded.
func (s *State) foreign() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.foreign
}

// setForeign keeps the values of the other library's code.
func (s *State) setForeign(values foreign.Values) error {
	if err := s.loadAll(); err != nil {
		return err
	}
	if values.Equal(s.foreign()) {
		return nil
	}
	text, err := values.Encode()
	if err != nil {
		return err
	}
	return s.mutate(func() error {
		cur := s.current
		cur.foreign = text
		if err := s.m.fits("", &cur); err != nil {
			return err
		}
		s.current, s.changes.foreign = cur, &text
		return nil
	})
}

// requestLifetime gives the session the lifetime that the other library's code asks for when it saves.
// A difference of less than a tenth is no change, so that saving the same values writes
// nothing. For a logged-in session the lifetime of Login stays.
func (s *State) requestLifetime(maxAge int) error {
	if maxAge <= 0 {
		return nil
	}
	if err := s.loadAll(); err != nil {
		return err
	}
	return s.mutate(func() error {
		p := s.m.revoked.noteMaxAge(maxAge)
		if age := p.sinceCreation(&s.current, time.Now()); s.current.user == "" && !s.current.empty() && (s.current.rememberFor == 0 || max(age-s.current.rememberFor, s.current.rememberFor-age) > p.rememberFor()/10) {
			s.current.rememberFor, s.changes.rememberFor = age, &age
		}
		return nil
	})
}

// Sessions of other names than the Manager's live in cookies of their own, in
// every mode: each holds an id, a record and the values.

var errForeign = errors.New("the values in it cannot be decoded")

// loadOther loads such a session from the first cookie of that name that is authentic.
func (f *foreignManager) loadOther(r *http.Request, name string, decode func(values string) error) (record []byte, isNew bool, err error) {
	refusals := 0
	for _, c := range r.CookiesNamed(name) {
		h, _, err := f.readOther(r, name, c.Value)
		if err == nil && decode(h.record.foreign) != nil {
			err = &refusal{reason: errForeign}
		}
		if refused, ok := errors.AsType[*refusal](err); ok {
			if refusals++; refusals <= maxRefusals {
				f.m.refused(r.Context(), refused, len(c.Value))
			}
			continue
		}
		if err != nil {
			return nil, true, err
		}
		switch dead, err := f.m.isRevoked(r.Context(), &h); {
		case err != nil:
			return nil, true, err
		case dead:
			_ = decode("") // removes the values of this cookie again
			continue
		}
		h.record.foreign = ""
		return h.append(nil), false, nil
	}
	return nil, true, nil
}

// readOther returns the session of a cookie of another name, and whether the library of
// Config.CookieMode.Foreign has set the cookie. The error is a *refusal, or a fault of that
// library's store.
func (f *foreignManager) readOther(r *http.Request, name, value string) (h snapshot, before bool, err error) {
	h, refused := f.openOther(name, value)
	if refused == nil {
		return h, false, nil
	}
	err = f.withLegacy(r, "load", name, value, func(found snapshot, _ foreign.Session) error {
		h, before = found, true
		return nil
	})
	if err != nil || before {
		return h, before, err
	}
	return snapshot{}, false, refused
}

// openOther opens a cookie of another name that the Manager has sealed. The error
// is a *refusal.
func (f *foreignManager) openOther(name, value string) (snapshot, error) {
	plain, _, err := f.m.codec.open(boxRecord, name, value)
	if err != nil {
		return snapshot{}, &refusal{reason: err}
	}
	h, err := parseSession(plain)
	if err != nil {
		return snapshot{}, &refusal{reason: err}
	}
	return h, h.setDeadline(f.m.limits, time.Now())
}

// withLegacy looks up a cookie of another name in the library of Config.CookieMode.Foreign. If it
// names a session there, it calls call with it, and with the store's session if there is a
// store. The error is a fault of the store, or that of call.
func (f *foreignManager) withLegacy(r *http.Request, op, name, value string, call func(h snapshot, session foreign.Session) error) error {
	k, ok := f.m.backend.(interface {
		openLegacy(ctx context.Context, name, value string) (snapshot, foreign.Session, error)
	})
	if !ok { // server mode takes over nothing
		return nil
	}
	err := f.m.call(r.Context(), op, func(ctx context.Context) error {
		h, session, err := k.openLegacy(ctx, name, value)
		if err != nil {
			return err
		}
		return call(h, session)
	})
	if isRefusal(err) {
		return nil
	}
	return err
}

// saveOther saves or ends a session of another name.
func (f *foreignManager) saveOther(r *http.Request, header http.Header, name string, in foreign.Saved) error {
	if commit.Request(r.Context()) != nil {
		return errCommitted
	}
	h, err := parseSession(in.Record)
	known := err == nil
	sent, left, err := f.authenticSessions(r, name)
	if err != nil {
		return err
	}
	if in.MaxAge < 0 {
		if known {
			sent = append(sent, h)
		}
		return f.endOther(r, header, name, sent, left)
	}
	switch {
	case known:
	case in.IsNew || len(sent) == 0:
		h = snapshot{id: newID(), exists: true, record: fresh(time.Now())}
	default: // code that replaces all values also drops our record: keep that of the cookie
		h = sent[0]
	}
	now := time.Now()
	if in.MaxAge > 0 {
		h.record.rememberFor = f.m.revoked.noteMaxAge(in.MaxAge).sinceCreation(&h.record, now)
	}
	h.record.seen = h.record.seenAt(now)
	if h.record.foreign, err = in.Values.Encode(); err != nil {
		return err
	}
	plain := h.append(nil)
	if size := len(name) + sealedLen(len(plain)); size > maxCookie {
		return tooLarge("", &h.record, size, maxCookie)
	}
	if err := f.deleteLegacy(r, name, left); err != nil {
		return err
	}
	f.m.setCookie(r, header, name, f.m.codec.seal(boxRecord, name, plain), in.MaxAge)
	return nil
}

// endOther ends sessions of another name, and deletes the cookie.
func (f *foreignManager) endOther(r *http.Request, header http.Header, name string, sent []snapshot, left []string) error {
	for i := range sent {
		if err := f.m.revoke(r.Context(), &sent[i]); err != nil {
			return err
		}
	}
	if err := f.deleteLegacy(r, name, left); err != nil {
		return err
	}
	f.m.setCookie(r, header, name, "", -1)
	return nil
}

// authenticSessions returns the sessions that the request's cookies of another name identify, and
// the values of those cookies that the library of Config.CookieMode.Foreign has set.
func (f *foreignManager) authenticSessions(r *http.Request, name string) (all []snapshot, left []string, err error) {
	for _, c := range r.CookiesNamed(name) {
		h, before, err := f.readOther(r, name, c.Value)
		if isRefusal(err) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if before {
			left = append(left, c.Value)
		}
		all = append(all, h)
	}
	return all, left, nil
}

// deleteLegacy deletes sessions of another name from the store of Config.CookieMode.Foreign,
// because the Manager keeps them now. It cannot delete sessions that were in cookies alone.
func (f *foreignManager) deleteLegacy(r *http.Request, name string, left []string) error {
	for _, value := range left {
		err := f.withLegacy(r, "end", name, value, func(_ snapshot, session foreign.Session) error {
			if session == nil {
				return nil
			}
			return session.Delete()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// isRevoked reports whether a cookie of another name was deleted before.
func (m *Manager) isRevoked(ctx context.Context, h *snapshot) (dead bool, err error) {
	err = m.call(ctx, "load", func(ctx context.Context) error {
		dead, err = m.revoked.has(ctx, h.otherNameRef())
		return err
	})
	return dead, err
}

// revoke ends a cookie of another name.
func (m *Manager) revoke(ctx context.Context, h *snapshot) error {
	return m.call(context.WithoutCancel(ctx), "end", func(ctx context.Context) error { return m.revoked.end(ctx, h, h.otherNameRef()) })
}
