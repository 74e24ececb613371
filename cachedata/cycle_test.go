package cachedata_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/reecho-go/reecho/cachedata"
)

// isCircle checks that err names the circle of two loads, from either: that
// which came last to wait for the other finds it.
func isCircle(t *testing.T, err error, a, b string) {
	t.Helper()
	var way []string
	if ce, ok := errors.AsType[*cachedata.CycleError](err); ok {
		way = ce.Path
	}
	if !slices.Equal(way, []string{a, b, a}) && !slices.Equal(way, []string{b, a, b}) {
		t.Errorf("%v: it names %q, want the circle of %q and %q", err, way, a, b)
	}
}

// loadOf is how errors name the load of k.
func loadOf[K, V any](t *testing.T, c *cachedata.Cache[K, V], k K) string {
	t.Helper()
	fp, err := c.Fingerprint(k)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s[%016x]", c.Name(), fp)
}

// A load that comes back to itself by way of a cache of another group fails
// with an error that names the way.
func TestCycleAcrossCaches(t *testing.T) {
	t.Parallel()
	type cache = cachedata.Cache[string, string]
	var first, second *cache
	open := func(name string, next **cache) *cache {
		return cachedata.Must(cachedata.New(name, func(ctx context.Context, k string) (string, error) {
			return (*next).Get(ctx, k)
		}, cachedata.Config{Group: newGroup(t, cachedata.GroupConfig{})}))
	}
	first, second = open("first", &second), open("second", &first)
	_, err := first.Get(t.Context(), "k")
	isCircle(t, err, loadOf(t, first, "k"), loadOf(t, second, "k"))
	if n := first.Stats().Entries + second.Stats().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
}

// So does one that comes back by way of a batch, wherever the way begins.
func TestCycleThroughABatch(t *testing.T) {
	t.Parallel()
	g := newGroup(t, cachedata.GroupConfig{})
	var texts *cachedata.Cache[string, string]
	rows := cachedata.Must(cachedata.NewBatch("rows", func(ctx context.Context, keys []int) (map[int]string, error) {
		_, err := texts.Get(ctx, "k")
		return nil, err
	}, cachedata.Config{Group: g}))
	texts = cachedata.Must(cachedata.New("texts", func(ctx context.Context, _ string) (string, error) {
		m, err := rows.GetMany(ctx, []int{1, 2})
		return m[1], err
	}, cachedata.Config{Group: g}))
	text, batch := loadOf(t, texts, "k"), loadOf(t, rows.Cache, 1)+" and 1 more"

	_, err := texts.Get(t.Context(), "k")
	isCircle(t, err, text, batch)
	_, err = rows.GetMany(t.Context(), []int{1, 2})
	isCircle(t, err, text, batch)
	if n := texts.Stats().Entries + rows.Stats().Entries; n != 0 {
		t.Errorf("%d entries", n)
	}
}
