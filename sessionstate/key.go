package sessionstate

import "strconv"

// KeyConfig is the setting of a [Key]. The zero value is a key whose default
// is the zero T.
type KeyConfig[T any] struct {
	// Default is what Get returns when the session has no value. Every Get
	// returns its own copy. Default: the zero T.
	Default T

	// MaxBytes bounds the encoded value. Default: 0, no bound but that of the
	// whole session. Negative values are refused.
	MaxBytes int

	// Version is the version of T's layout; it is kept beside each value.
	// Default: 0. From 0 to 1,048,576.
	Version int

	// Migrate makes a T of a value that was written with another Version; raw
	// is its JSON, or what Config.Codec made of it. It must be pure and may run several times. Default: nil,
	// which means that such values are decoded as they are.
	Migrate func(version int, raw []byte) (T, error)
}

// Key is a typed key of every session: a name, a type and a default. Make
// keys once, as package variables, with [NewKey]; they need no registration.
// Two keys of one name, type and setting share the value. Two of one name that
// differ cannot be used with one [Manager]: [New] refuses hooks of the second, its
// changes and Lookup fail with [ErrValue], Get returns its default, and the observer
// is told. A stored value that is not a T, such as that of an earlier release of
// the app, reads as the default.
//
// Values are kept as JSON (encoding/json), or as Config.Codec says, so T must
// survive a round trip as JSON: NewKey refuses types that do not, such as structs
// with unexported fields and without methods MarshalJSON and UnmarshalJSON, and
// Set values that do not, such as an int64 in an interface, or a string that is
// not UTF-8. A field that may be lost says so by the tag json:"-".
// Every read decodes afresh: what it returns is the caller's own, and changing
// it changes nothing. All methods are safe for concurrent use.
type Key[T any] struct {
	key     untypedKey
	initial T // the default
}

// NewKey makes a key. It panics if name is empty or longer than 128 bytes, if
// cfg has a value out of its range, if JSON would lose a part of a T, such as an
// unexported field, or if the default does not come back as it was, since keys are
// package variables and such a key could never work. The panic names the field.
func NewKey[T any](name string, cfg KeyConfig[T]) *Key[T] {
	k := &Key[T]{initial: cfg.Default}
	if migrate := cfg.Migrate; migrate != nil {
		k.key.migrate = func(to any, version int, raw []byte) error {
			v, err := migrate(version, raw)
			*to.(*T) = v
			return err
		}
	}
	k.key.init(name, &cfg.Default, new(T), cfg.MaxBytes, cfg.Version) // not &k.initial, which a MarshalJSON might change
	return k
}

// Name returns the key's name, without that of a tab.
func (k *Key[T]) Name() string { return k.key.bareName() }

// In returns the key in one tab: the same name, type and default, with a value
// that only this tab of the session has. It is cheap. The hooks of the key are
// called for its tabs too.
//
// The values live in the session like all others. The eight tabs that wrote
// last keep theirs; one more takes those of the tab that has not written for
// longest, without calling hooks. [State.Keys] and [State.Snapshot] leave tabs
// out, [State.Clear] clears them too.
func (k *Key[T]) In(tab string) *Key[T] {
	in := *k
	in.key.name = k.key.nameIn(tab)
	return &in
}

// Get returns the key's value, or its default when there is none, when it is
// not a T (the observer is told), or when the session could not be loaded (see
// [State.Err]).
func (k *Key[T]) Get(s *State) T {
	v, _, _ := k.Lookup(s)
	return v
}

// Lookup returns the key's value and true, or the default and false when
// there is none. The error is that of loading the session, or an [ErrValue]
// when the value is not a T; the default comes with it.
func (k *Key[T]) Lookup(s *State) (T, bool, error) {
	e, ok, err := k.key.find(s)
	if !ok {
		return k.fallback(), false, err
	}
	v, err := k.decode(s.m.values, e)
	if err != nil {
		s.undecodable(k.Name(), err)
		return k.fallback(), false, err
	}
	return v, true, nil
}

// Set gives the key a value. It is encoded at once, so a value that cannot be
// kept or is too large ([ErrTooLarge]) fails here and changes nothing. Setting
// the value that the key has already is no change. Errors: [ErrValue],
// [ErrTooLarge], [middleware.ErrCommitted], what an OnChange function returned, and that
// of loading the session.
func (k *Key[T]) Set(s *State, v T) error {
	e, err := k.encode(s.m.values, v)
	if err != nil {
		return err
	}
	return k.key.put(s, e)
}

// Update replaces the key's value, or its default when there is none, by what
// f makes of it, and returns the new value. No parallel update is lost, except
// in cookie mode (see the package comment): when another request has saved
// meanwhile, f runs again, with the value that the session has then. So f must
// be pure and quick, and must not call methods of s. Errors are those of Set.
func (k *Key[T]) Update(s *State, f func(T) T) (T, error) {
	if err := s.claim(k.key.id); err != nil {
		return k.fallback(), err
	}
	e, err := s.edit(k.key.name, edit{redo: func(e entry, ok bool) (entry, bool, error) {
		v := k.fallback()
		if ok {
			d, err := k.decode(s.m.values, e)
			if err == nil {
				v = d
			} else {
				s.undecodable(k.Name(), err)
			}
		}
		next, err := k.encode(s.m.values, f(v))
		return next, true, err
	}})
	if err != nil {
		return k.Get(s), err
	}
	return k.decode(s.m.values, e) // not what f returned: f may have kept it
}

// Delete removes the key's value. Errors: [middleware.ErrCommitted], what an OnChange
// function returned, that of loading the session, and an [ErrValue] if another key
// has the name.
func (k *Key[T]) Delete(s *State) error { return k.key.remove(s) }

// Number is what [Incr] can add to.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Incr adds delta to the key's value by [Key.Update] and returns the sum. Like
// +, it wraps around.
func Incr[T Number](k *Key[T], s *State, delta T) (T, error) {
	return k.Update(s, func(v T) T { return v + delta })
}

// Append appends to the key's value by [Key.Update] and returns all of it.
func Append[E any](k *Key[[]E], s *State, elems ...E) ([]E, error) {
	return k.Update(s, func(v []E) []E { return append(v, elems...) })
}

// fallback returns a copy of the default for the caller.
func (k *Key[T]) fallback() T {
	if !k.key.shared {
		return k.initial
	}
	v := new(T)
	_ = decodeJSON(k.key.id.raw, v) // NewKey has tried it
	return *v
}

// encode returns the entry for v. An int or a bool that is kept as JSON costs no
// allocation but that of its text.
func (k *Key[T]) encode(c Codec, v T) (entry, error) {
	if c == nil {
		switch v := any(&v).(type) { // by pointer: an int in an interface is not kept as an int
		case *int:
			return k.key.entry(strconv.Itoa(*v), nil)
		case *bool:
			return k.key.entry(strconv.FormatBool(*v), nil)
		}
	}
	return k.encodeBy(c, v)
}

// encodeBy is encode of any type.
func (k *Key[T]) encodeBy(c Codec, v T) (entry, error) { return k.key.encode(c, &v) }

func (k *Key[T]) decode(c Codec, e entry) (T, error) {
	v := new(T)
	err := k.key.decode(c, e, v)
	return *v, err
}
