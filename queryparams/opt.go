package queryparams

import "encoding/json"

// optState is the state of an [Opt].
type optState uint8

const (
	optMissing optState = iota // the parameter is not there
	optCleared                 // it is there without a value
	optSet                     // it has a value
)

// Opt is a parameter that may be missing, there without a value (?from=), or
// set. The zero value is missing: [Opt.IsZero] reports that, [Opt.Get] whether it
// is set, and what is neither is [Cleared]. It is a plain value: copies are
// independent.
type Opt[T any] struct {
	value T
	state optState
}

// Some is an Opt that is set to v. (An empty text in a query reads as
// [Cleared]: Encode refuses Some("").)
func Some[T any](v T) Opt[T] { return Opt[T]{v, optSet} }

// Cleared is an Opt that is explicitly empty: it is written as ?key=.
func Cleared[T any]() Opt[T] { return Opt[T]{state: optCleared} }

// Get returns the value and whether it is set.
func (o Opt[T]) Get() (T, bool) { return o.value, o.state == optSet }

// Or returns the value if it is set, fallback otherwise.
func (o Opt[T]) Or(fallback T) T {
	if o.state == optSet {
		return o.value
	}
	return fallback
}

// IsZero reports whether it is missing; encoding/json's omitzero uses it.
func (o Opt[T]) IsZero() bool { return o.state == optMissing }

// MarshalJSON implements json.Marshaler, so that a session or an API keeps the
// state: the value, "" if it is explicitly empty, null if it is missing.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	switch o.state {
	case optMissing:
		return []byte("null"), nil
	case optCleared:
		return []byte(`""`), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON implements json.Unmarshaler. As in a query, an empty text is
// [Cleared].
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "null":
		*o = Opt[T]{}
		return nil
	case `""`:
		*o = Cleared[T]()
		return nil
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}

// slot gives a plan access to an Opt of any type.
func (o *Opt[T]) slot() (value any, state *optState) { return &o.value, &o.state }

type optional interface{ slot() (any, *optState) }
