package sessionstate

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reecho-go/reecho/internal/commit"
	"github.com/reecho-go/reecho/observe"
)

// phase is where a State is in its request.
type phase uint8

const (
	open       phase = iota
	committing       // the response's headers are about to leave
	frozen           // they have been sent: the session can only be read
)

// State is the session of one request. It costs nothing until it is first
// used; then the cookie is opened and, in server mode, the record loaded,
// once. Changes are kept in the State and saved together, before the
// response's headers are sent, unless the status is 5xx or the handler panics.
//
// It belongs to its request: do not keep it for longer. All methods and those
// of [Key] are safe for concurrent use within it.
type State struct {
	m    *Manager
	req  *http.Request // its context and its cookies
	none bool          // the request has no session; err says why

	loading  sync.Once
	fetching sync.Mutex // held while the rest of a session is loaded

	mu       sync.Mutex
	phase    phase
	loaded   bool
	err      error       // why the session could not be loaded
	spillErr error       // why the rest of it could not
	base     snapshot    // as it was loaded; without an id: a new visitor
	cur      record      // base with the changes
	changes  changes     // from base to cur
	nextID   sessionID   // of a new or renewed session; zero: not yet chosen
	ended    []snapshot  // sessions that this request destroyed
	over     []sessionID // those of them that have ended
	unread   []snapshot  // sessions of the request that cannot be read, only ended

	scope   *sessionScope   // for caches and resources; nil: none yet, or it is another now
	scopes  []*sessionScope // all that this request has acquired
	unsaved []*sessionScope // those of sessions that are yet to be saved

	saving chan struct{} // closed when SaveNow is done; nil: it is not under way
	early  http.Header   // what SaveNow has left for the response

	then []func() // to be called when the session is frozen

	detached bool // of a Detached: there is no response
	present  bool // the Detached says that the visitor is there

	clearSite bool // Destroy was asked for it
	mustFail  bool // Destroy could not be noted
	endUnread bool // Destroy ends them too
	running   int  // OnChange functions now running
	flash     flashState
}

func newState(m *Manager, req *http.Request) *State {
	return &State{m: m, req: m.local.incoming(req)}
}

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
		s.base, s.cur, s.unread, s.err = h, h.record, unread, err
		if !h.known() {
			s.cur = fresh(time.Now())
		}
		s.loaded = true
		if late {
			s.phase = frozen
		}
	})
	return s.err
}

// read returns the key's entry.
func (s *State) read(name string) (entry, bool, error) {
	if err := s.load(); err != nil {
		return entry{}, false, err
	}
	s.mu.Lock()
	e, ok := s.cur.find(name)
	elsewhere := !ok && s.cur.spilled != ""
	s.mu.Unlock()
	if elsewhere {
		if err := s.loadAll(); err != nil {
			return entry{}, false, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		e, ok = s.cur.find(name)
	}
	return e, ok, nil
}

// edit changes one key and returns what it is afterwards. Functions of the
// caller run outside the lock.
func (s *State) edit(name string, e edit) (entry, error) {
	if err := s.loadAll(); err != nil {
		return entry{}, err
	}
	for {
		s.mu.Lock()
		if s.detached && !s.base.known() {
			s.mu.Unlock()
			return entry{}, ErrEnded
		}
		if !s.isOpen() {
			s.mu.Unlock()
			return entry{}, errCommitted
		}
		now, ok := s.cur.find(name)
		s.mu.Unlock()

		next, present, err := e.apply(now, ok)
		if err != nil {
			return entry{}, err
		}
		done, undo, err := s.put(name, e, now, ok, next, present)
		if err != nil {
			return entry{}, err
		}
		if !done {
			continue // another goroutine of the request has changed the key
		}
		if undo != nil {
			if err := s.changed(name, now, ok, next, present); err != nil {
				undo()
				return entry{}, err
			}
			if key, tab := splitTab(name); tab != "" && key != "" && present {
				if err := s.wrote(tab); err != nil {
					undo()
					return entry{}, err
				}
			}
		}
		return next, nil
	}
}

// put makes an edit from now to next; done is false if the key is not now any
// more, and undo is nil if there was nothing to do.
func (s *State) put(name string, e edit, now entry, ok bool, next entry, present bool) (done bool, undo func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return false, nil, errCommitted
	}
	if again, okAgain := s.cur.find(name); again != now || okAgain != ok {
		return false, nil, nil
	}
	before, known := s.changes.of(name)
	if next == now && present == ok && len(before.redo) == 0 {
		return true, nil, nil
	}
	cur := s.cur.without(name)
	if present {
		cur = s.cur.with(next)
		if err := s.m.fits(name, &cur); err != nil {
			return false, nil, err
		}
	}
	s.cur = cur
	s.changes.add(name, e, next, present)
	return true, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if again, okAgain := s.cur.find(name); s.phase != open || again != next || okAgain != present {
			return // changed again since: that is not ours to undo
		}
		if ok {
			s.cur = s.cur.with(now)
		} else {
			s.cur = s.cur.without(name)
		}
		if known {
			s.changes.put(before)
		} else {
			s.changes.drop(name)
		}
	}, nil
}

