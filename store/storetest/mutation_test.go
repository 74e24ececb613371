package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// TestSuiteCatchesWrongStores runs the suite on a simple store that is right,
// which must pass, and on the same store with one defect each, which must
// fail, and in the case that is about it.
func TestSuiteCatchesWrongStores(t *testing.T) {
	t.Parallel()
	tests := []struct {
		defect string
		caught string // by this case, maybe among others
	}{
		{"", ""},
		{"get of an absent key is no error", "missing key"},
		{"delete of an absent key is an error", "missing key"},
		{"put keeps the first value", "put, overwrite, delete"},
		{"delete does nothing", "put, overwrite, delete"},
		{"empty is absent", "empty value"},
		{"values end at 64 KiB", "large value and long key"},
		{"long keys are cut", "large value and long key"},
		{"keys are folded", "binary keys and values"},
		{"keys are trimmed", "binary keys and values"},
		{"keys end at NUL", "binary keys and values"},
		{"keys are cleaned paths", "binary keys and values"},
		{"keys are made valid text", "binary keys and values"},
		{"get aliases", "returned slice is the caller's own"},
		{"put retains", "given slice is not retained"},
		{"versions restart after delete", "versions grow and never come back"},
		{"versions restart after delete", "swap across delete and create"},
		{"an equal value keeps its version", "versions grow and never come back"},
		{"put takes the version given", "versions grow and never come back"},
		{"values are torn", "readers beside a writer see whole values"},
		{"deadlines are not kept", "expiry is kept"},
		{"deadlines round up to seconds", "expiry is kept"},
		{"deadlines are ignored", "absent from the deadline on"},
		{"deadlines come early", "absent from the deadline on"},
		{"an expired value conflicts", "absent from the deadline on"},
		{"a deadline in the past is none", "deadline in the past"},
		{"the old deadline stays", "overwriting replaces the deadline"},
		{"versions restart after expiry", "versions grow across expiry"},
		{"touch writes", "touch moves the deadline only"},
		{"touch only extends", "touch moves the deadline only"},
		{"touch does nothing", "touch saves from expiry"},
		{"touch creates", "touch never resurrects"},
		{"touch revives", "touch never resurrects"},
		{"touch is not atomic", "touch beside delete"},
		{"swap returns another version", "swap follows the version"},
		{"swap keeps the deadline", "swap follows the version"},
		{"swap ignores the version", "swap refuses another version"},
		{"a refused swap writes", "swap refuses another version"},
		{"swap accepts newer versions", "swap refuses another version"},
		{"swap creates", "swap of an absent key"},
		{"creating overwrites", "create only"},
		{"creating overwrites the empty", "create only"},
		{"swap is not atomic", "counter of 64 goroutines"},
		{"swap is not atomic", "create-only race has one winner"},
		{"swap is not atomic", "swap beside delete"},
		{"scan is not sorted", "scan by prefix, in order"},
		{"scan yields the expired", "scan by prefix, in order"},
		{"scan ignores the prefix", "scan by prefix, in order"},
		{"scan takes patterns", "scan by prefix, in order"},
		{"scan aliases", "scan by prefix, in order"},
		{"scan stops at changes", "scan while the store changes"},
		{"scan repeats", "scan while the store changes"},
		{"scan ignores its context", "scan with a context that ends"},
		{"scan ends silently", "scan with a context that ends"},
		{"getmany has the absent", "many at once"},
		{"getmany is nil when empty", "many at once"},
		{"getmany stops at 100", "a thousand at once"},
		{"contexts are ignored", "context already done"},
		{"a done context writes", "context already done"},
		{"close is ignored", "use after close"},
		{"close panics the second time", "use after close"},
		{"an equal value keeps its version and its deadline", "random history"},
		{"close fails the calls beside it", "close beside use"},
	}
	seen := make(map[string]bool)
	for _, test := range tests {
		seen[test.caught] = true
		t.Run(test.defect+"/"+test.caught, func(t *testing.T) {
			t.Parallel()
			open := func(testing.TB) store.Store { return newNaive(test.defect) }
			for _, c := range cases() {
				if test.defect != "" && c.name != test.caught {
					continue
				}
				r := record(t, c, open)
				if r.skipped {
					t.Errorf("case %q was skipped:\n%s", c.name, r)
				}
				switch failed := r.Failed(); {
				case test.defect == "" && failed:
					t.Errorf("case %q fails on a store that is right:\n%s", c.name, r)
				case test.defect != "" && !failed:
					t.Errorf("case %q does not see the defect", c.name)
				case failed && !strings.Contains(r.String(), c.why):
					t.Errorf("case %q does not explain itself:\n%s", c.name, r)
				}
			}
		})
	}
	for _, c := range cases() {
		if !seen[c.name] {
			t.Errorf("no wrong store proves that case %q can fail", c.name)
		}
	}
}

