package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/internal/leaktest"
	"github.com/reecho-go/reecho/store"
	"github.com/reecho-go/reecho/store/memstore"
	"github.com/reecho-go/reecho/store/storetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func open(t testing.TB) store.Store {
	s := memstore.Must(memstore.New(memstore.Config{}))
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// A faulty store without a script keeps the contract, capabilities included.
func TestFaultyWithoutScript(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) store.Store { return storetest.Faulty(open(t)) })
}

func TestFaultyHasTheCapabilitiesOfItsStore(t *testing.T) {
	t.Parallel()
	bare := storetest.Faulty(struct{ store.Store }{open(t)})
	if _, ok := store.As[store.Swapper](bare); ok {
		t.Error("a faulty store swaps although its store cannot")
	}
	full := storetest.Faulty(open(t), storetest.Fault{Times: -1})
	if _, ok := store.As[*memstore.Store](full); ok {
		t.Error("As leads around the script to the store itself")
	}
	for name, call := range every(full) {
		if err := call(t.Context()); !errors.Is(err, storetest.ErrInjected) {
			t.Errorf("%s is not hit by the script: %v", name, err)
		}
	}
}

// every is each method, as a call on key "k".
func every(s store.Store) map[string]func(context.Context) error {
	all := map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { _, err := s.Get(ctx, "k"); return err },
		"put":    func(ctx context.Context) error { return s.Put(ctx, "k", store.Item{Value: []byte("new")}) },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, "k") },
	}
	swapper, _ := store.As[store.Swapper](s)
	all["swap"] = func(ctx context.Context) error {
		it, err := s.Get(ctx, "k")
		if err != nil {
			return err
		}
		_, err = swapper.Swap(ctx, "k", it.Version, store.Item{Value: []byte("new")})
		return err
	}
	toucher, _ := store.As[store.Toucher](s)
	all["touch"] = func(ctx context.Context) error { return toucher.Touch(ctx, "k", time.Now().Add(time.Hour)) }
	scanner, _ := store.As[store.Scanner](s)
	all["scan"] = func(ctx context.Context) error {
		for _, err := range scanner.Scan(ctx, "k") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	batcher, _ := store.As[store.Batcher](s)
	all["getmany"] = func(ctx context.Context) error { _, err := batcher.GetMany(ctx, []string{"x", "k"}); return err }
	return all
}

func TestFaultyFailsOneMethod(t *testing.T) {
	t.Parallel()
	own := errors.New("disk on fire")
	for op := range every(storetest.Faulty(open(t))) {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s lost=%v", op, lost), func(t *testing.T) {
				t.Parallel()
				inner := open(t)
				s := storetest.Faulty(inner)
				if err := inner.Put(t.Context(), "k", store.Item{Value: []byte("old")}); err != nil {
					t.Fatal(err)
				}
				before, err := inner.Get(t.Context(), "k")
				if err != nil {
					t.Fatal(err)
				}
				s.Inject(storetest.Fault{Op: op, Prefix: "k", Lost: lost, Err: own})
				if err := every(s)[op](t.Context()); err != own {
					t.Fatalf("the call returns %v, want %v", err, own)
				}
				after, err := inner.Get(t.Context(), "k")
				happened := err != nil || after.Version != before.Version || !after.Expires.Equal(before.Expires)
				reads := slices.Contains([]string{"get", "scan", "getmany"}, op)
				if want := lost && !reads; happened != want {
					t.Errorf("the call had an effect: %v, want %v", happened, want)
				}
				if err := every(s)[op](t.Context()); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("the fault hit twice: %v", err)
				}
			})
		}
	}
}

func TestFaultyScript(t *testing.T) {
	t.Parallel()
	s := storetest.Faulty(open(t),
		storetest.Fault{Op: "put", Prefix: "a", After: 1, Times: 2},
		storetest.Fault{Op: "put", Prefix: "a", Err: store.ErrFull},
	)
	var got []string
	for _, key := range []string{"a1", "b1", "a2", "b2", "a3", "a4", "a5"} {
		err := s.Put(t.Context(), key, store.Item{})
		got = append(got, fmt.Sprintf("%s: %v", key, err))
	}
	want := []string{
		"a1: store: full", // the first fault lets it pass, so the second has it
		"b1: <nil>",
		`a2: store: put "a2": storetest: injected fault`,
		"b2: <nil>",
		`a3: store: put "a3": storetest: injected fault`,
		"a4: <nil>",
		"a5: <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the script plays as\n%q, want\n%q", got, want)
	}
	var hit []string
	for _, call := range s.Calls() {
		if call.Hit {
			hit = append(hit, call.Keys...)
		}
	}
	if want := []string{"a1", "a2", "a3"}; !slices.Equal(hit, want) {
		t.Errorf("Calls() says that %q were hit, want %q", hit, want)
	}
	s.Inject(storetest.Fault{Times: -1})
	for range 3 {
		if err := s.Delete(t.Context(), "k"); !errors.Is(err, storetest.ErrInjected) {
			t.Errorf("Delete: %v, want ErrInjected", err)
		}
	}
	s.Heal()
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Errorf("Delete after Heal: %v", err)
	}
}

func TestFaultyDelaysAndHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.Faulty(open(t),
			storetest.Fault{Op: "put", Delay: time.Minute},
			storetest.Fault{Op: "put", Delay: time.Minute, Err: store.ErrFull},
			storetest.Fault{Op: "put", Delay: time.Minute},
			storetest.Fault{Op: "put", Hang: true},
		)
		for i, want := range []struct {
			took time.Duration
			err  error
		}{
			{time.Minute, nil},
			{time.Minute, store.ErrFull},
			{time.Second, context.DeadlineExceeded},
			{time.Second, context.DeadlineExceeded},
			{0, nil},
		} {
			ctx := t.Context()
			if errors.Is(want.err, context.DeadlineExceeded) {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Second)
				defer cancel()
			}
			start := time.Now()
			err := s.Put(ctx, "k", store.Item{})
			if took := time.Since(start); took != want.took || !errors.Is(err, want.err) {
				t.Errorf("call %d took %v and returned %v, want %v and %v", i, took, err, want.took, want.err)
			}
		}
	})
}

func TestFaultyAnswersWithGarbage(t *testing.T) {
	t.Parallel()
	s := storetest.Faulty(open(t))
	if err := s.Put(t.Context(), "k", store.Item{Value: []byte("right")}); err != nil {
		t.Fatal(err)
	}
	s.Inject(storetest.Fault{Times: 3, Answer: func(key string, it store.Item) store.Item {
		it.Value = append(it.Value, key...)
		return it
	}})
	var got []string
	it, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, string(it.Value))
	batcher, _ := store.As[store.Batcher](s)
	found, err := batcher.GetMany(t.Context(), []string{"k"})
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, string(found["k"].Value))
	scanner, _ := store.As[store.Scanner](s)
	for range 2 {
		for e, err := range scanner.Scan(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.Value))
		}
	}
	if want := []string{"rightk", "rightk", "rightk", "right"}; !slices.Equal(got, want) {
		t.Errorf("the answers are %q, want %q", got, want)
	}
}

func TestInjectRefusesAMethodThatDoesNotExist(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"Swap", "gett", " get"} {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "swap") {
					t.Errorf("Inject of a fault of %q: %v, want a panic that lists the methods", op, v)
				}
			}()
			storetest.Faulty(open(t), storetest.Fault{Op: op})
		}()
	}
}
