package cacheresource_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reecho-go/reecho/cacheresource"
)

// memo opens the same thing again until it has been released.
type memo struct {
	*world
	it *thing
}

func (m *memo) open(ctx context.Context, key string) (*thing, error) {
	if it := m.it; it != nil {
		time.Sleep(m.took) // deaf
		return it, nil
	}
	it, err := m.world.open(ctx, key)
	m.it = it
	return it, err
}

func (m *memo) release(ctx context.Context, key string, th *thing) error {
	m.it = nil
	return m.world.release(ctx, key, th)
}

// While a refresh runs, it may bring what it is to replace: so that is not
// released before it has ended, whatever happens to it.
func TestWhatARefreshMayReturnAgainIsNotReleased(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *cacheresource.Resource[string, *thing]){
		"Clear":  func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Clear(t.Context())) },
		"Delete": func(t *testing.T, r *cacheresource.Resource[string, *thing]) { must(t, r.Delete(t.Context(), "k")) },
		"expiry": func(*testing.T, *cacheresource.Resource[string, *thing]) { time.Sleep(65 * time.Second) },
		"Close":  closeForTest,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := &memo{world: &world{t: t}}
				g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
				must(t, err)
				r, err := cacheresource.New("memo", m.open, cacheresource.Config{
					Group:    g,
					TTL:      time.Minute,
					StaleFor: time.Minute,
				}, cacheresource.Funcs[string, *thing]{
					Release: m.release,
				})
				must(t, err)
				first := use(t, r, "k")
				m.took = 2 * time.Minute
				time.Sleep(time.Minute)
				if use(t, r, "k") != first {
					t.Error("not served while it is stale")
				}
				synctest.Wait() // the refresh has begun
				end(t, r)
				synctest.Wait()
				if name != "Close" && first.released.Load() != 0 {
					t.Error("released while the refresh may still return it")
				}
				time.Sleep(2 * time.Minute)
				closeAll(t, r)
				w := m.world
				w.everythingReleased()
			})
		})
	}
}

// What a value was opened with outlives it, however often it is opened again.
func TestWhatIsReturnedAgainKeepsWhatItWasOpenedWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, err := cacheresource.NewGroup("g", cacheresource.GroupConfig{})
		must(t, err)
		bases, m := &world{t: t}, &memo{world: &world{t: t}}
		base, err := cacheresource.New("base", bases.open, cacheresource.Config{Group: g}, cacheresource.Funcs[string, *thing]{Release: bases.release})
		must(t, err)
		var needed *thing
		top, err := cacheresource.New("top", func(ctx context.Context, key string) (*thing, error) {
			if m.it == nil {
				if err := base.Do(ctx, "base", func(th *thing) error { needed = th; return nil }); err != nil {
					return nil, err
				}
			}
			return m.open(ctx, key)
		}, cacheresource.Config{
			Group:    g,
			TTL:      time.Minute,
			StaleFor: time.Minute,
		}, cacheresource.Funcs[string, *thing]{
			Release: func(ctx context.Context, key string, th *thing) error {
				if needed.released.Load() != 0 {
					t.Error("base was released before top")
				}
				return m.release(ctx, key, th)
			},
		})
		must(t, err)
		first := use(t, top, "top")
		for range 3 {
			time.Sleep(time.Minute)
			use(t, top, "top")
			synctest.Wait()
		}
		if use(t, top, "top") != first || top.Stats().Releases.Replaced != 3 {
			t.Errorf("stats %+v, want the same value to have been opened four times", top.Stats())
		}
		must(t, base.Delete(t.Context(), "base"))
		synctest.Wait()
		if n := needed.released.Load(); n != 0 {
			t.Error("base was released under top")
		}
		if s := base.Stats(); s.Leases != 1 {
			t.Errorf("%d leases of base, want one for all", s.Leases)
		}
		must(t, g.Close(t.Context()))
		bases.everythingReleased()
		m.everythingReleased()
	})
}
