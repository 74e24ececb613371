// Package storetest tests implementations of package store's contract, and injects
// faults into stores.
//
// [Run] is the conformance suite. Every store of the toolkit runs it, and a
// store of your own should:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) store.Store {
//			s := mystore.New(t.TempDir())
//			t.Cleanup(func() { s.Close() })
//			return s
//		})
//	}
//
// A capability that the store lacks is a logged skip. A case that fails
// explains the rule that it tests. The cases about expiry wait in real
// time, a fraction of a second each and in parallel; they hold against servers
// with a clock of their own as long as that clock is right to some
// milliseconds.
//
// [Faulty] wraps a store and follows a script of errors, delays, hangs, lost
// replies and wrong answers.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// Run tests the store that open returns against the contract. It calls open
// once for each case, from parallel subtests; every store must be empty and
// share nothing with the others. open closes the store with t.Cleanup; a case
// may have closed it before.
func Run(t *testing.T, open func(t testing.TB) store.Store) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.try(t, open)
		})
	}
}

// testCase is one rule of the contract.
type testCase struct {
	name string
	why  string // the rule, and what breaks without it; printed on failure
	run  func(t testing.TB, s store.Store)
}

// try runs the case on a new store.
func (c testCase) try(t testing.TB, open func(t testing.TB) store.Store) {
	t.Helper()
	s := open(t)
	defer func() {
		if t.Failed() {
			t.Logf("the rule: %s", c.why)
		}
	}()
	c.run(t, s)
}

// cases are all rules, by the file that they are in.
func cases() []testCase {
	var all []testCase
	for _, some := range [][]testCase{valueCases, expiryCases, swapCases, listCases, batchCases, endCases, historyCases} {
		all = append(all, some...)
	}
	return all
}

// capability is As for a case: it skips when the store has no T.
func capability[T any](t testing.TB, s store.Store, name string) T {
	t.Helper()
	c, ok := store.As[T](s)
	if !ok {
		t.Skipf("%T has no %s", s, name)
	}
	return c
}

func put(t testing.TB, s store.Store, key, value string) {
	t.Helper()
	putUntil(t, s, key, value, time.Time{})
}

// fill puts many keys, with themselves as values, by many goroutines: a store may write
// what comes at once together.
func fill(t testing.TB, s store.Store, keys []string) {
	t.Helper()
	const writers = 50
	together(t, writers, func(who int) error {
		for i := who; i < len(keys); i += writers {
			if err := s.Put(t.Context(), keys[i], store.Item{Value: []byte(keys[i])}); err != nil {
				return fmt.Errorf("Put(%.40q): %w", keys[i], err)
			}
		}
		return nil
	})
}

func putUntil(t testing.TB, s store.Store, key, value string, expires time.Time) {
	t.Helper()
	if err := s.Put(t.Context(), key, store.Item{Value: []byte(value), Expires: expires}); err != nil {
		t.Fatalf("Put(%.40q): %v", key, err)
	}
}

func remove(t testing.TB, s store.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatalf("Delete(%.40q): %v", key, err)
	}
}

// get returns the item of a key that must be present.
func get(t testing.TB, s store.Store, key string) store.Item {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%.40q): %v", key, err)
	}
	if it.Version == 0 {
		t.Fatalf("Get(%.40q) has version 0, which is never one", key)
	}
	return it
}

// holds demands that key is present with this value.
func holds(t testing.TB, s store.Store, key, want string) {
	t.Helper()
	if got := get(t, s, key).Value; !bytes.Equal(got, []byte(want)) {
		t.Fatalf("Get(%.40q) = %.80q, want %.80q", key, got, want)
	}
}

// absent demands that key is absent.
func absent(t testing.TB, s store.Store, key string) {
	t.Helper()
	it, err := s.Get(t.Context(), key)
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("Get(%.40q) = %.80q, %v, want ErrNotFound", key, it.Value, err)
	}
}

// wantErr demands that errors.Is(got, want).
func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: error %v, want %v", what, got, want)
	}
}
