package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reecho-go/reecho/store"
)

// historyCases compare the store with a model.
var historyCases = []testCase{
	{
		name: "random history",
		why:  "Any sequence of calls has the answers that a map in memory would give. What fails here and nowhere else is a rule that two methods break together.",
		run: func(t testing.TB, s store.Store) {
			// The seed is fixed, so that a failure comes again.
			h := &history{rand: rand.New(rand.NewPCG(1, 2)), s: s, model: make(map[string]store.Item), versions: make(map[string]uint64)}
			for step := range 1500 {
				what, wrong := h.step(t)
				h.log = append(h.log, what)
				if wrong != "" {
					t.Fatalf("step %d: %s\nthe last steps: %s", step, wrong, strings.Join(h.log[max(0, len(h.log)-12):], "; "))
				}
			}
		},
	},
}

// historyKeys are few, so that calls meet, and share prefixes.
var historyKeys = []string{"", "a", "a:1", "a:2", "b", "\xff"}

// history plays random calls on a store and on a model of it.
type history struct {
	rand     *rand.Rand
	s        store.Store
	model    map[string]store.Item // what is present
	versions map[string]uint64     // the greatest version that each key has had
	log      []string
}

// step makes one call and says which, and how the answer differs from the
// model's.
func (h *history) step(t testing.TB) (what, wrong string) {
	ctx := t.Context()
	key := historyKeys[h.rand.IntN(len(historyKeys))]
	value := strings.Repeat("v", h.rand.IntN(20))
	expires := []time.Time{{}, time.Now().Add(time.Hour), time.Now().Add(-time.Hour)}[h.rand.IntN(3)]
	before, present := h.model[key]

	var err error
	switch h.rand.IntN(6) {
	case 0, 1:
		what = fmt.Sprintf("Put(%q, %q, %v)", key, value, expires)
		err = h.s.Put(ctx, key, store.Item{Value: []byte(value), Expires: expires})
		h.write(key, value, expires)
	case 2:
		what = fmt.Sprintf("Delete(%q)", key)
		err = h.s.Delete(ctx, key)
		delete(h.model, key)
	case 3:
		c, ok := store.As[store.Swapper](h.s)
		if !ok {
			return "", ""
		}
		old := []uint64{0, h.versions[key], before.Version}[h.rand.IntN(3)]
		what = fmt.Sprintf("Swap(%q, %d, %q, %v)", key, old, value, expires)
		var version uint64
		version, err = c.Swap(ctx, key, old, store.Item{Value: []byte(value), Expires: expires})
		var want error
		switch {
		case present && old != before.Version:
			want = store.ErrConflict
		case !present && old != 0:
			want = store.ErrNotFound
		}
		if !errors.Is(err, want) || err == nil && version <= h.versions[key] {
			return what, fmt.Sprintf("%s = %d, %v, want %v and a version above %d", what, version, err, want, h.versions[key])
		}
		if err == nil {
			h.versions[key] = version
			h.write(key, value, expires)
		}
		err = nil
	case 4:
		c, ok := store.As[store.Toucher](h.s)
		if !ok {
			return "", ""
		}
		what = fmt.Sprintf("Touch(%q, %v)", key, expires)
		var want error
		if !present {
			want = store.ErrNotFound
		}
		if err = c.Touch(ctx, key, expires); !errors.Is(err, want) {
			return what, fmt.Sprintf("%s: %v, want %v", what, err, want)
		}
		if err == nil {
			before.Expires = expires
			h.keep(key, before)
		}
		err = nil
	case 5:
		c, ok := store.As[store.Scanner](h.s)
		if !ok {
			return "", ""
		}
		what = fmt.Sprintf("Scan(%q)", key)
		var got []string
		for e, err := range c.Scan(ctx, key) {
			if err != nil {
				return what, fmt.Sprintf("%s: %v", what, err)
			}
			got = append(got, e.Key)
		}
		if want := slices.Sorted(maps.Keys(h.model)); !slices.Equal(got, withPrefix(want, key)) {
			return what, fmt.Sprintf("%s yields %q, want %q", what, got, withPrefix(want, key))
		}
	}
	if err != nil {
		return what, fmt.Sprintf("%s: %v", what, err)
	}
	return what, h.compare(t)
}

// write notes a write in the model; its version is learned by compare.
func (h *history) write(key, value string, expires time.Time) {
	h.keep(key, store.Item{Value: []byte(value), Expires: expires})
}

// keep puts an item into the model unless it has expired.
func (h *history) keep(key string, it store.Item) {
	if !it.Expires.IsZero() && !it.Expires.After(time.Now()) {
		delete(h.model, key)
		return
	}
	h.model[key] = it
}

// compare reads every key and says what differs from the model.
func (h *history) compare(t testing.TB) string {
	for _, key := range historyKeys {
		got, err := h.s.Get(t.Context(), key)
		want, present := h.model[key]
		switch {
		case !present && errors.Is(err, store.ErrNotFound):
			continue
		case err != nil || !present:
			return fmt.Sprintf("Get(%q) = %q, %v; present in the model: %v", key, got.Value, err, present)
		case string(got.Value) != string(want.Value):
			return fmt.Sprintf("Get(%q) = %q, want %q", key, got.Value, want.Value)
		case want.Version != 0 && got.Version != want.Version:
			return fmt.Sprintf("Get(%q) has version %d, want %d", key, got.Version, want.Version)
		case got.Version < h.versions[key]:
			return fmt.Sprintf("Get(%q) has version %d after %d", key, got.Version, h.versions[key])
		}
		if !sameDeadline(got.Expires, want.Expires) {
			return fmt.Sprintf("Get(%q) expires at %v, want %v", key, got.Expires, want.Expires)
		}
		want.Version = got.Version
		h.model[key], h.versions[key] = want, got.Version
	}
	return ""
}
