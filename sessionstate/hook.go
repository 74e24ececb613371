package sessionstate

import (
	"context"
	"slices"

	"github.com/reecho-go/reecho/internal/panics"
	"github.com/reecho-go/reecho/observe"
)

// maxRunning bounds how many OnChange functions of one request run at once,
// within each other or side by side.
const maxRunning = 16

// Hook is a function that is called when a key changes; [Key.OnChange] and
// [Key.AfterCommit] make them, Config.Hooks takes them.
type Hook struct {
	key         string
	id          *identity
	onChange    func(ctx context.Context, s *State, ch rawChange) error
	afterCommit func(ctx context.Context, s *State, ch rawChange)
}

// rawChange is a change before the key's type is known.
type rawChange struct {
	tab            string
	old, now       entry
	hadOld, hasNow bool
}

// Change says how the value of a key has changed.
type Change[T any] struct {
	State  *State
	Key    *Key[T] // for a value of a tab: the key in that tab
	Old    T       // the default if there was none
	New    T       // the default if there is none
	HadOld bool    // there was a value
	HasNew bool    // there is a value
}

func newChange[T any](k *Key[T], s *State, raw rawChange) Change[T] {
	if raw.tab != "" {
		k = k.In(raw.tab)
	}
	ch := Change[T]{State: s, Key: k, Old: k.fallback(), New: k.fallback(), HadOld: raw.hadOld, HasNew: raw.hasNow}
	if raw.hadOld {
		if v, err := k.decode(s.m.values, raw.old); err == nil {
			ch.Old = v
		}
	}
	if raw.hasNow {
		if v, err := k.decode(s.m.values, raw.now); err == nil {
			ch.New = v
		}
	}
	return ch
}

// OnChange returns a Hook that calls f at once when a Set, Update or Delete of
// any key with this name has changed the value, before that call returns. It
// may read and change other keys, whose hooks then run too; more than 16 at
// once are an error. An error takes the change back and is returned to
// whoever made it; what f itself changed stays. f does not run again when an
// Update is repeated on a newer session.
func (k *Key[T]) OnChange(f func(ctx context.Context, ch Change[T]) error) Hook {
	return Hook{key: k.name, id: k.id, onChange: func(ctx context.Context, s *State, raw rawChange) error {
		return f(ctx, newChange(k, s, raw))
	}}
}

// AfterCommit returns a Hook that calls f once per request in which the key
// changed, after the session has been saved and before the response's headers
// leave: from the value that was there before to the one that was saved. It
// is not called when the changes were dropped. The session can no longer be
// changed by f. A panic of f is reported to the observer.
func (k *Key[T]) AfterCommit(f func(ctx context.Context, ch Change[T])) Hook {
	return Hook{key: k.name, id: k.id, afterCommit: func(ctx context.Context, s *State, raw rawChange) {
		f(ctx, newChange(k, s, raw))
	}}
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

// committed runs the AfterCommit functions of the keys that differ.
func (s *State) committed(ctx context.Context, before, after *record) {
	for _, h := range s.m.afterCommit {
		s.committedKey(ctx, h, h.key, before, after)
		for _, name := range tabsOf(h.key, before, after) {
			s.committedKey(ctx, h, name, before, after)
		}
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