// mutate changes the session as a whole, under the lock.
func (s *State) mutate(f func() error) error {
	if err := s.load(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return errCommitted
	}
	return f()
}

// undecodable tells the observer of a value that is not of its key's type.
func (s *State) undecodable(key string, err error) {
	observe.Emit(s.context(), s.m.observer, observe.SessionValue{ID: s.ID(), Key: key, Err: err})
}

func (s *State) context() context.Context { return s.req.Context() }

// Err returns why the session could not be loaded, an [ErrStore], or nil.
// After a failed load every key reads its default, every change fails with
// this error, and the response becomes a 503 unless Config.Failures.Open is set. It
// loads the session. For a request without one it is what [From] says.
func (s *State) Err() error { return s.load() }

// IsNew reports whether the visitor came without a session. It loads it.
func (s *State) IsNew() bool {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.base.known()
}

// ID returns a short digest of the session's id for logs: the same for one
// session in all events, worthless as a session. It is empty for a new
// visitor, and changes when the session gets a new id.
func (s *State) ID() string {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.digest(&s.base)
}

// User returns who is logged in, as given to [State.Login]; empty if nobody.
func (s *State) User() string {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur.user
}

// Created returns when the session began, or when its user logged in, to the
// second. For a new visitor that is now.
func (s *State) Created() time.Time {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return time.Time{}
	}
	return time.Unix(s.cur.created, 0)
}

// Deadline returns when the session ends if the visitor does not come back,
// counted from now. The zero time means never, or that it could not be loaded.
func (s *State) Deadline() time.Time {
	_ = s.load() // a failed load has no session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return time.Time{}
	}
	return s.m.limits.deadline(&s.cur, time.Now())
}

// Keys returns the names of the keys that have a value, sorted, without those
// that only have one in a tab.
func (s *State) Keys() []string {
	_ = s.loadAll() // a failed load has no keys
	return s.names(false)
}

func (s *State) names(tabs bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.cur.entries))
	for _, e := range s.cur.entries {
		if tabs || !strings.Contains(e.name, tabMark) {
			names = append(names, e.name)
		}
	}
	return names
}

// Snapshot returns a copy of all values as JSON, without those of tabs. Values
// of Config.Codec are translated; those that have no form in JSON are left out.
func (s *State) Snapshot() map[string]json.RawMessage {
	_ = s.loadAll() // a failed load has no keys
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]json.RawMessage, len(s.cur.entries))
	for _, e := range s.cur.entries {
		if !strings.Contains(e.name, tabMark) {
			if raw, ok := asJSON(s.m.values, e.raw); ok {
				m[e.name] = raw
			}
		}
	}
	return m
}

// Clear removes the values of all keys; id, user and flash messages stay.
// OnChange functions are called for each; the first error ends it, and the
// keys after it, in alphabetical order, keep their values. Without one, values
// that other requests add meanwhile are removed too.
func (s *State) Clear() error {
	if err := s.loadAll(); err != nil {
		return err
	}
	for _, name := range s.names(true) {
		if _, err := s.edit(name, edit{}); err != nil {
			return err
		}
	}
	return s.mutate(func() error {
		left := slices.Clone(s.cur.entries) // set by another goroutine meanwhile
		s.changes.keys, s.changes.cleared = nil, true
		for _, e := range left {
			s.changes.put(change{name: e.name, fixed: edit{entry: e, present: true}})
		}
		return nil
	})
}

// Revert forgets every change that this request made, also Login, Renew,
// Destroy and flash messages. After the headers have been sent it does nothing.
// OnChange functions are not called.
func (s *State) Revert() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return
	}
	if len(s.ended) > 0 {
		s.base, s.ended = s.ended[0], nil
	}
	s.clearSite, s.mustFail, s.endUnread = false, false, false
	s.discard()
}

// discard forgets the changes, but not what was destroyed.
func (s *State) discard() {
	s.cur, s.changes, s.scope = s.base.record, changes{}, nil
	if s.loaded && !s.base.known() {
		s.cur = fresh(time.Now())
	}
	s.flash.discard()
}

// panicked forgets the changes of a handler that panicked. What it destroyed
// stays destroyed, and is ended at once: there may be no response, as after
// http.ErrAbortHandler.
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
	_ = s.endAll(context.WithoutCancel(ctx), all) // the observer is told, and a response tries again
}

// comingID returns the id that a new or renewed session will have. It is
// called under the lock.
func (s *State) comingID() sessionID {
	if s.nextID == (sessionID{}) {
		s.nextID = newID()
	}
	return s.nextID
}
