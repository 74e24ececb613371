package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// plain is a Store without any capability.
type plain struct{}

func (plain) Get(context.Context, string) (store.Item, error) {
	return store.Item{}, store.ErrNotFound
}
func (plain) Put(context.Context, string, store.Item) error { return nil }
func (plain) Delete(context.Context, string) error          { return nil }

// touching is a Store that can also Touch, and says which one it is.
type touching struct {
	plain
	name string
}

func (touching) Touch(context.Context, string, time.Time) error { return nil }

// wrapper hides its store's methods and offers Unwrap.
type wrapper struct {
	plain
	inner store.Store
}

func (w wrapper) Unwrap() store.Store { return w.inner }

// touchingWrapper has a capability of its own and a store below.
type touchingWrapper struct {
	touching
	inner store.Store
}

func (w touchingWrapper) Unwrap() store.Store { return w.inner }

func TestAs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give store.Store
		want string
		ok   bool
	}{
		{name: "nil", give: nil},
		{name: "without the capability", give: plain{}},
		{name: "itself", give: touching{name: "a"}, want: "a", ok: true},
		{name: "one wrapper down", give: wrapper{inner: touching{name: "a"}}, want: "a", ok: true},
		{name: "two wrappers down", give: wrapper{inner: wrapper{inner: touching{name: "a"}}}, want: "a", ok: true},
		{name: "the outermost wins", give: touchingWrapper{touching{name: "out"}, touching{name: "in"}}, want: "out", ok: true},
		{name: "the chain ends in a plain store", give: wrapper{inner: plain{}}},
		{name: "the chain ends in nil", give: wrapper{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, ok := store.As[store.Toucher](test.give)
			if ok != test.ok {
				t.Fatalf("As found it: %v, want %v", ok, test.ok)
			}
			if !ok {
				if got != nil {
					t.Fatalf("As returned %v beside false", got)
				}
				return
			}
			var name string
			switch c := got.(type) {
			case touching:
				name = c.name
			case touchingWrapper:
				name = c.name
			}
			if name != test.want {
				t.Errorf("As found %q, want %q", name, test.want)
			}
		})
	}
}

func TestErrorTextIsShortAndSafe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give store.Error
		want string
	}{
		{"short key", store.Error{Op: "get", Key: "user:1", Err: store.ErrClosed}, `store: get "user:1": closed`},
		{"empty key", store.Error{Op: "put", Err: store.ErrFull}, `store: put "": full`},
		{"control and invalid bytes", store.Error{Op: "swap", Key: "a\n\x1b[31m\xff", Err: store.ErrClosed}, `store: swap "a\n\x1b[31m\xff": closed`},
		{"long key", store.Error{Op: "get", Key: strings.Repeat("k", 1000), Err: store.ErrClosed}, `store: get "` + strings.Repeat("k", 32) + `"... (1000 bytes): closed`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.give.Error(); got != test.want {
				t.Errorf("Error() = %s, want %s", got, test.want)
			}
			if !errors.Is(&test.give, test.give.Err) {
				t.Errorf("errors.Is does not find %v in %v", test.give.Err, &test.give)
			}
		})
	}
}
