package sessionstate

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reecho-go/reecho/observe"
)

// read returns the key's entry.
func (s *State) read(name string) (entry, bool, error) {
	if err := s.load(); err != nil {
		return entry{}, false, err
	}
	s.mu.Lock()
	e, ok := s.current.find(name)
	elsewhere := !ok && s.current.spilled != ""
	s.mu.Unlock()
	if elsewhere {
		if err := s.loadAll(); err != nil {
			return entry{}, false, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		e, ok = s.current.find(name)
	}
	return e, ok, nil
}

// edit changes one key and returns its entry afterwards. Functions of the caller run outside of
// the lock.
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
		now, ok := s.current.find(name)
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

// wrote notes that a tab has a value, and makes room for a new one.
func (s *State) wrote(tab string) error {
	mark := tabMark + tab
	now := time.Now().Unix() / 60
	s.mu.Lock()
	last, known := s.current.find(mark)
	drop := ""
	if !known {
		drop = s.current.oldestTab()
	}
	entries := s.current.entries
	s.mu.Unlock()
	if known && last.raw == strconv.FormatInt(now, 10) {
		return nil
	}
	if drop != "" {
		for _, e := range entries {
			if strings.HasSuffix(e.name, drop) {
				// A value that was changed meanwhile stays until the next tab comes.
				if _, _, err := s.put(e.name, edit{}, e, true, entry{}, false); err != nil {
					return err
				}
			}
		}
	}
	_, err := s.edit(mark, edit{entry: entry{name: mark, raw: strconv.FormatInt(now, 10)}, present: true})
	return err
}

// changed runs the OnChange functions of a key.
func (s *State) changed(name string, old entry, hadOld bool, now entry, hasNow bool) error {
	key, tab := splitTab(name)
	hooks := s.m.onChange[key]
	if len(hooks) == 0 {
		return nil
	}
	s.mu.Lock()
	if s.running >= maxRunning {
		s.mu.Unlock()
		return errCycle
	}
	s.running++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
	}()
	raw := rawChange{tab: tab, old: old, hadOld: hadOld, now: now, hasNow: hasNow}
	for _, h := range hooks {
		if err := h.onChange(s.context(), s, raw); err != nil {
			return err
		}
	}
	return nil
}

// maxRunning bounds how many OnChange functions of one request run at once, nested or in
// parallel.
const maxRunning = 16

// put changes the entry of a key from now to next. done is false if the entry is no longer now.
// undo is nil if nothing had to be changed.
func (s *State) put(name string, e edit, now entry, ok bool, next entry, present bool) (done bool, undo func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() {
		return false, nil, errCommitted
	}
	if again, okAgain := s.current.find(name); again != now || okAgain != ok {
		return false, nil, nil
	}
	before, known := s.changes.of(name)
	if next == now && present == ok && len(before.redo) == 0 {
		return true, nil, nil
	}
	cur := s.current.without(name)
	if present {
		cur = s.current.with(next)
		if err := s.m.fits(name, &cur); err != nil {
			return false, nil, err
		}
	}
	s.current = cur
	s.changes.add(name, e, next, present)
	return true, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if again, okAgain := s.current.find(name); s.phase != open || again != next || okAgain != present {
			return // another change came since, and must stay
		}
		if ok {
			s.current = s.current.with(now)
		} else {
			s.current = s.current.without(name)
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
	return s.current.user
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
	return time.Unix(s.current.created, 0)
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
	return s.m.limits.deadline(&s.current, time.Now())
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
	names := make([]string, 0, len(s.current.entries))
	for _, e := range s.current.entries {
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
	m := make(map[string]json.RawMessage, len(s.current.entries))
	for _, e := range s.current.entries {
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
		left := slices.Clone(s.current.entries) // set by another goroutine meanwhile
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

// discard drops the changes, but not the sessions that were destroyed.
func (s *State) discard() {
	s.current, s.changes, s.scope = s.base.record, changes{}, nil
	if s.loaded && !s.base.known() {
		s.current = fresh(time.Now())
	}
	s.flash.discard()
}
