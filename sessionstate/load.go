package sessionstate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/observe"
)

// load loads the session, once, and returns why it could not.
func (s *State) load() error {
	s.loading.Do(func() {
		if s.none {
			s.logNone()
			return
		}
		ctx := s.req.Context()
		late := commit.Request(ctx) != nil
		h, unread, err := s.m.find(ctx, s.req.Header)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.base, s.current, s.unread, s.err = h, h.record, unread, err
		if !h.known() {
			s.current = fresh(time.Now())
		}
		s.loaded = true
		if late {
			s.phase = frozen
		}
	})
	return s.err
}

// logNone logs that code uses the session of a request that has none.
func (s *State) logNone() {
	observe.Emit(s.context(), observe.Slog(nil), observe.Notice{Owner: s.m.Name(), Text: s.err.Error()})
}

// loadAll loads the session with all of its keys, and returns why it could not.
func (s *State) loadAll() error {
	if err := s.load(); err != nil || !s.isPartial() {
		return err
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if !s.isPartial() {
		return nil
	}
	s.mu.Lock()
	at, err := s.base, s.spillErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	part, err := s.m.rest(s.context(), &at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.id != at.id || s.base.record.spilled != at.record.spilled {
		return nil // saved or destroyed meanwhile
	}
	if s.spillErr = err; err == nil {
		s.base.record, s.current = s.base.record.joined(&part), s.current.joined(&part)
	}
	return err
}

// isPartial reports whether some of the session has not been loaded.
func (s *State) isPartial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.spilled != ""
}

const (
	// maxAuthentic is how many authentic cookies of one name are looked up. It is more
	// than a browser keeps for a domain, so that no other host of the domain can hide
	// a session behind its cookies. Cookies that are not authentic cost no call, and
	// do not count.
	maxAuthentic = 200

	// maxRefusals is how many refused cookies of a request are told to the observer.
	maxRefusals = 10
)

// find returns the first living session that the request's cookies name, or none for a new
// visitor. unread are sessions whose records cannot be read. The error is an ErrStore.
func (m *Manager) find(ctx context.Context, h http.Header) (found snapshot, unread []snapshot, err error) {
	refusals, authentic := 0, 0
	for value := range cookies(h, m.cookie.Name) {
		found, err := m.load(ctx, value, h)
		r, refused := errors.AsType[*refusal](err)
		if !refused {
			return found, unread, err
		}
		if refusals++; refusals <= maxRefusals {
			m.refused(ctx, r, len(value))
		}
		if r.unread() {
			unread = append(unread, snapshot{id: r.id, exists: true})
		}
		if r.action != "" {
			if authentic++; authentic == maxAuthentic {
				break
			}
		}
	}
	return snapshot{}, unread, nil
}

// others returns the sessions other than base that the request's cookies name: a
// browser may have several cookies of the name, of other paths and domains. The
// error is an ErrStore.
func (m *Manager) others(ctx context.Context, h http.Header, base *snapshot) (others []snapshot, err error) {
	values := slices.Collect(cookies(h, m.cookie.Name))
	if len(values) < 2 || !base.known() {
		return nil, nil
	}
	authentic := 0
	for _, value := range values {
		found, err := m.load(ctx, value, h)
		r, refused := errors.AsType[*refusal](err)
		if err == nil || refused && r.action != "" {
			if authentic++; authentic > maxAuthentic {
				break
			}
		}
		switch {
		case refused:
		case err != nil:
			return nil, err
		case found.id != base.id && !slices.ContainsFunc(others, func(o snapshot) bool { return o.id == found.id }):
			others = append(others, found)
		}
	}
	return others, nil
}

// load loads the session of a cookie's value from the backend, within the timeout.
func (m *Manager) load(ctx context.Context, value string, sent http.Header) (h snapshot, err error) {
	err = m.call(ctx, "load", func(ctx context.Context) error {
		h, err = m.backend.load(ctx, value, sent)
		return err
	})
	if err != nil {
		return snapshot{}, err
	}
	return h, nil
}

// rest loads the part of h that is in Config.CookieMode.Spill.
func (m *Manager) rest(ctx context.Context, h *snapshot) (part record, err error) {
	k, ok := m.backend.(*cookieBackend)
	there := false
	if ok && k.spill != nil {
		err = m.call(ctx, "load", func(ctx context.Context) (err error) {
			part, there, err = k.spill.get(ctx, h)
			return err
		})
	}
	if err == nil && !there {
		observe.Emit(ctx, m.observer, observe.StoreFailure{Owner: m.Name(), Op: "load", Err: errSpilled})
	}
	return part, err
}

// errSpilled tells the observer that a part is lost, so that its values read as defaults.
var errSpilled = errors.New("the part of the session that is in the store Config.CookieMode.Spill is gone")

// chooseNextID returns the id that a new or renewed session will have. It is
// called under the lock.
func (s *State) chooseNextID() sessionID {
	if s.nextID == (sessionID{}) {
		s.nextID = newID()
	}
	return s.nextID
}
