package sessionstate

import "context"

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
// once are an error. An error undoes the change and is returned by the
// call that has made it; the changes that f itself has made remain. f does not run
// again when an Update is repeated on a newer session.
func (k *Key[T]) OnChange(f func(ctx context.Context, ch Change[T]) error) Hook {
	return Hook{key: k.key.name, id: k.key.id, onChange: func(ctx context.Context, s *State, raw rawChange) error {
		return f(ctx, newChange(k, s, raw))
	}}
}

// AfterCommit returns a Hook that calls f once per request in which the key
// changed, after the session was saved and before the response's headers are sent.
// f gets the value from before the request and the one that was saved. It is not
// called if the changes were dropped. The session can no longer be
// changed by f. A panic of f is reported to the observer.
func (k *Key[T]) AfterCommit(f func(ctx context.Context, ch Change[T])) Hook {
	return Hook{key: k.key.name, id: k.key.id, afterCommit: func(ctx context.Context, s *State, raw rawChange) {
		f(ctx, newChange(k, s, raw))
	}}
}
