package sessionstate

// Plant gives the session a value that another release of the app has left: under
// the name of a key, and of any type.
func Plant[T any](s *State, name string, v T) error {
	k := NewKey(name, KeyConfig[T]{})
	e, err := k.encode(s.m.values, v)
	if err != nil {
		return err
	}
	_, err = s.edit(k.key.name, edit{entry: e, present: true})
	return err
}