func TestMissingCapabilityIsSkipped(t *testing.T) {
	t.Parallel()
	bare := func(testing.TB) store.Store { return struct{ store.Store }{newNaive("")} }
	skipped := 0
	for _, c := range cases() {
		r := record(t, c, bare)
		if r.Failed() {
			t.Errorf("case %q fails on a store without capabilities:\n%s", c.name, r)
		}
		if r.skipped {
			skipped++
			if !strings.Contains(r.String(), "has no") {
				t.Errorf("case %q does not say what is missing: %s", c.name, r)
			}
		}
	}
	if all := len(cases()); skipped == 0 || skipped == all {
		t.Errorf("%d of %d cases were skipped", skipped, all)
	}
}

// recorder is a testing.TB that remembers instead of failing the test.
type recorder struct {
	testing.TB
	mu      sync.Mutex
	log     strings.Builder
	failed  bool
	skipped bool
}

// record runs one case on its own goroutine, as the testing package does.
func record(t *testing.T, c testCase, open func(testing.TB) store.Store) *recorder {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
				r.Logf("%s", c.why)
			}
		}()
		c.try(r, open)
	}()
	<-done
	return r
}

func (r *recorder) note(failed bool, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || failed
	fmt.Fprintf(&r.log, format+"\n", args...)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Helper()                           {}
func (r *recorder) Logf(format string, args ...any)   { r.note(false, format, args...) }
func (r *recorder) Errorf(format string, args ...any) { r.note(true, format, args...) }
func (r *recorder) FailNow()                          { r.note(true, ""); runtime.Goexit() }

func (r *recorder) Fatalf(format string, args ...any) {
	r.note(true, format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.note(false, format, args...)
	r.skipped = true
	runtime.Goexit()
}

// naive is the simplest store that keeps the contract, and its defects.
type naive struct {
	defect string
	mu     sync.Mutex
	items  map[string]store.Item // nil once closed
	last   uint64
	writes int
}

func newNaive(defect string) *naive {
	return &naive{defect: defect, items: make(map[string]store.Item)}
}

// is says whether the store has one of these defects.
func (n *naive) is(defects ...string) bool { return slices.Contains(defects, n.defect) }

// name is the key as the store uses it.
func (n *naive) name(key string) string {
	switch n.defect {
	case "long keys are cut":
		return key[:min(len(key), 512)]
	case "keys are folded":
		return strings.ToLower(key)
	case "keys are trimmed":
		return strings.TrimSpace(key)
	case "keys end at NUL":
		key, _, _ = strings.Cut(key, "\x00")
	case "keys are cleaned paths":
		return path.Clean(key)
	case "keys are made valid text":
		return strings.ToValidUTF8(key, "?")
	}
	return key
}

func (n *naive) copied(b []byte, defect string) []byte {
	if n.is(defect) {
		return b
	}
	return append([]byte{}, b...)
}

// enter takes the lock, or fails.
func (n *naive) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil && !n.is("contexts are ignored") {
		return err
	}
	n.mu.Lock()
	if n.items == nil {
		n.mu.Unlock()
		if n.is("close fails the calls beside it") {
			return errors.New("nil map")
		}
		return store.ErrClosed
	}
	return nil
}

// present is the item of key. The lock is held.
func (n *naive) present(key string) (store.Item, bool) {
	it, ok := n.items[n.name(key)]
	now := time.Now()
	if n.is("deadlines come early") {
		now = now.Add(time.Minute)
	}
	if ok && !it.Expires.IsZero() && !now.Before(it.Expires) && !n.is("deadlines are ignored") {
		return store.Item{}, false
	}
	return it, ok
}

// set writes. The lock is held.
func (n *naive) set(key string, it store.Item) uint64 {
	key = n.name(key)
	old, there := n.items[key]
	n.last++
	n.writes++
	version := n.last
	switch {
	case n.is("an equal value keeps its version") && there && bytes.Equal(old.Value, it.Value):
		version = old.Version
	case n.is("put takes the version given") && it.Version != 0:
		version = it.Version
	case n.is("versions restart after delete") && !there:
		n.last, version = 1, 1
	case n.is("versions restart after expiry") && there && !old.Expires.IsZero():
		n.last, version = 1, 1
	}
	it.Version = version
	it.Value = n.copied(it.Value, "put retains")
	switch {
	case n.is("deadlines are not kept") && !it.Expires.IsZero():
		it.Expires = it.Expires.Add(time.Hour)
	case n.is("deadlines round up to seconds") && !it.Expires.IsZero():
		it.Expires = it.Expires.Truncate(time.Second).Add(time.Second)
	case n.is("an equal value keeps its version and its deadline") && there && bytes.Equal(old.Value, it.Value):
		return old.Version
	case n.is("a deadline in the past is none") && it.Expires.Before(time.Now()):
		it.Expires = time.Time{}
	case n.is("the old deadline stays") && there && !old.Expires.IsZero():
		it.Expires = old.Expires
	case n.is("values end at 64 KiB"):
		it.Value = it.Value[:min(len(it.Value), 64<<10)]
	case n.is("put keeps the first value") && there:
		return version
	}
	n.items[key] = it
	return version
}

func (n *naive) Get(ctx context.Context, key string) (store.Item, error) {
	if err := n.enter(ctx); err != nil {
		return store.Item{}, err
	}
	defer n.mu.Unlock()
	it, ok := n.present(key)
	if !ok || n.is("empty is absent") && len(it.Value) == 0 {
		if n.is("get of an absent key is no error") {
			return store.Item{}, nil
		}
		return store.Item{}, store.ErrNotFound
	}
	it.Value = n.copied(it.Value, "get aliases")
	if n.is("values are torn") && n.writes%5 == 4 && len(it.Value) > 1 {
		it.Value[len(it.Value)/2]++
	}
	return it, nil
}

func (n *naive) Put(ctx context.Context, key string, it store.Item) error {
	if n.is("a done context writes") {
		defer func(err error) {
			if err != nil {
				_ = n.Put(context.WithoutCancel(ctx), key, it)
			}
		}(ctx.Err())
	}
	if err := n.enter(ctx); err != nil {
		return err
	}
	defer n.mu.Unlock()
	n.set(key, it)
	return nil
}

func (n *naive) Delete(ctx context.Context, key string) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	defer n.mu.Unlock()
	if _, ok := n.present(key); !ok && n.is("delete of an absent key is an error") {
		return store.ErrNotFound
	}
	if !n.is("delete does nothing") {
		delete(n.items, n.name(key))
	}
	return nil
}

