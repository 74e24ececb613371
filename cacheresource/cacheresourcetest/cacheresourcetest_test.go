package cacheresourcetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
	"github.com/reecho-go/reecho/cacheresource/cacheresourcetest"
	"github.com/reecho-go/reecho/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// failures is a test that notes its failures.
type failures struct {
	testing.TB
	seen []string
}

func (*failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.seen = append(f.seen, fmt.Sprintf(format, args...))
}

func TestLeasesThatATestForgot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var base *cacheresource.Resource[string, string]
		open := func(ctx context.Context, key string) (string, error) {
			if key == "base" {
				return key, nil
			}
			return key, base.Do(ctx, "base", func(string) error { return nil })
		}
		config := cacheresource.Config{Group: g, LeakAge: time.Hour}
		base = cacheresource.Must(cacheresource.New("base", open, config))
		top := cacheresource.Must(cacheresource.New("top", open, config))
		acquire := func(r *cacheresource.Resource[string, string], key string) *cacheresource.Lease[string] {
			l, err := r.Acquire(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}

		acquire(top, "a").Release()
		if _, err := top.Pin(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		cacheresourcetest.VerifyNoLeases(t, g) // open, pinned, and base is needed by top
		cacheresourcetest.VerifyNoLeases(t)

		soon := acquire(base, "base")
		time.AfterFunc(time.Second/2, soon.Release)
		cacheresourcetest.VerifyNoLeases(t, g)

		forgotten := []*cacheresource.Lease[string]{acquire(top, "b"), acquire(base, "base"), acquire(base, "base")}
		f := &failures{TB: t}
		cacheresourcetest.VerifyNoLeases(f, g)
		if len(f.seen) != 2 || !strings.Contains(f.seen[0], "base[") || !strings.Contains(f.seen[0], "(2 leases: ") ||
			!strings.Contains(f.seen[1], "top[") || !strings.Contains(f.seen[1], "(1 lease: ") || !strings.Contains(f.seen[1], "cacheresourcetest_test.go:") {
			t.Errorf("reported %q, want base leased twice and top once, and where", f.seen)
		}
		for _, l := range forgotten {
			l.Release()
		}
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
