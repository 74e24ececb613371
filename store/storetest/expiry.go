package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// Real deadlines start this short, and get longer when the machine is too busy
// to look at the key before the deadline has passed.
const (
	shortTTL = 60 * time.Millisecond
	longTTL  = 4 * time.Second
)

// expiryCases are the rules of Item.Expires and of Toucher.
var expiryCases = []testCase{
	{
		name: "expiry is kept",
		why:  "Get tells the deadline that was put: never a later one, and at most a millisecond earlier. Zero stays zero.",
		run: func(t testing.TB, s store.Store) {
			put(t, s, "forever", "v")
			if got := get(t, s, "forever").Expires; !got.IsZero() {
				t.Fatalf("a key without a deadline expires at %v", got)
			}
			for _, ttl := range []time.Duration{time.Hour + 123456789, 100 * 365 * 24 * time.Hour} {
				want := time.Now().Add(ttl)
				putUntil(t, s, "k", "v", want)
				checkExpires(t, get(t, s, "k").Expires, want)
			}
		},
	},
	{
		name: "absent from the deadline on",
		why:  "A key is present before its deadline and absent as soon as now >= Expires, for every method, even if its memory was not freed yet.",
		run: func(t testing.TB, s store.Store) {
			expires := presentUntil(t, s, "k", func(expires time.Time) { putUntil(t, s, "k", "v", expires) })
			time.Sleep(time.Until(expires))
			absent(t, s, "k")
			remove(t, s, "k")
			if swapper, ok := store.As[store.Swapper](s); ok {
				putUntil(t, s, "k", "v", time.Now().Add(-time.Second))
				_, err := swapper.Swap(t.Context(), "k", 1<<62, store.Item{})
				wantErr(t, "Swap on an expired key", err, store.ErrNotFound)
				if _, err := swapper.Swap(t.Context(), "k", 0, store.Item{Value: []byte("new")}); err != nil {
					t.Fatalf("creating an expired key again: %v", err)
				}
				holds(t, s, "k", "new")
			}
		},
	},
	{
		name: "deadline in the past",
		why:  "Writing a value that has expired already leaves the key absent, also when a living value was there.",
		run: func(t testing.TB, s store.Store) {
			for _, past := range []time.Time{time.Now().Add(-time.Millisecond), time.Unix(0, 0), time.Unix(-1, 0), time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)} {
				put(t, s, "k", "living")
				putUntil(t, s, "k", "dead", past)
				absent(t, s, "k")
			}
			put(t, s, "k", "new")
			holds(t, s, "k", "new")
		},
	},
	{
		name: "overwriting replaces the deadline",
		why:  "The deadline belongs to the value: Put without one makes the key permanent, Put with another one moves it. A deadline that is left over deletes the new value.",
		run: func(t testing.TB, s store.Store) {
			soon := time.Now().Add(shortTTL)
			putUntil(t, s, "forever", "old", soon)
			put(t, s, "forever", "new")
			putUntil(t, s, "later", "old", soon)
			putUntil(t, s, "later", "new", time.Now().Add(time.Hour))
			put(t, s, "sooner", "old")
			putUntil(t, s, "sooner", "new", soon)
			putUntil(t, s, "deleted", "old", soon)
			remove(t, s, "deleted")
			put(t, s, "deleted", "new")
			time.Sleep(time.Until(soon) + shortTTL/2)
			holds(t, s, "forever", "new")
			holds(t, s, "later", "new")
			absent(t, s, "sooner")
			holds(t, s, "deleted", "new")
		},
	},
	{
		name: "versions grow across expiry",
		why:  "A version is never given twice, also when the key expired in between.",
		run: func(t testing.TB, s store.Store) {
			putUntil(t, s, "k", "v", time.Now().Add(time.Hour))
			before := get(t, s, "k").Version
			putUntil(t, s, "k", "v", time.Now().Add(-time.Second))
			absent(t, s, "k")
			put(t, s, "k", "v")
			if after := get(t, s, "k").Version; after <= before {
				t.Fatalf("the version went from %d to %d", before, after)
			}
		},
	},
	{
		name: "touch moves the deadline only",
		why:  "Touch sets the deadline, earlier or later or none, and leaves value and version alone: it must not make a Swap fail.",
		run: func(t testing.TB, s store.Store) {
			toucher := capability[store.Toucher](t, s, "Touch")
			put(t, s, "k", "value")
			before := get(t, s, "k")
			for _, expires := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(time.Minute), {}} {
				if err := toucher.Touch(t.Context(), "k", expires); err != nil {
					t.Fatalf("Touch: %v", err)
				}
				after := get(t, s, "k")
				if string(after.Value) != "value" || after.Version != before.Version {
					t.Fatalf("Touch changed %q, version %d to %q, version %d", before.Value, before.Version, after.Value, after.Version)
				}
				checkExpires(t, after.Expires, expires)
			}
			expires := presentUntil(t, s, "k", func(expires time.Time) {
				put(t, s, "k", "value")
				if err := toucher.Touch(t.Context(), "k", expires); err != nil {
					t.Fatalf("Touch: %v", err)
				}
			})
			time.Sleep(time.Until(expires))
			absent(t, s, "k")
		},
	},
	{
		name: "touch saves from expiry",
		why:  "After Touch only the new deadline counts.",
		run: func(t testing.TB, s store.Store) {
			toucher := capability[store.Toucher](t, s, "Touch")
			var first time.Time
			for ttl := shortTTL; ; ttl *= 2 {
				first = time.Now().Add(ttl)
				putUntil(t, s, "k", "v", first)
				err := toucher.Touch(t.Context(), "k", first.Add(time.Hour))
				if err == nil {
					break
				}
				if time.Now().Before(first) || ttl > longTTL {
					t.Fatalf("Touch before the deadline: %v", err)
				}
			}
			time.Sleep(time.Until(first) + shortTTL/2)
			holds(t, s, "k", "v")
		},
	},
	{
		name: "touch never resurrects",
		why:  "Touch on a key that is absent, deleted or expired is ErrNotFound and creates nothing. A session that a logout deleted must not come back because another request slides its deadline.",
		run: func(t testing.TB, s store.Store) {
			toucher := capability[store.Toucher](t, s, "Touch")
			later := time.Now().Add(time.Hour)
			refused := func(what string) {
				t.Helper()
				wantErr(t, "Touch of "+what, toucher.Touch(t.Context(), "k", later), store.ErrNotFound)
				absent(t, s, "k")
			}
			refused("a key never written")
			put(t, s, "k", "v")
			remove(t, s, "k")
			refused("a deleted key")
			putUntil(t, s, "k", "v", time.Now().Add(-time.Second))
			refused("an expired key")
			put(t, s, "k", "v")
			if err := toucher.Touch(t.Context(), "k", time.Now().Add(-time.Second)); err != nil {
				t.Fatalf("Touch into the past: %v", err)
			}
			refused("a key touched into the past")
		},
	},
	{
		name: "touch beside delete",
		why:  "However Touch and Delete interleave, the key is absent once Delete has returned.",
		run: func(t testing.TB, s store.Store) {
			toucher := capability[store.Toucher](t, s, "Touch")
			for range 30 {
				put(t, s, "k", "v")
				together(t, 4, func(who int) error {
					if who == 0 {
						return s.Delete(t.Context(), "k")
					}
					err := toucher.Touch(t.Context(), "k", time.Now().Add(time.Hour))
					if errors.Is(err, store.ErrNotFound) {
						return nil
					}
					return err
				})
				absent(t, s, "k")
			}
		},
	},
}

// presentUntil writes key with a deadline, sees that it is present before, and
// returns the deadline. On a busy machine the deadline may pass before the
// look; then it tries again with a later one.
func presentUntil(t testing.TB, s store.Store, key string, write func(expires time.Time)) time.Time {
	t.Helper()
	for ttl := shortTTL; ttl <= longTTL; ttl *= 2 {
		expires := time.Now().Add(ttl).Truncate(time.Millisecond)
		write(expires)
		_, err := s.Get(t.Context(), key)
		if err == nil {
			return expires
		}
		if before := time.Until(expires); before > 0 {
			t.Fatalf("Get %v before the deadline: %v", before, err)
		}
	}
	t.Fatalf("Get did not answer within %v", longTTL)
	return time.Time{}
}

// checkExpires compares deadlines as exactly as the contract does.
func checkExpires(t testing.TB, got, want time.Time) {
	t.Helper()
	if !sameDeadline(got, want) {
		t.Fatalf("Expires is %v, want %v", got, want)
	}
}

// sameDeadline says whether a store may tell got for the deadline want.
func sameDeadline(got, want time.Time) bool {
	early := want.Sub(got)
	return want.IsZero() == got.IsZero() && early >= 0 && early <= time.Millisecond
}
