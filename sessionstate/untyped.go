package sessionstate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/reecho-go/reecho/internal/lossless"
	"github.com/reecho-go/reecho/internal/panics"
)

// untypedKey is a Key without its type: all that is compiled once, and not for each
// T. Values are given to it by pointers.
type untypedKey struct {
	name    string
	id      *identity                                   // the same in all tabs
	migrate func(to any, version int, raw []byte) error // nil: as they are
	shared  bool                                        // T has references: defaults must be decoded afresh
	varies  bool                                        // JSON keeps some values of T and loses parts of others
}

// maxKeyName bounds a key's name in bytes.
const maxKeyName = 128

// init makes k the key of that name. It panics as NewKey does, which is its caller. It decodes the
// default into back.
func (k *untypedKey) init(name string, initial, back any, maxBytes, version int) {
	t := reflect.TypeOf(initial).Elem()
	k.name = name
	k.id = newIdentity(name, t, maxBytes, version, k.migrate != nil)
	k.shared = hasReferences(t)
	var errs []error
	if name == "" || len(name) > maxKeyName {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey: the name %.20q has %d bytes: use 1 to %d", name, len(name), maxKeyName))
	}
	if strings.Contains(name, tabMark) {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey: the name %.20q has a zero byte: leave it out", name))
	}
	if maxBytes < 0 {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey(%q): MaxBytes is %d: use 0 for no bound", name, maxBytes))
	}
	if version < 0 || version > maxVersion {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey(%q): Version is %d: use 0 to %d", name, version, maxVersion))
	}
	var e entry
	var err error
	if k.varies, err = lossless.JSON.Check(t); err != nil {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey(%q): a session would lose a part of its values: %w", name, err))
	} else if e, err = k.keepDefault(initial, back); err != nil {
		errs = append(errs, fmt.Errorf("sessionstate: NewKey(%q): the default cannot be kept in a session: %w", name, err))
	}
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
	k.id.raw = e.raw
}

// keepDefault encodes the default, and fails if it does not come back as it was.
func (k *untypedKey) keepDefault(initial, back any) (entry, error) {
	e, err := k.encode(nil, initial)
	if err != nil {
		return e, err
	}
	if err := decodeJSON(e.raw, back); err != nil {
		return e, k.fault(err)
	}
	if reflect.DeepEqual(initial, back) {
		return e, nil
	}
	// A type that encodes itself may come back with another content and the same
	// meaning, such as a time without its monotonic clock.
	if again, err := encodeJSON(back); err != nil || again != e.raw || !lossless.JSON.Own(k.id.typ) {
		return e, k.fault(errChanged)
	}
	return e, nil
}

// bareName returns the name without that of a tab.
func (k *untypedKey) bareName() string {
	name, _ := splitTab(k.name)
	return name
}

// nameIn returns the name in a tab.
func (k *untypedKey) nameIn(tab string) string {
	if !isTabName(tab) { // a text that does not come from Tab
		sum := sha256.Sum256([]byte(tab))
		tab = encoding.EncodeToString(sum[:12])
	}
	return k.bareName() + tabMark + tab
}

// find returns the entry of the key in the session, and whether there is one.
func (k *untypedKey) find(s *State) (entry, bool, error) {
	if err := s.claim(k.id); err != nil {
		return entry{}, false, err
	}
	e, ok, err := s.read(k.name)
	return e, ok && err == nil, err
}

// put makes e the key's entry in the session.
func (k *untypedKey) put(s *State, e entry) error {
	if err := s.claim(k.id); err != nil {
		return err
	}
	_, err := s.edit(k.name, edit{entry: e, present: true})
	return err
}

// remove removes the key's entry from the session.
func (k *untypedKey) remove(s *State) error {
	if err := s.claim(k.id); err != nil {
		return err
	}
	_, err := s.edit(k.name, edit{})
	return err
}

// claim claims the key's name in the Manager. It tells the observer, once, of a key that is
// refused.
func (s *State) claim(id *identity) error {
	if s.none {
		return nil // the request has no session, and its own error
	}
	err := s.m.names.claim(id)
	if err != nil {
		id.warned.Do(func() { s.m.notify(context.WithoutCancel(s.context()), err.Error()) })
	}
	return err
}

// encode returns the entry for what v points to.
func (k *untypedKey) encode(c Codec, v any) (entry, error) {
	return k.entry(encodeValue(c, v, k.varies))
}

// entry returns the entry with a value that was encoded, or not.
func (k *untypedKey) entry(raw string, err error) (entry, error) {
	if err != nil {
		return entry{}, k.fault(err)
	}
	if limit := k.id.maxBytes; limit > 0 && len(raw) > limit {
		name := k.bareName()
		return entry{}, &sizeError{key: name, size: len(raw), limit: limit, largest: []keySize{{name, len(raw)}}}
	}
	return entry{name: k.name, version: k.id.version, raw: raw}, nil
}

// decode writes the value of e to what v points to. If it fails, it leaves a zero
// value there.
func (k *untypedKey) decode(c Codec, e entry, v any) error {
	var err error
	if e.version == k.id.version || k.migrate == nil {
		err = decodeValue(c, e.raw, v)
	} else {
		err = panics.Catch(func() error { return k.migrate(v, e.version, []byte(strings.TrimPrefix(e.raw, codedMark))) })
		if err != nil {
			err = &migrateError{e.version, k.id.version, err}
		}
	}
	if err != nil {
		reflect.ValueOf(v).Elem().SetZero()
		return k.fault(err)
	}
	return nil
}

func (k *untypedKey) fault(err error) error {
	return &valueError{key: k.bareName(), typ: k.id.typ.String(), err: err}
}

// hasReferences reports whether two copies of a t may share memory that one
// of them can change.
func hasReferences(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	case reflect.Array:
		return hasReferences(t.Elem())
	case reflect.Struct:
		if t.PkgPath() == "time" && t.Name() == "Time" {
			return false
		}
		for i := range t.NumField() {
			if hasReferences(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