func (n *naive) Swap(ctx context.Context, key string, old uint64, it store.Item) (uint64, error) {
	if err := n.enter(ctx); err != nil {
		return 0, err
	}
	defer n.mu.Unlock()
	cur, ok := n.present(key)
	if n.is("an expired value conflicts") {
		cur, ok = n.items[key]
	}
	if n.is("swap is not atomic") {
		n.mu.Unlock()
		time.Sleep(time.Millisecond)
		n.mu.Lock()
	}
	var err error
	switch {
	case !ok && old != 0 && !n.is("swap creates"):
		err = store.ErrNotFound
	case n.is("creating overwrites") && old == 0, n.is("creating overwrites the empty") && len(cur.Value) == 0:
	case n.is("swap accepts newer versions") && old > cur.Version:
	case ok && old != cur.Version && !n.is("swap ignores the version"):
		err = store.ErrConflict
	}
	if n.is("swap keeps the deadline") && ok {
		it.Expires = cur.Expires
	}
	if err == nil || n.is("a refused swap writes") {
		version := n.set(key, it)
		if n.is("swap returns another version") {
			version++
		}
		return version, err
	}
	return 0, err
}

func (n *naive) Touch(ctx context.Context, key string, expires time.Time) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	defer n.mu.Unlock()
	it, ok := n.present(key)
	if n.is("touch revives") && !ok {
		it, ok = n.items[key]
	}
	if n.is("touch is not atomic") {
		n.mu.Unlock()
		time.Sleep(time.Millisecond)
		n.mu.Lock()
	}
	if !ok && !n.is("touch creates") {
		return store.ErrNotFound
	}
	if n.is("touch does nothing") || n.is("touch only extends") && expires.Before(it.Expires) {
		return nil
	}
	it.Expires = expires
	if n.is("touch writes") {
		n.set(key, it)
		return nil
	}
	n.items[key] = it
	return nil
}

func (n *naive) matches(key, prefix, defect string) bool {
	if n.is(defect) {
		ok, err := path.Match(prefix+"*", key)
		return ok && err == nil
	}
	return strings.HasPrefix(key, prefix)
}

func (n *naive) Scan(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := n.enter(ctx); err != nil {
			yield(store.Entry{}, err)
			return
		}
		keys := slices.Sorted(maps.Keys(n.items))
		n.mu.Unlock()
		if n.is("scan is not sorted") {
			slices.Reverse(keys)
		}
		for i, key := range keys {
			if err := ctx.Err(); err != nil && !n.is("scan ignores its context") {
				if !n.is("scan ends silently") {
					yield(store.Entry{}, err)
				}
				return
			}
			n.mu.Lock()
			it, ok := n.present(key)
			if n.is("scan yields the expired") {
				it, ok = n.items[key]
			}
			n.mu.Unlock()
			if !ok && n.is("scan stops at changes") {
				return
			}
			if !ok || !n.matches(key, prefix, "scan takes patterns") && !n.is("scan ignores the prefix") {
				continue
			}
			it.Value = n.copied(it.Value, "scan aliases")
			if !yield(store.Entry{Key: key, Item: it}, nil) {
				return
			}
			if i == 100 && n.is("scan repeats") && !yield(store.Entry{Key: key, Item: it}, nil) {
				return
			}
		}
	}
}

func (n *naive) GetMany(ctx context.Context, keys []string) (map[string]store.Item, error) {
	if n.is("getmany is nil when empty") && len(keys) == 0 {
		return nil, nil
	}
	found := make(map[string]store.Item)
	for i, key := range keys {
		it, err := n.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) && !n.is("getmany has the absent") {
			continue
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if n.is("getmany stops at 100") && i > 100 {
			break
		}
		found[key] = it
	}
	return found, nil
}

func (n *naive) Close(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.items == nil && n.is("close panics the second time") {
		panic("closed twice")
	}
	if !n.is("close is ignored") {
		n.items = nil
	}
	return nil
}
