package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// RunShared tests two stores over the same data, such as those of two processes,
// against the rules of [store.Watcher], which both must have. It calls open once for
// each case, from parallel subtests, as [Run] does. The cases wait in real time.
func RunShared(t *testing.T, open func(t testing.TB) (one, other store.Store)) {
	for _, c := range sharedCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one, other := open(t)
			defer func() {
				if t.Failed() {
					t.Logf("the rule: %s", c.why)
				}
			}()
			c.run(t, one, other)
		})
	}
}

var sharedCases = []struct {
	name, why string
	run       func(t testing.TB, one, other store.Store)
}{
	{
		name: "every kind of change by another is told",
		why:  "Whoever has a value in memory must hear that it was written, swapped, touched, deleted or has expired; else it serves the old one. It may have what the store has not.",
		run: func(t testing.TB, one, other store.Store) {
			e := hears(t, one, "p/")
			put(t, other, "p/written", "1")
			e.wants("p/written")
			put(t, other, "p/written", "1") // the same again
			e.wants("p/written")
			if s, ok := store.As[store.Swapper](other); ok {
				version, err := s.Swap(t.Context(), "p/swapped", 0, store.Item{Value: []byte("1")})
				if err != nil {
					t.Fatal(err)
				}
				e.wants("p/swapped")
				if _, err := s.Swap(t.Context(), "p/swapped", version, store.Item{Value: []byte("2")}); err != nil {
					t.Fatal(err)
				}
				e.wants("p/swapped")
			}
			if s, ok := store.As[store.Toucher](other); ok {
				if err := s.Touch(t.Context(), "p/written", time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				e.wants("p/written")
			}
			remove(t, other, "p/written")
			e.wants("p/written")
			remove(t, other, "p/absent")
			e.wants("p/absent")
			for ttl := shortTTL; ; ttl *= 2 {
				key := fmt.Sprint("p/ends after ", ttl)
				putUntil(t, other, key, "1", time.Now().Add(ttl))
				if _, err := other.Get(t.Context(), key); err == nil {
					e.wants(key)
					e.wants(key) // it has ended
					break
				}
				if ttl > longTTL { // a busy machine may come too late, but not always
					t.Fatalf("what ends after %v was never there", ttl)
				}
			}
		},
	},
	{
		name: "keys are told as they are, and only those with the prefix",
		why:  "Two caches share a store by their prefixes. A key has any bytes.",
		run: func(t testing.TB, one, other store.Store) {
			e, all := hears(t, one, "p/"), hears(t, one, "")
			for _, key := range []string{"p", "q/", "P/", "p/", "p/\x00\xff\n", "p/:{}*", "p/p/"} {
				put(t, other, key, "1")
				all.wants(key)
			}
			e.wants("p/", "p/\x00\xff\n", "p/:{}*", "p/p/")
			if more := e.take(); len(more) > 0 {
				t.Errorf("told of %q too", more)
			}
		},
	},
	{
		name: "what a store has written itself it is not told",
		why:  "A cache that heard of its own writes would drop each result that it has just stored.",
		run: func(t testing.TB, one, other store.Store) {
			e, o := hears(t, one, ""), hears(t, other, "")
			for i := range 200 {
				put(t, one, fmt.Sprint("mine ", i), "1")
			}
			remove(t, one, "mine 0")
			put(t, other, "theirs", "1")
			e.wants("theirs")
			if told := e.all(); len(told) != 1 {
				t.Errorf("told of %q, want %q", told, "theirs")
			}
			o.wants("mine 0", "mine 199")
		},
	},
	{
		name: "of two that write at once each hears of the other",
		why:  "A server may tell of several changes at once. None may hide another's.",
		run: func(t testing.TB, one, other store.Store) {
			e, o := hears(t, one, ""), hears(t, other, "")
			const n = 300
			together(t, 2, func(who int) error {
				for i := range n {
					s := []store.Store{one, other}[who]
					if err := s.Put(t.Context(), fmt.Sprint(i), store.Item{Value: []byte("1")}); err != nil {
						return err
					}
				}
				return nil
			})
			for i := range n {
				e.wants(fmt.Sprint(i))
				o.wants(fmt.Sprint(i))
			}
		},
	},
	{
		name: "nothing is told after the end",
		why:  "What has ended its Watch may be gone: it must not be called.",
		run: func(t testing.TB, one, other store.Store) {
			e, stays := hears(t, one, ""), hears(t, one, "")
			put(t, other, "a", "1")
			e.wants("a")
			e.stop()
			e.stop() // a second call does nothing
			e.take()
			put(t, other, "b", "1")
			stays.wants("b")
			if told := e.take(); len(told) > 0 {
				t.Errorf("told of %q after the end", told)
			}
			again := hears(t, one, "")
			put(t, other, "c", "1")
			again.wants("c")
			stays.wants("c")
		},
	},
}

// ear is a listener that records the changes that it is told of.
type ear struct {
	t    testing.TB
	stop func()

	mu    sync.Mutex
	heard []string // since they were waited for
	ever  []string
	found int
	lost  []error
}

// hears returns an ear that listens to s already.
func hears(t testing.TB, s store.Store, prefix string) *ear {
	t.Helper()
	w, ok := store.As[store.Watcher](s)
	if !ok {
		t.Fatalf("%T has no Watch", s)
	}
	e := &ear{t: t}
	e.stop = w.Watch(prefix, store.Listener{
		Found: func() { e.note(func() { e.found++ }) },
		Lost:  func(err error) { e.note(func() { e.lost = append(e.lost, err) }) },
		Changed: func(key string) {
			e.note(func() { e.heard, e.ever = append(e.heard, key), append(e.ever, key) })
		},
	})
	t.Cleanup(e.stop)
	e.until("it hears", func() bool { return e.found > 0 })
	return e
}

func (e *ear) note(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// until waits until what, which is called under the lock, returns true.
func (e *ear) until(what string, so func() bool) {
	e.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		done := false
		e.note(func() { done = so() })
		if done {
			return
		}
		if time.Now().After(end) {
			e.t.Fatalf("waited a minute until %s; heard %q, lost %v", what, e.all(), e.lost)
		}
	}
}

// wants waits until it has heard of each of the keys since it last waited for that.
func (e *ear) wants(keys ...string) {
	e.t.Helper()
	for _, key := range keys {
		e.until(fmt.Sprintf("%q was told", key), func() bool {
			i := slices.Index(e.heard, key)
			if i >= 0 {
				e.heard = slices.Delete(e.heard, i, i+1)
			}
			return i >= 0
		})
	}
}

// take returns the changes that were not waited for.
func (e *ear) take() (heard []string) {
	e.note(func() { heard, e.heard = e.heard, nil })
	return heard
}

// all returns all changes.
func (e *ear) all() (ever []string) {
	e.note(func() { ever = slices.Clone(e.ever) })
	return ever
}
