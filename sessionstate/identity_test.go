package sessionstate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reecho-go/reecho/observe"
	"github.com/reecho-go/reecho/sessionstate"
)

// Two keys of one name that are not the same would overwrite each other's values
// and read their defaults.
func TestTwoKeysOfOneNameAreRefusedUnlessTheyAreTheSame(t *testing.T) {
	t.Parallel()
	first := sessionstate.NewKey("n", sessionstate.KeyConfig[int]{Default: 1})
	again := func() *sessionstate.Key[int] {
		return sessionstate.NewKey("n", sessionstate.KeyConfig[int]{Default: 1})
	}
	type mine int
	for name, tt := range map[string]struct {
		call func(s *sessionstate.State) error
		want string
	}{
		"the same, made twice": {func(s *sessionstate.State) error {
			if n := again().Get(s); n != 5 {
				return fmt.Errorf("Get = %d", n)
			}
			return again().Set(s, 6)
		}, ""},
		"the same in a tab": {func(s *sessionstate.State) error { return again().In("tab").Set(s, 6) }, ""},
		"another name": {func(s *sessionstate.State) error {
			return sessionstate.NewKey("m", sessionstate.KeyConfig[string]{}).Set(s, "x")
		}, ""},
		"another type": {func(s *sessionstate.State) error {
			return sessionstate.NewKey("n", sessionstate.KeyConfig[string]{}).Set(s, "x")
		}, "with the type int"},
		"a type of the same kind": {func(s *sessionstate.State) error {
			_, _, err := sessionstate.NewKey("n", sessionstate.KeyConfig[mine]{Default: 1}).Lookup(s)
			return err
		}, "with the type int"},
		"another default": {func(s *sessionstate.State) error {
			_, err := sessionstate.Incr(sessionstate.NewKey("n", sessionstate.KeyConfig[int]{}), s, 1)
			return err
		}, "another default or setting"},
		"another bound": {func(s *sessionstate.State) error {
			return sessionstate.NewKey("n", sessionstate.KeyConfig[int]{Default: 1, MaxBytes: 10}).Delete(s)
		}, "another default or setting"},
		"another version": {func(s *sessionstate.State) error {
			return sessionstate.NewKey("n", sessionstate.KeyConfig[int]{Default: 1, Version: 1}).Set(s, 6)
		}, "another default or setting"},
		"another type in a tab": {func(s *sessionstate.State) error {
			return sessionstate.NewKey("n", sessionstate.KeyConfig[string]{}).In("tab").Set(s, "x")
		}, "with the type int"},
	} {
		in(t, sessionstate.Config{}, func(s *sessionstate.State) {
			if err := first.Set(s, 5); err != nil {
				t.Fatal(err)
			}
			err := tt.call(s)
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if !errors.Is(err, sessionstate.ErrValue) || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "identity_test.go:") != 2 {
				t.Errorf("%s: %v, want an ErrValue with %q and both places", name, err, tt.want)
			}
			if n := first.Get(s); n != 5 {
				t.Errorf("%s: the value is %d, want the 5 of the first key", name, n)
			}
		})
	}
}

func TestGetWithASecondKeyIsToldOnce(t *testing.T) {
	t.Parallel()
	first := sessionstate.NewKey("told", sessionstate.KeyConfig[int]{})
	second := sessionstate.NewKey("told", sessionstate.KeyConfig[string]{Default: "d"})
	a := in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		_ = first.Get(s)
		for range 3 {
			if got := second.Get(s); got != "d" {
				t.Errorf("Get = %q", got)
			}
		}
	})
	var texts []string
	for _, n := range observe.Of[observe.Notice](a.rec) {
		if strings.Contains(n.Text, `"told"`) {
			texts = append(texts, n.Text)
		}
	}
	if len(texts) != 1 {
		t.Errorf("the observer was told %d times: %q", len(texts), texts)
	}
	// in another app of the process the second key is the first
	in(t, sessionstate.Config{}, func(s *sessionstate.State) {
		if err := second.Set(s, "x"); err != nil {
			t.Error(err)
		}
		if err := first.Set(s, 1); !errors.Is(err, sessionstate.ErrValue) {
			t.Errorf("the other key: %v", err)
		}
	})
}

func TestHooksOfTwoKeysOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	_, err := sessionstate.New(sessionstate.Config{
		Secrets: []sessionstate.Secret{key1},
		Hooks: []sessionstate.Hook{
			hookOf[int]("h"), hookOf[string]("h"), hookOf[bool]("h"),
		},
	})
	if err == nil || !strings.Contains(err.Error(), "Config.Hooks[1]: ") || !strings.Contains(err.Error(), "Config.Hooks[2]: ") {
		t.Errorf("New() = %v, want both hooks named", err)
	}
}

func hookOf[T any](name string) sessionstate.Hook {
	return sessionstate.NewKey(name, sessionstate.KeyConfig[T]{}).AfterCommit(func(context.Context, sessionstate.Change[T]) {})
}
